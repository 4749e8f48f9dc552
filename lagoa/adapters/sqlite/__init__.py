"""The catalog and the receipts in SQLite files."""
