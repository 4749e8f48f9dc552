"""Readers of source files: each hands on every record of a file once, with its number, place and bytes."""
