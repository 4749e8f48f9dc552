"""Features of machine learning: read as they were known at any moment, and online, always of one commit of the lake."""
