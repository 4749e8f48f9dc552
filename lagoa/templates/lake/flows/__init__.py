"""Scheduled work on this lake; `lagoa run NAME` runs `flows/NAME.py`."""
