"""XML: records are elements at a path."""
