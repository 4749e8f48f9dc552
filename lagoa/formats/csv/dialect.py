"""Finds out how a text file is written: encoding, delimiter, quotes, header."""

from __future__ import annotations

import codecs
import csv
import io
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lagoa.contracts.properties import Source
from lagoa.errors import SourceError
from lagoa.formats.shared.files import READ_ERRORS, kind_of

if TYPE_CHECKING:
    from lagoa.formats.shared.files import SourceFile

_SAMPLE = 4 * 1024 * 1024
_CHUNK = 1024 * 1024
_BY_HAND = "Write the contract by hand: docs/contracts.md says how."


def find_dialect(file: SourceFile) -> tuple[Source, list[str]]:
    """Return the form of a CSV file, and the names in its header; without a header column_1 and so on.

    The dialect is DuckDB's guess from the first records, at most 4 MiB; the encoding is UTF-8 when all of the file is
    that, else Windows-1252, else Latin-1, which every byte is.

    Raises:
        SourceError: it is empty, binary, or no CSV that can be told; a header with a name twice or an empty one.
    """
    head = read_head(file, "CSV")
    encoding = find_encoding(file)
    text = head.decode("utf-8-sig" if encoding == "utf-8" else encoding, "ignore")
    found = _sniff(file, text if len(head) < _SAMPLE else text[: text.rfind("\n") + 1])
    if found["SkipRows"]:
        message = f"its table begins after {found['SkipRows']} other lines."
        raise SourceError(str(file.path), message, "Remove them, so that the first line is the header.")
    quote = found["Quote"] if found["Quote"] not in {None, "", "(empty)"} else '"'
    escape = found["Escape"] if found["Escape"] not in {None, "", "(empty)", quote} else None
    source = Source(
        format="csv",
        file=file.name,
        delimiter=found["Delimiter"],
        quote=quote,
        escape=escape,
        encoding=encoding,
        header=bool(found["HasHeader"]),
    )
    return source, _names(file, source, text)


def read_head(file: SourceFile, form: str) -> bytes:
    """Return the beginning of a text file of a form; raises `SourceError` when it is empty or binary."""
    try:
        with file.open() as stream:
            head = stream.read(_SAMPLE)
    except READ_ERRORS as error:
        raise file.unreadable(error) from error
    if not head.removeprefix(codecs.BOM_UTF8).strip():
        raise SourceError(str(file.path), "it is empty.", "Check what wrote it.")
    found = kind_of(head)
    if found:
        raise SourceError(str(file.path), f"it is {found[0]}, no {form} file.", found[1])
    if b"\0" in head:
        raise SourceError(
            str(file.path), f"it is binary, no {form} file.", "Lagoa reads CSV, JSON and Parquet: convert it."
        )
    return head


def find_encoding(file: SourceFile) -> str:
    """Return the first encoding that all of the file is in."""
    for encoding in ("utf-8", "cp1252"):
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            with file.open() as stream:
                while chunk := stream.read(_CHUNK):
                    decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            continue
        except READ_ERRORS as error:
            raise file.unreadable(error) from error
        return encoding
    return "latin-1"


def _sniff(file: SourceFile, text: str) -> dict[str, Any]:
    """Return what DuckDB finds in the text; it reads files only, so that the text goes through one.

    One bad record can make it take all lines before it for a preamble, or see no columns at all: then the way that
    leaves bad records out is tried, too, and believed when it finds columns.
    """
    with tempfile.TemporaryDirectory() as folder:
        sample = Path(folder, "sample.csv")
        sample.write_text(text, "utf-8", newline="")
        strict = _sniffed(sample, "")
        if strict is not None and not strict["SkipRows"] and len(strict["Columns"]) > 1:
            return strict
        tolerant = _sniffed(sample, ", strict_mode = false, ignore_errors = true")
    found = [each for each in (tolerant, strict) if each is not None]
    if not found:
        raise SourceError(str(file.path), "no delimiter makes a table of it.", _BY_HAND)
    return max(found, key=lambda each: (len(each["Columns"]) > 1 and not each["SkipRows"], each is strict))


def _sniffed(sample: Path, options: str) -> dict[str, Any] | None:
    import duckdb

    with duckdb.connect() as connection:
        query = f"SELECT * FROM sniff_csv(?, comment = ''{options})"  # noqa: S608
        try:
            cursor = connection.execute(query, [str(sample)])
        except duckdb.Error:
            return None
        names = [each[0] for each in cursor.description or []]
        return dict(zip(names, cursor.fetchone() or (), strict=True))


def _names(file: SourceFile, source: Source, text: str) -> list[str]:
    records = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=source.delimiter,
        quotechar=source.quote,
        escapechar=source.escape,
        doublequote=source.escape is None,
    )
    try:
        first = next(records, [])
    except csv.Error as error:
        raise SourceError(str(file.path), f"its first line cannot be read: {error}.", _BY_HAND) from error
    if not source.header:
        return [f"column_{number}" for number in range(1, len(first) + 1)]
    for number, name in enumerate(first, 1):
        if not name:
            raise SourceError(str(file.path), f"column {number} has no name in the header.", "Give it one.")
        if name in first[: number - 1]:
            raise SourceError(str(file.path), f"the header has {name!r} twice.", "Rename or remove one of the two.")
    return first
