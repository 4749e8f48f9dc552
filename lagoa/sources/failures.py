"""What several sources gave, where one that fails does not hold the others back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lagoa.domain.lists import counted, listed
from lagoa.errors import SourcesFailed

if TYPE_CHECKING:
    from lagoa.errors import LagoaError
    from lagoa.ingest import IngestResult


@dataclass(slots=True)
class LoadedSources:
    """What was loaded of several sources.

    Attributes:
        results: one per file or page, also of a source that failed later.
        failures: the error of each source that failed, by its name.
    """

    results: list[IngestResult] = field(default_factory=list)
    failures: dict[str, LagoaError] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """What became of all that the sources had, in one or two sentences."""
        new = [each for each in self.results if not each.skipped]
        known = len(self.results) - len(new)
        rows = counted(sum(each.accepted for each in new), "row")
        refused = counted(sum(each.quarantined for each in new), "record")
        said = f"Sources: {counted(len(new), 'delivery', 'deliveries')} loaded, {known} known before; {rows} added, "
        failed = f" Not loaded to their end: {listed(sorted(self.failures))}." if self.failures else ""
        return f"{said}{refused} in quarantine.{failed}"

    def raise_failures(self) -> None:
        """Raise the error of the source that failed, or one that has those of all.

        Raises:
            LagoaError: the one error.
            SourcesFailed: several failed.
        """
        errors = list(self.failures.values())
        if len(errors) == 1:
            raise errors[0]
        if errors:
            told = "\n".join(f"  {name}: {error}" for name, error in self.failures.items())
            raise SourcesFailed(listed(list(self.failures)), told)
