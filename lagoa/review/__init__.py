"""Inspecting a lake: overview, queries, differences, reports, and whether it is healthy."""
