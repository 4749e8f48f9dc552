"""What every reader of files provides: its records as a stream, and SQL over it for the contract's columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from lagoa.contracts.contract import Column
    from lagoa.formats.shared.casts import Value
    from lagoa.formats.shared.stream import EngineScan, Stream


class Values(Protocol):
    """Records whose columns are known, as SQL over a stream of them."""

    columns: tuple[str, ...]
    """The contract's columns that the records have."""

    @property
    def header(self) -> tuple[str, ...] | None:
        """The file's names for the fields of a record, in order; None if each record names its own fields."""

    @property
    def raw(self) -> str:
        """SQL over the stream: the bytes of a record, or what replaces them."""

    def value(self, column: Column) -> Value:
        """Return the SQL of a column's value over the stream.

        Raises:
            ValueError: what the file contains there cannot become a value of the column's type.
        """


class Reader(Values, Protocol):
    """A source file whose columns are known."""

    @property
    def scan(self) -> EngineScan | None:
        """How the engine reads the file by itself; None if it has to be passed the stream."""

    def stream(self) -> Stream:
        """Return all records of the file, as one pass over it."""
