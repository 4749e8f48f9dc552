"""What the package of a format provides: how files are recognised, read and inferred, and records split again."""

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

    It is imported with the registry by every command that reads contracts: what reads files is imported in the methods.

    Attributes:
        names: under which contracts have it.
        options: what `lagoa.source` may say of its files.
    """

    names: ClassVar[tuple[str, ...]]
    options: type[S]

    @abstractmethod
    def recognises(self, file: SourceFile) -> bool:
        """Return whether a file is of the format, by its name or its first bytes.

        Raises:
            SourceError: it cannot be read.
        """

    @abstractmethod
    def reader(self, contract: Contract, source: S, file: SourceFile) -> Reader:
        """Return the reader of a file, its header read.

        Raises:
            SourceError: the file is not of the format, or does not fit the contract.
        """

    @abstractmethod
    def infer(self, file: SourceFile, table: TableName) -> tuple[S, list[Guess]]:
        """Return the form of a file that is to go into a table, and its columns; of texts the type is found later.

        Raises:
            SourceError: the file is empty, or not to be made out.
        """

    def find_spelling(
        self, connection: DuckDBPyConnection, source: S, guesses: Sequence[Guess]
    ) -> tuple[S, Sequence[str]]:
        """Return the form of a file with how its values are written, where they are text, and notes for a reviewer.

        Args:
            connection: it has the table `records`, its columns by the guesses' names; what stands for null in it may be
                made null.
            source: the form so far.
            guesses: the file's columns.
        """
        del connection, guesses
        return source, ()

    def contract_options(self, source: S) -> Iterable[str]:
        """Return the options of a form as a contract writes them, behind `format` and `file`: `key: value` in YAML."""
        del source
        return ()

    def described(self, source: S) -> str:
        """Return how files of a form are read, as the end of a sentence about one that cannot be; it may be empty."""
        del source
        return ""

    @abstractmethod
    def split(self, contract: Contract, source: S, records: Sequence[Kept], *, alone: bool) -> list[Split]:
        """Return the values of refused records as text, by the contract of today; or why one cannot be split.

        A record of files of another format than the table has now is not split: its fault stays.

        Args:
            contract: of the table that refused the records.
            source: the form of its files.
            records: as the quarantine keeps them.
            alone: whether lines that broken quoting spoilt are records by themselves.
        """
