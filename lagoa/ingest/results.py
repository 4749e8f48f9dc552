"""The result of loading a file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lagoa.domain.tables import TableName


@dataclass(frozen=True, slots=True)
class IngestResult:
    """The result of loading one file.

    Attributes:
        table: the table that its rows were added to.
        source: the file's name.
        batch: id of the batch.
        received: records in the file; always `accepted + quarantined`.
        accepted: rows added to the table.
        quarantined: records refused; they are in the table's quarantine.
        rules: records refused, by the first rule that each breaks.
        missing: columns of the contract that the file does not have; they are null.
        skipped: the same batch with the same content was loaded before, so nothing was done.
        commit: id of the commit that contains it; None if skipped.
        seconds: wall time.
    """

    table: TableName
    source: str
    batch: str
    received: int = 0
    accepted: int = 0
    quarantined: int = 0
    rules: Mapping[str, int] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    skipped: bool = False
    commit: str | None = None
    seconds: float = 0.0
