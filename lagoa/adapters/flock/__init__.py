"""Turns by locked files."""
