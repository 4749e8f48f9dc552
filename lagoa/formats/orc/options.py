"""What `lagoa.source` may say about ORC files."""

from __future__ import annotations

from typing import ClassVar, Literal

from lagoa.contracts.sources import Source


class OrcSource(Source):
    """The form of ORC files, which describe their own columns.

    Attributes:
        format: `orc`.
    """

    files: ClassVar[str] = "ORC"

    format: Literal["orc"]
