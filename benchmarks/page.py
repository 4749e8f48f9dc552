"""docs/benchmarks.md: a section for each thing that is measured, with where and when; the others stay as they are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"

_SECTION = re.compile(r"^## (?P<name>.+)\n", re.MULTILINE)


def write(sections: Mapping[str, str]) -> None:
    """Put texts in the place of the sections of these names, or behind the others."""
    before, *parts = _SECTION.split(PAGE.read_text("utf-8"))
    kept = dict(zip(parts[::2], parts[1::2], strict=True)) | {name: f"\n{text}\n" for name, text in sections.items()}
    texts = [before, *(f"## {name}\n{text}" for name, text in kept.items())]
    PAGE.write_text("\n\n".join(text.strip() for text in texts) + "\n", "utf-8")
