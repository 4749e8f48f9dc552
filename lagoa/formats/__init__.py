"""Readers of source files: each hands on every record of a file once, with its number, place and bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from lagoa.errors import ContractError
from lagoa.formats.csv.reader import CsvReader
from lagoa.formats.json.reader import JsonReader
from lagoa.formats.parquet.reader import ParquetReader

if TYPE_CHECKING:
    from lagoa.contracts.contract import Column, Contract
    from lagoa.formats.shared.files import SourceFile
    from lagoa.formats.shared.stream import Stream
    from lagoa.formats.shared.values import Value


class Values(Protocol):
    """Records whose columns are known, as SQL over a stream of them."""

    columns: tuple[str, ...]
    """The contract's columns that the records have."""

    @property
    def raw(self) -> str:
        """SQL over the stream: the bytes of a record, or what stands for them."""

    def value(self, column: Column) -> Value:
        """Return the SQL of a column's value over the stream.

        Raises:
            ValueError: what the file holds there cannot become a value of the column's type.
        """


class Reader(Values, Protocol):
    """A source file whose columns are known."""

    def stream(self) -> Stream:
        """Return all records of the file, as one pass over it."""


def open_reader(contract: Contract, file: SourceFile) -> Reader:
    """Return the reader of a file, its header read.

    Raises:
        ContractError: the contract does not say how the table's files look.
        SourceError: the file does not look so.
    """
    source = contract.source
    if source is None:
        raise ContractError(
            contract.file,
            None,
            f"the contract of {contract.table} does not say what its files look like.",
            "Add the custom property lagoa.source, such as {format: csv, delimiter: ','}.",
        )
    if source.format == "csv":
        return CsvReader(contract, source, file)
    return ParquetReader(contract, file) if source.format == "parquet" else JsonReader(contract, source, file)
