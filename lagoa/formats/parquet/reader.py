"""Reads a Parquet file from its first row to its last, its columns by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.errors import SourceError
from lagoa.formats.parquet.int96 import UNIT, Int96
from lagoa.formats.parquet.scan import engine_scan
from lagoa.formats.shared.arrow_reader import ArrowReader
from lagoa.formats.shared.arrow_types import recast, unpacked
from lagoa.formats.shared.files import MAGIC, kind_of
from lagoa.formats.shared.refused import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from pyarrow import parquet

    from lagoa.contracts.contract import Contract
    from lagoa.formats.shared.files import SourceFile

_ROWS = 64 * 1024


class ParquetReader(ArrowReader):
    """A Parquet file whose columns are known."""

    def __init__(self, contract: Contract, file: SourceFile) -> None:
        """Read the footer.

        Raises:
            SourceError: it is not a Parquet file, or its columns do not fit the contract.
        """
        self._file = file
        with self._open() as found:
            super().__init__(contract, file, list(found.schema_arrow))
            self.scan = engine_scan(file.path, self.columns, found)

    def _open(self, int96: str = UNIT) -> parquet.ParquetFile:
        import pyarrow as pa
        from pyarrow import parquet

        try:
            return parquet.ParquetFile(self._file.path, memory_map=False, coerce_int96_timestamp_unit=int96)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise self._no_parquet(error) from error

    def _no_parquet(self, error: Exception) -> SourceError:
        """Return the error for a file whose footer cannot be read."""
        try:
            with self._file.path.open("rb") as stream:
                head = stream.read(len(MAGIC))
        except OSError as failure:
            return self._file.unreadable(failure)
        path, found = str(self._file.path), kind_of(head)
        if found and head != MAGIC:
            return SourceError(path, f"it is {found[0]}, not a Parquet file.", found[1])
        if "crypt" in str(error):
            return SourceError(path, "it is encrypted.", "Decrypt it first.")
        if head != MAGIC:
            return SourceError(
                path,
                "it is not a Parquet file.",
                "Check what wrote it, or write its format in the contract's `lagoa.source`.",
            )
        return self._file.unreadable(error)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        row = 1
        with self._open() as found:
            int96 = Int96(found, self._open)
            expected = found.metadata.num_rows
            try:
                for batch in found.iter_batches(_ROWS):
                    yield from self._taken(batch, row, int96)
                    row += batch.num_rows
            except pa.ArrowException as error:
                raise self._file.unreadable(error) from error
        if row - 1 != expected:
            raise SourceError(
                str(self._file.path), f"its footer declares {expected} rows, and it has {row - 1}.", "Fetch it again."
            )

    def _taken(self, batch: pa.RecordBatch, row: int, int96: Int96) -> Iterator[pa.RecordBatch]:
        """Yield a batch of the file, which begins with row `row`, as batches of the stream."""
        own = dict(zip(self.columns, batch.columns, strict=True))
        columns = {name: recast(array, unpacked(array.type)) for name, array in own.items()}
        faults: dict[int, Fault] = {}
        texts: dict[str, dict[int, str]] = {}
        if int96.names:
            found = int96.misread(dict(zip(batch.schema.names, batch.columns, strict=True)), len(batch))
            texts = {self.columns[batch.schema.names.index(name)]: each for name, each in found.items()}
            for name, each in texts.items():
                reason = f"{name} is no {self._types[name]}: microseconds do not hold it"
                faults |= {index: Fault(f"type/{name}", reason) for index in each}
        yield from self._judged(columns, range(row, row + batch.num_rows), faults, texts)
