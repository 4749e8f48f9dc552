"""JSON and JSON lines."""
