"""Models that learn from one commit of the lake: their sets, tests, records, promotion and repetition.

Nothing here knows MLflow: what is shown to people and tools goes through `lagoa.domain.ports.training.Tracking`.
"""
