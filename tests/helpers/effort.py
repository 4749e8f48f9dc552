"""How long tests by chance look: with `FUZZ=20` they try 20 times as many examples (`make test-nightly`)."""

from __future__ import annotations

import os

FACTOR = int(os.environ.get("FUZZ", "1"))


def many(examples: int) -> int:
    """Return how many examples a test tries for each of these."""
    return examples * FACTOR
