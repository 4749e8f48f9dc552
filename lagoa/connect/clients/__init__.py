"""One module a client: what it needs, as text."""
