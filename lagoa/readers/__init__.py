"""Readers of source files: each hands on every record of a file once, with its number, place and bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from lagoa.errors import ContractError, SourceError
from lagoa.readers.csv_reader import CsvReader
from lagoa.readers.parquet_reader import ParquetReader

if TYPE_CHECKING:
    from lagoa.contracts.contract import Column, Contract
    from lagoa.readers.files import SourceFile
    from lagoa.readers.stream import Stream
    from lagoa.readers.values import Value


class Reader(Protocol):
    """A source file whose columns are known."""

    columns: tuple[str, ...]
    """The contract's columns that the file has."""

    @property
    def raw(self) -> str:
        """SQL over the stream: the bytes of a record, or what stands for them."""

    def stream(self) -> Stream:
        """Return all records of the file, as one pass over it."""

    def value(self, column: Column) -> Value:
        """Return the SQL of a column's value over the stream.

        Raises:
            ValueError: what the file holds there cannot become a value of the column's type.
        """


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
    if source.format == "parquet":
        return ParquetReader(contract, file)
    raise SourceError(str(file.path), f"files of the format {source.format!r} are not read.", "Convert it to CSV.")
