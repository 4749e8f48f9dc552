"""Backups of a lake: made while others write, verified, and restored to an empty lake."""
