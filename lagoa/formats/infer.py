"""Writes a first contract for a table from a file to be loaded into it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from lagoa.contracts.contract import Column, Contract
from lagoa.domain.sql_names import name_in_sql
from lagoa.errors import InvalidName, SourceError
from lagoa.formats.contract_text import Form, contract_lines
from lagoa.formats.registry import FORMATS, find_format, open_reader
from lagoa.formats.shared.files import SourceFile
from lagoa.formats.shared.guesses import ENOUGH, RECORDS, guess_text, guess_typed
from lagoa.formats.shared.names import find_key
from lagoa.formats.shared.stream import RULE, stream_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from lagoa.contracts.sources import Source
    from lagoa.domain.tables import TableName
    from lagoa.formats.shared.guesses import Guess


def infer_contract(path: Path, table: TableName, member: str | None = None) -> str:
    """Return the text of a contract for `table` that accepts the file, and other files of its kind.

    Types, key and formats are guessed from the first 500,000 records, and a comment after each guess gives the reason
    for it. The form of the file is written out, so that loading guesses nothing.

    Args:
        path: a file in one of the formats; text files may be compressed (`.gz`, `.zip`).
        table: the table that its rows will be loaded into.
        member: name or pattern of the file to read in a zip file with several.

    Raises:
        SourceError: the file is missing, empty, without records, binary, a folder, or its form cannot be determined.
        InvalidName: the table is one that users do not write to.
    """
    if table.is_quarantine:
        raise InvalidName("table", str(table), "another layer: only Lagoa writes to quarantine")
    file = SourceFile(path, [member] if member else [])
    if "\\" in file.name:
        raise SourceError(str(path), "its name has a backslash, which a contract cannot express.", "Rename it.")
    form = find_format(file)
    source, guesses = form.infer(file, table)
    with _records(file, table, source, guesses) as connection:
        source, notes = form.find_spelling(connection, source, guesses)
        for guess in guesses:
            if guess.parsed:
                guess_text(connection, guess.name, guess, source.spelling)
            else:
                guess_typed(connection, guess.name, guess)
    key = find_key(guesses, table.name)
    for guess in guesses:
        guess.required = guess.required or guess is key or (guess.records >= ENOUGH and not guess.nulls)
    source = source.model_copy(update={"member": member})
    written = Form(source, form.contract_options(source), notes)
    return "\n".join(contract_lines(table, written, guesses, key)) + "\n"


@contextmanager
def _records(file: SourceFile, table: TableName, source: Source, guesses: list[Guess]) -> Iterator[DuckDBPyConnection]:
    """Yield a connection with the table `records`: what ingest would read, with the columns' new names.

    Raises:
        SourceError: there is no record, or none can be read.
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
        typed = not any(guess.parsed for guess in guesses)  # the file itself says what its columns are
        if not stream.received and not typed:
            raise SourceError(str(file.path), "it has a header and no record.", "Choose a file with records.")
        names = ", ".join(name_in_sql(each.name) for each in columns)
        rule = name_in_sql(RULE)
        connection.execute(f"CREATE VIEW records AS SELECT {names} FROM seen WHERE {rule} IS NULL")  # noqa: S608
        if not typed and connection.execute("SELECT count(*) FROM records").fetchone() == (0,):
            message = f"none of its records can be read{FORMATS[source.format].described(source)}."
            raise SourceError(str(file.path), message, "Check the file; write the contract by hand if necessary.")
        yield connection
