"""The values that every part of Lagoa uses, the ports that adapters implement, and caches in memory and in files."""
