"""Writes a first contract for a table from files to be loaded into it."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lagoa.contracts.contract import Column, Contract
from lagoa.domain.file_patterns import common_pattern
from lagoa.domain.sql_names import name_in_sql
from lagoa.domain.tables import ENGINE_LAYERS
from lagoa.errors import InvalidName, SourceError
from lagoa.formats.contract_text import Draft, contract_lines
from lagoa.formats.registry import FORMATS, find_format, open_reader
from lagoa.formats.several_files import infer_widest
from lagoa.formats.shared.files import SourceFile
from lagoa.formats.shared.given import Findings, Given
from lagoa.formats.shared.guesses import ENOUGH, RECORDS, formats_of, guess_typed
from lagoa.formats.shared.lines import with_lines
from lagoa.formats.shared.names import find_key
from lagoa.formats.shared.profile import Profile
from lagoa.formats.shared.scan import Scan
from lagoa.formats.shared.stream import RULE, stream_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from duckdb import DuckDBPyConnection

    from lagoa.contracts.sources import Source
    from lagoa.domain.tables import TableName
    from lagoa.formats.format import Format
    from lagoa.formats.shared.guesses import Guess

_SHOWN = 20
_NO_DATA = frozenset({".sql", ".md", ".py", ".ipynb", ".yaml", ".yml", ".toml"})
"""Of files that are written by people and not by systems: as CSV they would be read, and make no sense."""

_MOST_COLUMNS = 10_000
"""Minutes and gigabytes would pass with more."""


def infer_contract(
    path: Path | Sequence[Path], table: TableName, given: Given | None = None, findings: Findings | None = None
) -> str:
    """Return the text of a contract for `table` that accepts the files, and other files of their kind.

    Types, key and formats are guessed from all records, and a comment after each guess gives the reason for it. The
    form of the files is written out, so that loading guesses nothing.

    Args:
        path: a file in one of the formats, or several with the same columns; text may be compressed (`.gz`, `.zip`).
        table: the table that their rows will be loaded into.
        given: what is known about them; the rest is guessed under it.
        findings: gets what was tried, and why something was taken.

    Raises:
        SourceError: a file is missing, empty, without records, binary, a folder, or its form cannot be determined.
        InvalidName: the table is one that users do not write to.
    """
    given, findings = given or Given(), findings or Findings()
    found = look_at(path, table, given, findings)
    key = find_key(found.guesses, table.name)
    for guess in found.guesses:
        complete = guess.records >= ENOUGH and not guess.nulls and not guess.offered
        guess.required = guess.required or guess is key or complete
    findings.tried += [f"{guess.name}: {guess.type}, {guess.why}" for guess in found.guesses]
    source, files = found.source, found.files
    draft = Draft(
        source, FORMATS[source.format].contract_options(source), findings.notes, [file.name for file in files]
    )
    text = "\n".join(contract_lines(table, draft, found.guesses, key)) + "\n"
    return with_lines(text, files, None if FORMATS[source.format].counts_rows else source.encoding)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the files of a table show.

    Attributes:
        source: their form.
        guesses: their columns.
        files: the files, that with most columns first.
    """

    source: Source
    guesses: list[Guess]
    files: list[SourceFile]


def look_at(path: Path | Sequence[Path], table: TableName, given: Given, findings: Findings) -> Seen:
    """Return the form and the columns of files; arguments and errors are those of `infer_contract`."""
    if table.is_quarantine:
        raise InvalidName("table", str(table), "another layer: only Lagoa writes to quarantine")
    if table.layer in ENGINE_LAYERS:
        raise InvalidName("table", str(table), f"another layer: the SQL engine has a schema {table.layer!r} of its own")
    members = [given.member] if given.member else []
    files = [SourceFile(each, members) for each in ([path] if isinstance(path, Path) else path)]
    for file in files:
        if file.path.suffix.lower() in _NO_DATA:
            model = "For a model's table it is `lagoa contract infer --model layer.table`."
            advice = model if file.path.suffix.lower() in {".sql", ".py"} else "Choose a file of records."
            raise SourceError(str(file.path), f"a {file.path.suffix} file is no data.", advice)
        if "\\" in file.name:
            message = "its name has a backslash, which a contract cannot express."
            raise SourceError(str(file.path), message, "Rename it.")
    form = find_format(files[0])
    for file in files[1:]:
        if find_format(file) is not form:
            raise SourceError(str(file.path), f"it has another format than {files[0].name}.", "Infer them one by one.")
    _check_given(files[0], form, given)
    widest, source, guesses = infer_widest(files, table, form, given, findings)
    if len(guesses) > _MOST_COLUMNS:
        message = f"it has {len(guesses):,} columns, and {_MOST_COLUMNS:,} are the most that are looked at."
        raise SourceError(str(widest.path), message, "Check its delimiter; turn columns into rows with what wrote it.")
    files.sort(key=lambda file: file is not widest)  # the others keep their order
    _check_names(files[0], guesses)
    source = _look_at(files, table, (form, source), guesses, given, findings)
    return Seen(source, guesses, files)


def _check_given(file: SourceFile, form: Format[Any], given: Given) -> None:
    """Raise `SourceError` if something is given that files of the format do not have."""
    known = {each.name for each in fields(given) if getattr(given, each.name) not in {None, ()}}
    for name in sorted(known - form.given - {"member"}):
        kind = form.options.files or form.names[0]
        message = f"{name} is given, which {kind} files do not have; by its name or its content it is {kind}."
        raise SourceError(str(file.path), message, "Leave the option out.")


def _check_names(file: SourceFile, guesses: Sequence[Guess]) -> None:
    """Raise `SourceError` if a name in the file has a character that a contract cannot express."""
    for number, guess in enumerate(guesses, 1):
        if "\0" in f"{guess.header}{guess.type}":
            message = f"the name of column {number} or of a field in it has a NUL character: {guess.header!r}."
            raise SourceError(str(file.path), message, "Correct the file.")


def _look_at(
    files: Sequence[SourceFile],
    table: TableName,
    form: tuple[Format[Any], Source],
    guesses: list[Guess],
    given: Given,
    findings: Findings,
) -> Source:
    """Complete the guesses of all columns from the records; return the form with how their values are written."""
    kind, source = form
    texts = [guess for guess in guesses if guess.parsed]
    typed = [guess for guess in guesses if not guess.parsed]
    if typed:
        with _records(files[0], table, source, guesses) as connection:
            for guess in typed:
                guess_typed(connection, guess.name, guess)
    if texts:
        profile = Profile([formats_of(guess.name) for guess in texts])
        scan = Scan(profile, [guess.name for guess in texts])
        _take_given_nulls(files[0], kind, guesses, given)
        columns = tuple(
            Column(guess.name, guess.type, header=guess.header, nulls=tuple(guess.null_words) or None)
            for guess in guesses
        )
        readable = kind.for_infer(source)
        for file in files:
            stream = open_reader(Contract(table, "0", file.path, "", columns, source=readable), file).stream()
            scan.read(stream, partial(kind.find_footer, given, scan))
        profile.finish()
        _check(files[0], scan, source)
        source = kind.complete(source, texts, scan, given, findings)
        _drop_nameless(guesses, findings)
    many = {"file": common_pattern([file.name for file in files])} if len(files) > 1 else {}
    return source.model_copy(update={"member": given.member, **many})


def _drop_nameless(guesses: list[Guess], findings: Findings) -> None:
    """Leave out a last column without a name and values, which ingest leaves out, too; note others without a name."""
    if len(guesses) > 1 and not guesses[-1].header and guesses[-1].nulls == guesses[-1].records:
        findings.notes.append("the last column has no name and no value: it is left out")
        guesses.pop()
    for number, guess in enumerate(guesses, 1):
        if not guess.header:
            findings.notes.append(f"column {number} has no name in the header, and is {guess.name} in the table")


def _take_given_nulls(file: SourceFile, form: Format[Any], guesses: Sequence[Guess], given: Given) -> None:
    """Keep the words for null that are given for columns, those for all columns among them.

    Raises:
        SourceError: there is no such column.
    """
    for column, word in given.nulls:
        chosen = [guess for guess in guesses if column in {"*", guess.name, guess.header}]
        if not chosen:
            names = ", ".join(repr(guess.header) for guess in guesses[:_SHOWN])
            raise SourceError(
                str(file.path), f"it has no column {column!r} to take {word!r} for null in.", f"It has {names}."
            )
        for guess in chosen:
            guess.null_words.append(word)
            if column != "*" or "nulls" not in form.options.model_fields:
                guess.properties["lagoa.nulls"] = json.dumps(guess.null_words, ensure_ascii=False)


def _check(file: SourceFile, scan: Scan, source: Source) -> None:
    """Raise `SourceError` if there is no record that can be read."""
    if not scan.received:
        raise SourceError(str(file.path), "it has a header and no record.", "Choose a file with records.")
    if not scan.readable:
        why = f": {scan.refused[0].reason}, first in record {scan.refused[0].row:,}" if scan.refused else ""
        message = f"none of its records can be read{FORMATS[source.format].described(source)}{why}."
        raise SourceError(str(file.path), message, "Check the file; write the contract by hand if necessary.")


@contextmanager
def _records(file: SourceFile, table: TableName, source: Source, guesses: list[Guess]) -> Iterator[DuckDBPyConnection]:
    """Yield a connection with the table `records`: what ingest would read of the first records, with the new names.

    Raises:
        SourceError: the file cannot be read.
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
        names = ", ".join(name_in_sql(each.name) for each in columns)
        rule = name_in_sql(RULE)
        connection.execute(f"CREATE VIEW records AS SELECT {names} FROM seen WHERE {rule} IS NULL")  # noqa: S608
        yield connection
