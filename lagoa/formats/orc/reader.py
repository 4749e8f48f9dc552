"""Reads an ORC file from its first row to its last, its columns by name."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

from lagoa.errors import SourceError
from lagoa.formats.orc.options import OrcSource
from lagoa.formats.shared.arrow_guesses import guess_fields
from lagoa.formats.shared.arrow_reader import ArrowReader
from lagoa.formats.shared.arrow_types import recast, unpacked
from lagoa.formats.shared.files import ORC_MAGIC, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from lagoa.contracts.contract import Contract
    from lagoa.formats.shared.files import SourceFile
    from lagoa.formats.shared.guesses import Guess

_CHILD = Path(__file__).with_name("child.py")
_MARK = "lagoa: "
_NANOSECONDS = "nanosecond resolution"
_ACID = {"operation", "originalTransaction", "bucket", "rowId", "currentTransaction", "row"}
_MOST = 2**16


def infer_orc(file: SourceFile) -> tuple[OrcSource, list[Guess]]:
    """Return the form of an ORC file and its columns.

    Raises:
        SourceError: it cannot be read, has a name twice, or has a type that Iceberg does not have.
    """
    return OrcSource(format="orc", file=file.name), guess_fields(file, read_columns(file))


def read_columns(file: SourceFile) -> list[pa.Field]:
    """Return the columns that a file declares; raises `SourceError` as `OrcReader` does."""
    if file.is_packed:
        raise SourceError(str(file.path), "an ORC file is not read from a compressed one.", "Unpack it first.")
    with file.path.open("rb") as stream:
        head = stream.read(16)
    if not head.startswith(ORC_MAGIC):
        found = kind_of(head)
        message = f"it is {found[0]}, not an ORC file." if found else "it is not an ORC file."
        advice = found[1] if found else "Check what wrote it, or write its format in the contract's `lagoa.source`."
        raise SourceError(str(file.path), message, advice)
    schema, *_ = _stream(file, "columns")
    fields = list(schema)
    if {field.name for field in fields} == _ACID:
        message = "it is a file of a transactional table of Hive, with the changes of its rows."
        raise SourceError(str(file.path), message, "Export the table: its rows depend on several such files.")
    return fields


class OrcReader(ArrowReader):
    """An ORC file whose columns are known."""

    def __init__(self, contract: Contract, file: SourceFile) -> None:
        """Read the footer.

        Raises:
            SourceError: it is not an ORC file, is damaged, or its columns do not fit the contract.
        """
        super().__init__(contract, file, read_columns(file))

    def _batches(self) -> Iterator[pa.RecordBatch]:
        row = 1
        stream = _stream(self._file, "rows")
        next(stream)  # the schema
        for batch in stream:
            own = dict(zip(self.columns, batch.columns, strict=True))
            columns = {name: recast(array, unpacked(array.type)) for name, array in own.items()}
            yield from self._judged(columns, range(row, row + batch.num_rows))
            row += batch.num_rows


def _stream(file: SourceFile, wanted: str) -> Iterator[pa.Schema | pa.RecordBatch]:
    """Yield the schema of a file, and its rows if they are wanted, as another process reads them.

    Raises:
        SourceError: the file cannot be read.
    """
    import pyarrow as pa

    broken: pa.ArrowException | None = None
    command = [sys.executable, "-P", str(_CHILD), str(file.path.absolute()), wanted]
    with (
        tempfile.TemporaryFile() as told,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=told, stdin=subprocess.DEVNULL) as child,  # noqa: S603
    ):
        try:
            try:
                reader = pa.ipc.open_stream(child.stdout)
                yield reader.schema
                yield from reader
            except pa.ArrowException as error:  # the other process says why, if it ended
                broken = error
            if child.wait():
                raise _failure(file, child.returncode, told)
            if broken is not None:
                raise file.unreadable(broken) from broken
        finally:
            child.kill()


def _failure(file: SourceFile, code: int, told: IO[bytes]) -> SourceError:
    """Return the error for a file at which the other process ended."""
    told.seek(0)
    lines = told.read(_MOST).decode("utf-8", "replace").splitlines()
    why = next((line.removeprefix(_MARK) for line in reversed(lines) if line.startswith(_MARK)), None)
    path = str(file.path)
    if why is None:
        message = f"it is damaged: ORC's library ended its process with {code} when it read it."
        return SourceError(path, message, "Fetch or copy it again.")
    if _NANOSECONDS in why:
        message = (
            f"it has a moment outside the years 1677 to 2262, which no reader of ORC passes on: {why.rstrip('.')}."
        )
        return SourceError(path, message, "Have that column written as a date or as text, or the file as Parquet.")
    return file.unreadable(OSError(why))
