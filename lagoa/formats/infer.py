"""Writes a first contract for a table from a file that is to go into it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from lagoa.contracts.contract import Column, Contract
from lagoa.contracts.properties import Source
from lagoa.domain.sql_names import name_in_sql, text_in_sql
from lagoa.errors import InvalidName, SourceError
from lagoa.formats import open_reader
from lagoa.formats.contract_text import contract_lines
from lagoa.formats.csv.dialect import find_dialect
from lagoa.formats.json.shape import find_json, is_json, nested_type
from lagoa.formats.parquet.columns import arrow_columns, is_parquet
from lagoa.formats.shared.files import SourceFile
from lagoa.formats.shared.forms import date_form, decimal_mark, null_words
from lagoa.formats.shared.guesses import ENOUGH, RECORDS, Guess, guess_text, guess_typed
from lagoa.formats.shared.names import column_names, find_key
from lagoa.formats.shared.stream import RULE, stream_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from lagoa.domain.tables import TableName


def infer_contract(path: Path, table: TableName) -> str:
    """Return the text of a contract for `table` that lets the file in, and other files of its kind.

    Types, key and formats are guessed from the first 500,000 records, and a comment behind each guess says what it
    stands on. The form of the file is written out, so that loading guesses nothing.

    Args:
        path: a CSV, JSON, JSON lines or Parquet file; those of text may be packed by gzip.
        table: where its rows are to go.

    Raises:
        SourceError: the file is missing, empty, without records, binary, a folder, or not to be made out.
        InvalidName: the table is one that users do not write.
    """
    if table.is_quarantine:
        raise InvalidName("table", str(table), "another layer: quarantine is filled by Lagoa alone")
    file = SourceFile(path)
    if "\\" in file.name:
        raise SourceError(str(path), "a contract cannot say its name, which has a backslash.", "Give it another name.")
    source, guesses = _json_columns(file, table) if is_json(file) else _columns(file)
    with _records(file, table, source, guesses) as connection:
        source, note = _forms(connection, source, guesses)
        for guess in guesses:
            if source.format == "csv" or guess.written:
                guess_text(connection, guess.name, guess, source)
            else:
                guess_typed(connection, guess.name, guess)
    key = find_key(guesses, table.name)
    for guess in guesses:
        guess.required = guess.required or guess is key or (guess.records >= ENOUGH and not guess.nulls)
    return "\n".join(contract_lines(table, source, guesses, key, note)) + "\n"


def _forms(connection: DuckDBPyConnection, source: Source, guesses: list[Guess]) -> tuple[Source, str]:
    """Return the form of a file with how its values are written, and a note; take words for null out of `records`."""
    if source.format == "csv":
        names = [guess.name for guess in guesses]
        nulls = null_words(connection, names)
        if nulls:
            words = f"[{', '.join(map(text_in_sql, nulls))}]"
            values = (
                f"CASE WHEN NOT list_contains({words}, {name}) THEN {name} END AS {name}"
                for name in map(name_in_sql, names)
            )
            connection.execute(f"CREATE TABLE plain AS SELECT {', '.join(values)} FROM records")  # noqa: S608
            connection.execute("CREATE OR REPLACE VIEW records AS SELECT * FROM plain")
        source = source.model_copy(update={"nulls": nulls, "decimal": decimal_mark(connection, names)})
    texts = [guess.name for guess in guesses if source.format == "csv" or guess.written == "text"]
    date, note = date_form(connection, texts) if texts else (source.date, "")
    return source.model_copy(update={"date": date}), note


def _columns(file: SourceFile) -> tuple[Source, list[Guess]]:
    """Return the form of a file and its columns; those of a CSV file are texts so far."""
    if is_parquet(file):
        fields = arrow_columns(file)
        headers, kinds = [field.name for field in fields], [field.type for field in fields]
        source = Source(format="parquet", file=file.name)
    else:
        source, headers = find_dialect(file)
        fields, kinds = [], ["string"] * len(headers)
    guesses = [
        Guess(column, header if source.header else column, kind, "")
        for column, header, kind in zip(column_names(headers), headers, kinds, strict=True)
    ]
    for guess, field in zip(guesses, fields, strict=False):
        guess.why, guess.required = field.why, field.required
    return source, guesses


def _json_columns(file: SourceFile, table: TableName) -> tuple[Source, list[Guess]]:
    """Return the form of a JSON file and its columns; scalars are texts so far, what is nested has its type."""
    source, shapes = find_json(file, table)
    guesses = []
    for name, (key, shape) in zip(column_names(list(shapes)), shapes.items(), strict=True):
        if not key:
            raise SourceError(str(file.path), "a key of its records is empty.", "Write the file again without it.")
        guess = Guess(name, key, "string", shape.told)
        if shape.kinds in ({"list"}, {"object"}):
            guess.type = nested_type(shape)
        else:
            guess.written = shape.written
        guesses.append(guess)
    return source, guesses


@contextmanager
def _records(file: SourceFile, table: TableName, source: Source, guesses: list[Guess]) -> Iterator[DuckDBPyConnection]:
    """Yield a connection with the table `records`: what ingest would read, its columns by their new names.

    Raises:
        SourceError: there is no record, or none that can be read.
    """
    import duckdb

    columns = tuple(Column(guess.name, guess.type, header=guess.header) for guess in guesses)
    contract = Contract(table, "0", file.path, "", columns, source=source)
    stream = open_reader(contract, file).stream()
    values = ", ".join(f"{name_in_sql(stream_name(each.name))} AS {name_in_sql(each.name)}" for each in columns)
    with duckdb.connect() as connection:
        connection.register("stream", stream.reader())
        query = f"CREATE TABLE seen AS SELECT {name_in_sql(RULE)}, {values} FROM stream LIMIT {RECORDS}"  # noqa: S608
        try:
            connection.execute(query)
        except duckdb.Error:
            stream.check()
            raise
        if not stream.received:
            raise SourceError(str(file.path), "it has a header and no record.", "Take a file that has some.")
        names = ", ".join(name_in_sql(each.name) for each in columns)
        rule = name_in_sql(RULE)
        connection.execute(f"CREATE VIEW records AS SELECT {names} FROM seen WHERE {rule} IS NULL")  # noqa: S608
        if connection.execute("SELECT count(*) FROM records").fetchone() == (0,):
            message = (
                f"none of its records can be read with the delimiter {source.delimiter!r}, quote {source.quote!r}."
            )
            raise SourceError(str(file.path), message, "Look at the file; write the contract by hand if need be.")
        yield connection
