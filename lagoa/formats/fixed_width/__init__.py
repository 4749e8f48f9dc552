"""Text files of fixed widths."""
