"""How long property tests look: `FUZZ=20` (`make test-nightly`) is 20 times as many examples, others each time."""

from __future__ import annotations

import os

FACTOR = int(os.environ.get("FUZZ", "1"))


def many(examples: int) -> int:
    """Return how many examples a test tries for each of these."""
    return examples * FACTOR
