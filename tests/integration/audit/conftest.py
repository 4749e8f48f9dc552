"""The small lake of people and their pets, opened."""

from __future__ import annotations

import pytest


@pytest.fixture
def lake(small):
    """Return the lake, with nothing in it."""
    with small.open() as opened:
        yield opened
