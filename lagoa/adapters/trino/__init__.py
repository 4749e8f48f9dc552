"""Catalogs of sandboxes, and models, on Trino."""
