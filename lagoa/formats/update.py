"""Compares a file with the contract of its table: new columns, those that are gone, and types that do not fit."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lagoa.contracts import Column
from lagoa.contracts.iceberg_types import MOMENTS, NUMBERS, parse_type
from lagoa.contracts.sources import ISO_DATE
from lagoa.contracts.widening import extended, holds, widened
from lagoa.errors import SourceError
from lagoa.formats.contract_text import guess_lines, scalar
from lagoa.formats.infer import look_at
from lagoa.formats.registry import FORMATS, open_reader
from lagoa.formats.shared.files import SourceFile
from lagoa.formats.shared.given import Findings, Given
from lagoa.formats.shared.lines import with_lines
from lagoa.formats.shared.names import plain_name
from lagoa.formats.shared.row_sql import STREAM, RowSql

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from lagoa.contracts import Contract
    from lagoa.contracts.sources import Source
    from lagoa.formats.shared.guesses import Guess

_FORM = ("header", "skip", "footer", "delimiter", "encoding", "records", "sheet", "range", "member")
"""What is given of the form that the contract has; how values are written is found out, and compared."""


@dataclass(slots=True)
class Changes:
    """What a contract lacks for what was looked at.

    Attributes:
        added: the lines of each new column, by its name.
        fields: the paths of new fields of nested columns: `address.zip`, `items.element.sku`.
        types: the new type of columns: a wider one, or one with these fields.
        headers: the names in files of columns that have another spelling of one in this file.
        left: what is not changed, and what somebody may do, a sentence each.
    """

    added: dict[str, list[str]] = field(default_factory=dict)
    fields: list[str] = field(default_factory=list)
    types: dict[str, str] = field(default_factory=dict)
    headers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)

    def compare(self, column: Column, found: str, where: str) -> None:
        """Note what a type that was found for a column means for the contract."""
        if self.extend(column, found, widen=True):
            return
        if (wider := widened(column.type, found)) is not None:
            self.types[column.name] = wider
        elif not holds(column.type, found):
            what = f"{column.name} is {column.type} in the contract and {found} in {where}"
            self.left.append(f"{what}, to which no table can be changed without a loss: use another name, or cast it")

    def extend(self, column: Column, found: str, *, widen: bool = False) -> bool:
        """Add the nested fields that a type has and a column lacks; return whether this changed its type."""
        kind, paths = extended(column.type, found, widen=widen) if column.type.endswith(">") else (column.type, [])
        if kind != column.type:
            self.types[column.name] = kind
            self.fields += [f"{column.name}.{path}" for path in paths]
        return kind != column.type


def changes_for_file(contract: Contract, path: Path) -> Changes:
    """Return what a contract lacks for a file.

    Raises:
        SourceError: the table is not loaded from files, its files have no names of columns, or the file is not as the
            contract says.
    """
    source = contract.source
    if source is None:
        raise SourceError(str(path), f"{contract.table} is not loaded from files.", "Leave the file out.")
    if getattr(source, "header", True) is not True:
        advice = "Add its columns to the contract by hand, in the order of the file."
        raise SourceError(str(path), f"the files of {contract.table} have no header with names.", advice)
    seen = look_at(path, contract.table, _given(source), Findings())
    changes = Changes()
    known = {name: column for column in contract.columns for name in column.source_names}
    for guess in seen.guesses:
        if guess.header not in known and (column := _respelt(guess.header, contract, seen.guesses)):
            known[guess.header] = column
            changes.headers[column.name] = (*column.source_names, guess.header)
    found = {known[guess.header].name for guess in seen.guesses if guess.header in known}
    if not found:
        message = f"none of its columns is in the contract of {contract.table}: it seems to be of another table."
        raise SourceError(str(path), message, "Check the table and the path.")
    for guess in seen.guesses:
        if guess.header in known:
            changes.extend(known[guess.header], guess.type)
        else:
            _rename(guess, {column.name for column in contract.all_columns} | changes.added.keys())
            guess.required = False  # the rows that are there have no value
            guess.properties.update(_written(guess, seen.source, source))
            lines = "\n".join(guess_lines(guess))
            encoding = None if FORMATS[source.format].counts_rows else seen.source.encoding
            text = with_lines(lines, seen.files, encoding)
            changes.added[guess.name] = text.split("\n")
    for column in contract.columns:
        if column.name not in found:
            means = (
                "ingest refuses the file as long as it is required" if column.required else "it is null in these rows"
            )
            renamed = f"; if {' or '.join(changes.added)} is its new name, list both in its lagoa.header instead"
            changes.left.append(
                f"{column.name} is not in {path.name}: the column stays, and {means}{renamed if changes.added else ''}"
            )
    columns = tuple(
        replace(each, other_headers=changes.headers[each.name][1:]) if each.name in changes.headers else each
        for each in contract.columns
    )
    _compare(
        changes,
        replace(contract, columns=columns),
        path,
        [guess for guess in seen.guesses if guess.name in changes.added],
    )
    return changes


def _respelt(header: str, contract: Contract, guesses: Sequence[Guess]) -> Column | None:
    """Return the column that the file lacks, and of which a name in it is another spelling.

    That is one that differs in case, accents or marks alone, such as `Remuneracao (R$)` for `REMUNERAÇÃO (R$)`. None if
    there are several, or several such names in the file.
    """
    present = {guess.header for guess in guesses}
    plain = plain_name(header)
    lacking = [
        column
        for column in contract.columns
        if present.isdisjoint(column.source_names) and plain in map(plain_name, column.source_names)
    ]
    alike = [name for name in present if plain_name(name) == plain]
    return lacking[0] if plain and len(lacking) == len(alike) == 1 else None


def _given(source: Source) -> Given:
    known = FORMATS[source.format].given | {"member"}
    values: dict[str, Any] = {name: getattr(source, name, None) for name in _FORM if name in known}
    return Given(**values)


def _rename(guess: Guess, taken: set[str]) -> None:
    """Give a column a name that no other column of the table has; the one in the files stays."""
    plain, number = guess.name, 2
    while guess.name in taken:
        guess.name, number = f"{plain}_{number}", number + 1


def _written(guess: Guess, found: Source, source: Source) -> Iterator[tuple[str, str]]:
    """Yield the custom properties that say how values are written, where that is not as the contract says of all."""
    kind = guess.type.partition("(")[0]
    options = [*(["decimal", "thousands"] if kind in NUMBERS else []), *(["date"] if kind in MOMENTS else [])]
    if not guess.parsed:
        return
    for option in options:
        usual = ISO_DATE if option == "date" else "." if option == "decimal" else ""
        value, wanted = getattr(found, option, usual), getattr(source, option, usual)
        if f"lagoa.{option}" not in guess.properties and value != wanted and isinstance(value, str):
            yield f"lagoa.{option}", scalar(value)


def _compare(changes: Changes, contract: Contract, path: Path, new: Sequence[Guess]) -> None:
    """Read the file as ingest would, and take a wider type where it lets more records in."""
    added = [Column(each.name, "string" if each.parsed else each.type, header=each.header) for each in new]
    types = changes.types
    known = {
        each.name: replace(each, required=False, type=types.get(each.name, each.type)) for each in contract.columns
    }
    tried = replace(contract, columns=(*known.values(), *added))
    refused, seen = _refused(tried, path), set[str]()
    while name := next((each for each in known if each in refused and each not in seen), None):
        seen.add(name)  # a record counts for the first of its values only: others show when that one fits
        for wider in _wider(known[name].type):
            columns = tuple(replace(each, type=wider) if each.name == name else each for each in tried.columns)
            other = replace(tried, columns=columns)
            counts = _refused(other, path)
            if counts.get(name, 0) < refused.get(name, 0):
                changes.types[name], tried, refused = wider, other, counts
    for name, count in refused.items():
        if name in known:
            what = f"{name} is {changes.types.get(name, known[name].type)}, and {count:,} of the values in {path.name}"
            changes.left.append(f"{what} cannot be: their records go to quarantine")


def _wider(kind: str) -> list[str]:
    """Return the types that Iceberg can widen one to, for values that do not fit."""
    found = parse_type(kind)
    scale = found.numbers[1] if found.name == "decimal" else 0
    tried = ("long", "double", f"decimal({max(18, scale)}, {scale})", f"decimal(38, {scale})")
    return [each for each in tried if widened(kind, each) is not None]


def _refused(contract: Contract, path: Path) -> dict[str, int]:
    """Return how many records of a file are refused for the type of each column."""
    import duckdb

    source = contract.source
    file = SourceFile(path, [source.member] if source and source.member else [])
    reader = open_reader(contract, file)
    query = RowSql(contract, reader, str(path)).refused
    counts = f"SELECT column_name, count(*) FROM ({query}) WHERE rule LIKE 'type/%' GROUP BY ALL"  # noqa: S608
    stream = reader.stream()
    with duckdb.connect() as connection:
        connection.register(STREAM, stream.reader())
        try:
            return dict(connection.execute(counts, ["", datetime.now(UTC), path.name]).fetchall())
        except duckdb.Error:
            stream.check()
            raise
