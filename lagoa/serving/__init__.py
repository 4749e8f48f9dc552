"""Answers of champions to single rows, with features that are read online, by Python and by HTTP."""
