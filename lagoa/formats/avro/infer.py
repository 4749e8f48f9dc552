"""Reads the columns from the schema in an Avro file's header."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.formats.avro.options import AvroSource
from lagoa.formats.avro.reader import read_columns
from lagoa.formats.shared.arrow_guesses import guess_fields

if TYPE_CHECKING:
    from lagoa.formats.shared.files import SourceFile
    from lagoa.formats.shared.guesses import Guess


def infer_avro(file: SourceFile) -> tuple[AvroSource, list[Guess]]:
    """Return the form of an Avro file and its columns.

    Raises:
        SourceError: it cannot be read, has a name twice, or has a type that Lagoa or Iceberg does not have.
    """
    columns = read_columns(file)
    guesses = guess_fields(file, [column.field for column in columns])
    for guess, column in zip(guesses, columns, strict=True):
        guess.why = f"the file says {column.kind.name}"
        if column.kind.name == "uuid":  # its values are passed on as text
            guess.type = "uuid"
    return AvroSource(format="avro", file=file.name), guesses
