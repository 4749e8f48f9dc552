"""Catalogs of sandboxes on Trino."""
