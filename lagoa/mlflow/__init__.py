"""What MLflow's clients find by its extension points: its datasets, its models, its sign-in."""
