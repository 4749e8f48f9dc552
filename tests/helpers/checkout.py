"""Where the checkout lies, for tests that read other files of it."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
