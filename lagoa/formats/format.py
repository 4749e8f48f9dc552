"""What each format's package provides: how files are recognised, read and inferred, and records split again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from lagoa.contracts.sources import ISO_DATE, Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lagoa.contracts.contract import Contract
    from lagoa.domain.tables import TableName
    from lagoa.formats.shared.files import SourceFile
    from lagoa.formats.shared.given import Findings, Given
    from lagoa.formats.shared.guesses import Guess
    from lagoa.formats.shared.reading import Reader
    from lagoa.formats.shared.refused import Kept, Split
    from lagoa.formats.shared.scan import Last, Refused, Scan

S = TypeVar("S", bound=Source)


class Format(ABC, Generic[S]):
    """A format of files that tables are loaded from.

    Every command that reads contracts imports it with the registry, so the methods import what reads files.

    Attributes:
        names: its names in contracts.
        options: what `lagoa.source` may say about its files.
        given: what of `Given` may be known about its files.
        counts_rows: whether the place of a record is the number of its row, not that of its first byte.
    """

    names: ClassVar[tuple[str, ...]]
    given: ClassVar[frozenset[str]] = frozenset()
    counts_rows: ClassVar[bool] = False
    options: type[S]

    @abstractmethod
    def recognises(self, file: SourceFile) -> bool:
        """Return whether a file has the format, by its name or its first bytes.

        Raises:
            SourceError: the file cannot be read.
        """

    @abstractmethod
    def reader(self, contract: Contract, source: S, file: SourceFile) -> Reader:
        """Return the reader of a file, its header read.

        Raises:
            SourceError: the file does not have the format, or does not fit the contract.
        """

    @abstractmethod
    def infer(self, file: SourceFile, table: TableName, given: Given, findings: Findings) -> tuple[S, list[Guess]]:
        """Return the form of a file to be loaded into a table, and its columns; types of text columns are found later.

        Args:
            file: the file.
            table: the table.
            given: what is known about it.
            findings: gets notes for a reviewer, and what was tried.

        Raises:
            SourceError: the file is empty, or its form cannot be determined.
        """

    def for_infer(self, source: S) -> S:
        """Return the form with which a file's records are read to guess from them."""
        return source

    def find_footer(self, given: Given, scan: Scan, last: Sequence[Last], refused: Sequence[Refused]) -> int:
        """Return how many records at the end of a file are no data; see `Scan.read`."""
        del given, scan, last, refused
        return 0

    def complete(self, source: S, guesses: Sequence[Guess], scan: Scan, given: Given, findings: Findings) -> S:
        """Complete the guesses of text columns; return the form with how their values are written.

        Args:
            source: the form so far.
            guesses: of the columns.
            scan: what the pass over the files saw.
            given: what is known about them.
            findings: gets notes for a reviewer.
        """
        from lagoa.formats.shared.text_columns import Usual, guess_columns

        usual = Usual(date=given.date or ISO_DATE)
        findings.notes += [*guess_columns(guesses, scan.columns, usual), *scan.refusals()]
        return source.model_copy(update={"date": usual.date})

    def contract_options(self, source: S) -> Iterable[str]:
        """Return the options of a form as a contract has them after `format` and `file`: `key: value` in YAML."""
        del source
        return ()

    def described(self, source: S) -> str:
        """Return how files of a form are read, as the end of a sentence about an unreadable file; it may be empty."""
        del source
        return ""

    @abstractmethod
    def split(self, contract: Contract, source: S, records: Sequence[Kept], *, alone: bool) -> list[Split]:
        """Return the values of refused records as text, by the current contract; or why one cannot be split.

        A record whose file had another format than the table has now is not split: it keeps its fault.

        Args:
            contract: of the table that refused the records.
            source: the form of its files.
            records: as the quarantine keeps them.
            alone: whether each line that broken quoting damaged is one record.
        """
