"""The catalog on Nessie."""
