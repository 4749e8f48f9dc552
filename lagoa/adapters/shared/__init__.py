"""What adapters of one port share."""
