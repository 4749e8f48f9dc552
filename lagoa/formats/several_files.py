"""Looks at several files of one table together: their columns are those of the file that has most of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lagoa.contracts.contract import Column, Contract
from lagoa.domain.lists import listed
from lagoa.errors import SourceError, UnknownColumn
from lagoa.formats.registry import open_reader
from lagoa.formats.shared.columns import short
from lagoa.formats.shared.given import Findings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lagoa.contracts.sources import Source
    from lagoa.domain.tables import TableName
    from lagoa.formats.format import Format
    from lagoa.formats.shared.files import SourceFile
    from lagoa.formats.shared.given import Given
    from lagoa.formats.shared.guesses import Guess

_SHOWN = 3


def infer_widest(
    files: Sequence[SourceFile], table: TableName, form: Format[Any], given: Given, findings: Findings
) -> tuple[SourceFile, Source, list[Guess]]:
    """Return the file that has the columns of all files, with its form and its columns.

    Files may lack columns, as those of earlier months do: they have nulls there.

    Raises:
        SourceError: a file has another form than that one, or two files have each a column that the other lacks.
    """
    tried: list[SourceFile] = []
    widest = files[0]
    while True:
        tried.append(widest)
        own = Findings()
        source, guesses = form.infer(widest, table, given, own)
        if len(files) == 1 or (wider := _wider(files, widest, table, (form.for_infer(source), guesses), own)) is None:
            findings.notes += own.notes
            findings.tried += own.tried
            return widest, source, guesses
        file, error = wider
        if file in tried:
            message = f"it has the column {short(error.column)}, and {widest.name} has another instead."
            advice = (
                "Leave out what is no file of the table; with --layer LAYER in place of --table, a table is drafted "
                "for each file. If a column was renamed, infer the contract from one of the files, and list both names "
                "in lagoa.header of the column."
            )
            raise SourceError(str(file.path), message, advice) from error
        widest = file


def _wider(
    files: Sequence[SourceFile],
    widest: SourceFile,
    table: TableName,
    form: tuple[Source, Sequence[Guess]],
    findings: Findings,
) -> tuple[SourceFile, UnknownColumn] | None:
    """Return a file with a column that the widest so far lacks; note which columns the others lack."""
    source, guesses = form
    columns = tuple(Column(guess.name, guess.type, header=guess.header) for guess in guesses)
    lacking: dict[str, list[str]] = {}
    for file in files:
        if file is widest:
            continue
        try:
            found = open_reader(Contract(table, "0", file.path, "", columns, source=source), file).columns
        except UnknownColumn as error:
            return file, error
        except SourceError as error:
            message = f"it is no file of the table of {widest.name}: {error.reason}"
            raise SourceError(str(file.path), message, "Infer them one by one.") from error
        for guess in guesses:
            if guess.name not in found:
                lacking.setdefault(guess.header, []).append(file.name)
    for header, names in lacking.items():
        findings.notes.append(f"the column {header!r} is not in {listed(names, _SHOWN)}: it is null there")
    return None
