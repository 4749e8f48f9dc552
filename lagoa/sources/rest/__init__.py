"""APIs that answer in pages over HTTP."""
