"""What MLflow's clients find by its extension points: training sets as its datasets, saved models as its models."""
