"""Check files, run by Soda."""
