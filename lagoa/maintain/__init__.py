"""Maintenance of a lake: which files its commits need, and what becomes of the others."""
