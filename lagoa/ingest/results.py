"""The results of loading a file and a folder."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from lagoa.domain.lists import counted, listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lagoa.domain.tables import TableName
    from lagoa.ingest.delivery import Delivery


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
        missing: columns of the contract that the file does not have; they are null. None of a file that was
            loaded before, which is not opened again.
        unread: other files of the zip file, which were not read.
        footer: records at the end of the file that the contract says are no data; they are not among those received.
        notes: what else of the file was left out, such as a last column without name and values.
        skipped: the same batch with the same content was loaded before, so nothing was done.
        duplicate_of: name of another file of the folder that has the same content and was loaded, if skipped for that.
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
    unread: tuple[str, ...] = ()
    footer: int = 0
    notes: tuple[str, ...] = ()
    skipped: bool = False
    duplicate_of: str | None = None
    commit: str | None = None
    seconds: float = 0.0

    def __repr__(self) -> str:
        refused = f", {self.quarantined:,} in quarantine" if self.quarantined else ""
        done = "loaded before" if self.skipped else f"{counted(self.accepted, 'row')} added{refused}"
        return f"<IngestResult {self.table} from {self.source!r}: {done}>"


class FolderResult(list[IngestResult]):
    """The results of loading a folder, one per file: a list that knows what was in the folder.

    Attributes:
        delivery: the files of the folder, with those that were ignored.
    """

    def __init__(self, results: Iterable[IngestResult], delivery: Delivery) -> None:
        """Take the results in the order of loading; a file that was skipped for an earlier one is its duplicate."""
        super().__init__()
        self.delivery = delivery
        first: dict[tuple[TableName, str], str] = {}
        for result in results:
            source = first.setdefault((result.table, result.batch), result.source)
            duplicate = result.skipped and source != result.source
            self.append(replace(result, duplicate_of=source) if duplicate else result)

    @property
    def loaded(self) -> list[IngestResult]:
        """The results of the files whose rows were added now."""
        return [each for each in self if not each.skipped]

    @property
    def duplicates(self) -> list[IngestResult]:
        """The results of the files that have the content of another file of the folder."""
        return [each for each in self if each.duplicate_of is not None]

    @property
    def known(self) -> list[IngestResult]:
        """The results of the files that were loaded before."""
        return [each for each in self if each.skipped and each.duplicate_of is None]

    @property
    def summary(self) -> str:
        """What became of every file of the folder, in one to three lines."""
        delivery = self.delivery
        others = {
            "loaded before": len(self.known),
            "of the same content as another": len(self.duplicates),
            "ignored": len(delivery.ignored),
        }
        counts = [f"{len(self.loaded)} loaded", *(f"{n} {what}" for what, n in others.items() if n)]
        names = f" ({listed(delivery.ignored)})" if delivery.ignored else ""
        lines = [f"Files: {delivery.found} found, {', '.join(counts)}{names}."]
        if delivery.folders:
            lines.append(f"Folders, which were not opened: {listed(delivery.folders)}.")
        if delivery.unmatched:
            files = [f"{table} ({file})" for table, file in delivery.unmatched.items()]
            lines.append(f"No file for {listed(files)}.")
        return "\n".join(lines)
