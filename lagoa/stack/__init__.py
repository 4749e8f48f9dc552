"""The real stack on one machine, without Docker: its servers fetched, started, watched and ended."""
