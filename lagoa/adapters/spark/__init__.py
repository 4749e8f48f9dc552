"""Models on Apache Spark."""
