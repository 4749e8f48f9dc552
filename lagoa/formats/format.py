"""What each format's package provides: how files are recognised, read and inferred, and records split again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from lagoa.contracts.sources import Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from duckdb import DuckDBPyConnection

    from lagoa.contracts.contract import Contract
    from lagoa.domain.tables import TableName
    from lagoa.formats.shared.files import SourceFile
    from lagoa.formats.shared.guesses import Guess
    from lagoa.formats.shared.reading import Reader
    from lagoa.formats.shared.refused import Kept, Split

S = TypeVar("S", bound=Source)


class Format(ABC, Generic[S]):
    """A format of files that tables are loaded from.

    Every command that reads contracts imports it with the registry, so the methods import what reads files.

    Attributes:
        names: its names in contracts.
        options: what `lagoa.source` may say about its files.
    """

    names: ClassVar[tuple[str, ...]]
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
    def infer(self, file: SourceFile, table: TableName) -> tuple[S, list[Guess]]:
        """Return the form of a file to be loaded into a table, and its columns; types of text columns are found later.

        Raises:
            SourceError: the file is empty, or its form cannot be determined.
        """

    def find_spelling(
        self, connection: DuckDBPyConnection, source: S, guesses: Sequence[Guess]
    ) -> tuple[S, Sequence[str]]:
        """Return the form of a file, completed with how its text values are written, and notes for a reviewer.

        Args:
            connection: has the table `records`, with columns named as in the guesses; texts in it that mean null may
                be made null.
            source: the form so far.
            guesses: the file's columns.
        """
        del connection, guesses
        return source, ()

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
