"""Receipts and online features in PostgreSQL."""
