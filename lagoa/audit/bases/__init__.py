"""What kinds of check share: how a figure is measured, and how definitions of the same form are compared."""
