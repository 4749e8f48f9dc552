"""The SQL engine DuckDB."""
