"""Prefect flows of the reference lake: thin, over `lagoa.Lake`."""
