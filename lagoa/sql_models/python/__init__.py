"""Models that are a Python function of Arrow tables: read without running them, and run in a process of their own."""
