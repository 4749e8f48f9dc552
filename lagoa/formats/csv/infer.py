"""Determines how a CSV file is written: encoding, delimiter, quotes, header, decimal mark, words for null, dates."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lagoa.contracts.sources import ISO_DATE
from lagoa.domain.sql_names import name_in_sql, text_in_sql
from lagoa.errors import SourceError
from lagoa.formats.csv.options import CsvSource
from lagoa.formats.shared.forms import date_form, decimal_mark, null_words
from lagoa.formats.shared.guesses import Guess
from lagoa.formats.shared.names import column_names
from lagoa.formats.shared.text_files import HEAD, find_encoding, read_head

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from duckdb import DuckDBPyConnection

    from lagoa.formats.shared.files import SourceFile

_BY_HAND = "Write the contract by hand: docs/contracts.md says how."


def infer_csv(file: SourceFile) -> tuple[CsvSource, list[Guess]]:
    """Return the dialect of a CSV file, and its columns, named as in the header; without one column_1 and so on.

    The dialect is DuckDB's guess from the first records, at most 4 MiB; the encoding is the first that can decode the
    whole file of UTF-8, Windows-1252 and Latin-1.

    Raises:
        SourceError: it is empty or binary, it is not recognised as CSV, or a name in its header is empty or repeated.
    """
    head = read_head(file, "CSV")
    encoding = find_encoding(file)
    text = head.decode("utf-8-sig" if encoding == "utf-8" else encoding, "ignore")
    found = _sniff(file, text if len(head) < HEAD else text[: text.rfind("\n") + 1])
    if found["SkipRows"]:
        message = f"its table begins after {found['SkipRows']} other lines."
        raise SourceError(str(file.path), message, "Remove them, so that the first line is the header.")
    quote = found["Quote"] if found["Quote"] not in {None, "", "(empty)"} else '"'
    escape = found["Escape"] if found["Escape"] not in {None, "", "(empty)", quote} else None
    source = CsvSource(
        format="csv",
        file=file.name,
        delimiter=found["Delimiter"],
        quote=quote,
        escape=escape,
        encoding=encoding,
        header=bool(found["HasHeader"]),
    )
    headers = _names(file, source, text)
    guesses = [
        Guess(column, header if source.header else column, "string", "", parsed=True)
        for column, header in zip(column_names(headers), headers, strict=True)
    ]
    return source, guesses


def find_spelling(
    connection: DuckDBPyConnection, source: CsvSource, guesses: Sequence[Guess]
) -> tuple[CsvSource, list[str]]:
    """Return the form of a file, completed with how its values are written, and notes; `records` gets its nulls."""
    names = [guess.name for guess in guesses]
    notes = []
    nulls = null_words(connection, names)
    if nulls:
        words = f"[{', '.join(map(text_in_sql, nulls))}]"
        values = (
            f"CASE WHEN NOT list_contains({words}, {name}) THEN {name} END AS {name}"
            for name in map(name_in_sql, names)
        )
        connection.execute(f"CREATE TABLE plain AS SELECT {', '.join(values)} FROM records")  # noqa: S608
        connection.execute("CREATE OR REPLACE VIEW records AS SELECT * FROM plain")
        notes = [f"{', '.join(nulls)} is null in every column"]
    decimal = decimal_mark(connection, names)
    date, doubt = date_form(connection, names)
    update = {"nulls": nulls, "decimal": decimal, "date": date}
    return source.model_copy(update=update), doubt + notes


def contract_options(source: CsvSource) -> Iterator[str]:
    """Yield the options as a contract has them: the dialect, and what does not have its default value."""
    if source.date != ISO_DATE:
        yield f"date: {source.date}"
    yield f"delimiter: {json.dumps(source.delimiter)}"
    yield f"quote: {json.dumps(source.quote)}"
    if source.escape is not None:
        yield f"escape: {json.dumps(source.escape)}"
    yield f"encoding: {source.encoding}"
    yield f"header: {str(source.header).lower()}"
    if source.nulls:
        yield f"nulls: {json.dumps(source.nulls, ensure_ascii=False)}"
    if source.decimal != ".":
        yield f"decimal: {json.dumps(source.decimal)}"


def _sniff(file: SourceFile, text: str) -> dict[str, Any]:
    """Return what DuckDB finds in the text; it reads only files, so the text is written to one.

    One bad record can make it take all lines before it for a preamble, or find no columns at all: then it is also run
    ignoring bad records, and that result is used if it has columns.
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


def _names(file: SourceFile, source: CsvSource, text: str) -> list[str]:
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
