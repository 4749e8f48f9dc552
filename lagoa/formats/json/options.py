"""What `lagoa.source` may say about JSON files."""

from __future__ import annotations

from typing import ClassVar, Literal

from lagoa.formats.shared.options import TextSource


class JsonSource(TextSource):
    """The form of JSON files.

    Attributes:
        format: `json` (one array of objects, or one object) or `jsonl` (one object per line).
    """

    files: ClassVar[str] = "JSON"

    format: Literal["json", "jsonl"]
