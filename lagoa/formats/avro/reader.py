"""Reads an Avro file from its first record to its last, its columns by name."""

from __future__ import annotations

import io
from itertools import islice
from typing import TYPE_CHECKING, Any

from lagoa.errors import SourceError
from lagoa.formats.avro.container import Container
from lagoa.formats.avro.kinds import Misfit
from lagoa.formats.avro.schema import Unread, columns_of, read_schema
from lagoa.formats.shared.arrow_reader import ArrowReader
from lagoa.formats.shared.arrow_types import unpacked
from lagoa.formats.shared.refused import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

    from lagoa.contracts.contract import Contract
    from lagoa.formats.avro.container import Block
    from lagoa.formats.avro.kinds import Kind, Record
    from lagoa.formats.avro.schema import AvroColumn
    from lagoa.formats.shared.files import SourceFile

_ROWS = 16 * 1024


def read_columns(file: SourceFile) -> list[AvroColumn]:
    """Return the columns of an Avro file; raises `SourceError` as `AvroReader` does."""
    return columns_of(_open(file)[1])


def _open(file: SourceFile) -> tuple[Container, Record]:
    container = Container(file)
    try:
        return container, read_schema(container.header.schema)
    except Unread as error:
        advice = "Have it written again with another type, or without that field."
        raise SourceError(str(file.path), f"{error}.", advice) from error


class AvroReader(ArrowReader):
    """An Avro file whose columns are known."""

    def __init__(self, contract: Contract, file: SourceFile) -> None:
        """Read the header.

        Raises:
            SourceError: it is not an Avro file, has a codec or type that Lagoa does not read, or its columns do not fit
                the contract.
        """
        self._container, self._record = _open(file)
        self._found = columns_of(self._record)
        super().__init__(contract, file, [column.field for column in self._found])

    def _batches(self) -> Iterator[pa.RecordBatch]:
        row = 1
        records = self._records()
        while rows := list(islice(records, _ROWS)):
            yield from self._taken(rows, row)
            row += len(rows)

    def _records(self) -> Iterator[dict[str, Any]]:
        """Yield the records as fastavro reads them."""
        from fastavro import parse_schema

        schema = parse_schema(self._record.read)
        for block in self._container.blocks():
            yield from self._of_block(block, schema)

    def _of_block(self, block: Block, schema: Any) -> Iterator[dict[str, Any]]:
        from fastavro import schemaless_reader

        stream = io.BytesIO(block.data)
        for number in range(block.records):
            try:
                record: Any = schemaless_reader(stream, schema, None)
            except (EOFError, IndexError, ValueError, OverflowError, MemoryError) as error:
                what = f"its record {number + 1:,} of {block.records:,} does not have the bytes that its schema says"
                raise self._container.damage(block.number, block.begin, what) from error
            yield record
        if stream.tell() != len(block.data):
            what = f"it says that it has {block.records:,} records, and there are bytes behind them"
            raise self._container.damage(block.number, block.begin, what)

    def _taken(self, rows: Sequence[dict[str, Any]], row: int) -> Iterator[pa.RecordBatch]:
        """Yield records, of which the first is row `row`, as batches of the stream."""
        columns: dict[str, pa.Array] = {}
        faults: dict[int, Fault] = {}
        shown: dict[str, dict[int, object]] = {}
        names = [part["name"] for part in self._record.read["fields"]]
        for name, own, column in zip(self.columns, names, self._found, strict=True):
            values = [each[own] for each in rows]
            array, bad = _array(column.kind, values)
            columns[name] = array.cast(unpacked(array.type))
            for index, fault in bad.items():
                faults.setdefault(index, self._fault(name, fault))
            if bad:
                shown[name] = {index: column.kind.show(values[index]) for index in bad}
        yield from self._judged(columns, range(row, row + len(rows)), faults, shown)

    def _fault(self, name: str, why: str) -> Fault:
        if not why:
            return Fault("encoding", f"{name} is not utf-8")
        return Fault(f"type/{name}", f"{name} is no {self._types[name]}: {why}")


def _array(kind: Kind, values: Sequence[Any]) -> tuple[pa.Array, dict[int, str]]:
    """Return the values of a column, and why some, which are null there, are none; empty for text that is not UTF-8."""
    import pyarrow as pa

    try:
        return pa.array([kind.make(each) for each in values] if kind.makes else values, kind.arrow), {}
    except (Misfit, pa.ArrowException, OverflowError):
        return _one_by_one(kind, values)


def _one_by_one(kind: Kind, values: Sequence[Any]) -> tuple[pa.Array, dict[int, str]]:
    import pyarrow as pa

    made: list[Any] = []
    bad: dict[int, str] = {}
    for index, value in enumerate(values):
        each = None
        try:
            each = kind.make(value)
            pa.array([each], kind.arrow)
        except Misfit as error:
            each, bad[index] = None, str(error)
        except OverflowError:
            each, bad[index] = None, "it has more than 32 bits"
        except pa.ArrowException as error:
            each, bad[index] = None, "" if "utf8" in str(error) else "it has more than 32 bits"
        made.append(each)
    return pa.array(made, kind.arrow), bad
