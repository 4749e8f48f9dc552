"""One module a real thing: catalog, engine, auditor, store. Imported by lake.py alone."""
