"""Receipts in PostgreSQL."""
