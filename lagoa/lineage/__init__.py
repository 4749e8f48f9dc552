"""Who reads which table and column: models, checks, contracts, features, trained models and declared exposures."""
