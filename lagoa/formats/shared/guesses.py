"""Guesses what a column is from its values, and keeps the reason for each guess as text.

The guesses are loose on purpose: a contract that was guessed from one file must accept the next one. So a rule is
set only if the values leave little doubt; what is merely likely becomes a comment for a person to decide on.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from lagoa.contracts.formats import FORMATS
from lagoa.contracts.iceberg_types import MOMENTS, NUMBERS
from lagoa.domain.sql_names import name_in_sql
from lagoa.formats.shared.personal import personal

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from duckdb import DuckDBPyConnection

RECORDS = 500_000
"""Records of a file whose type is known that are examined."""

ENOUGH = 300
"""A column is taken to be required if at least so many records have no null.

By the rule of three, nulls are then fewer than 1 % with 95 % confidence, which is the share of rows in quarantine
that an audit accepts by default.
"""

FEW = 20
"""With fewer values, a rule that they all happen to keep is not mentioned."""

DISTINCT = 10
_STATE = re.compile(r"(^|_)(uf|estado|state)(_|$)")
# The shortest and longest value of a format, and the column names that suggest it.
_FORMATS = {
    "cpf": (11, 14, re.compile("cpf")),
    "cnpj": (14, 18, re.compile("cnpj")),
    "uuid": (36, 36, re.compile("uuid|guid|id")),
    "email": (6, 254, re.compile("mail")),
    "cep": (8, 9, re.compile("cep|zip|postal")),
    "uf": (2, 2, _STATE),
    "ipv4": (7, 15, re.compile(r"(^|_)ip")),
}
_NAMED_ONLY = frozenset({"cep", "uf"})

Written = Literal["text", "number", "boolean", "several"]


@dataclass(slots=True)
class Guess:
    """What a column seems to be.

    Attributes:
        name: its name in the table.
        header: its name in the file.
        type: in Iceberg's spelling.
        why: the reason for the type.
        records: how many were examined.
        nulls: how many have no value.
        distinct: how many different values there are.
        required: whether nulls are to be refused.
        parsed: whether its values are texts from which the type is found; else the file gives the type.
        written: the kind of all values, where the file distinguishes kinds as JSON does.
        format: the format that all values have.
        likely: further rules that hold in the file, as YAML, for a person to adopt.
        notes: what a reviewer should know or may change; `@17@` stands for the line of the record at byte 17.
        properties: custom properties of the column, as YAML: how its values are written, if that differs.
        offered: whether some of its values may mean null.
        null_words: words that somebody says are null in it.
    """

    name: str
    header: str
    type: str
    why: str
    records: int = 0
    nulls: int = 0
    distinct: int = 0
    required: bool = False
    parsed: bool = False
    written: Written | None = None
    format: str | None = None
    likely: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    properties: dict[str, str] = field(default_factory=dict)
    offered: bool = False
    null_words: list[str] = field(default_factory=list)

    @property
    def personal(self) -> str:
        """What the values seem to be of persons, such as `a telephone number`; empty for nothing."""
        return personal(self.name, self.type, self.format)


def formats_of(name: str) -> dict[str, tuple[int, int]]:
    """Return the formats to look for in a column, with the shortest and longest value of each."""
    return {
        each: (least, most)
        for each, (least, most, named) in _FORMATS.items()
        if each not in _NAMED_ONLY or named.search(name)
    }


def set_format(guess: Guess, formats: Collection[str], values: Collection[str] | None) -> None:
    """Set the format of a column of texts, if all values have one; else note a small set of values.

    Args:
        guess: of the column.
        formats: those that all values have, of `formats_of` its name.
        values: the different values; None if there are many.
    """
    present = guess.records - guess.nulls
    for name, (_, _, named) in _FORMATS.items():
        if name in formats and (named.search(guess.name) or present >= FEW):
            guess.format = name
            return
    if values and 1 < len(values) <= DISTINCT and present >= max(FEW, len(values) * 5):
        found = ", ".join(f"{{value: {json.dumps(value, ensure_ascii=False)}}}" for value in sorted(values))
        guess.likely.append(f"enum: [{found}]")


def guess_typed(connection: DuckDBPyConnection, column: str, guess: Guess) -> None:
    """Complete the guess of a column whose type the file gives: counts, and a format if it is text."""
    name = name_in_sql(column)
    nested = guess.type.endswith(">")
    figures = ["count(*)", f"count({name})", "0" if nested else f"count(DISTINCT {name})"]
    if guess.type == "string":
        text = f"CAST({name} AS VARCHAR)"  # a column without any value has another type
        figures += [f"min(length({text}))", f"max(length({text}))"]
    row = connection.execute(f"SELECT {', '.join(figures)} FROM records").fetchone() or (0, 0, 0)  # noqa: S608
    guess.records, guess.nulls, guess.distinct = row[0], row[0] - row[1], row[2]
    if guess.type == "string" and row[1]:
        set_format(guess, _formats_in(connection, guess, name, row[3:]), _few_values(connection, guess, name))
    elif not nested:
        _guess_range(connection, name, guess)


def note_range(guess: Guess, least: str, greatest: str) -> None:
    """Note the range of a column of numbers or moments; numbers that are never negative get the minimum zero."""
    kind = guess.type.partition("(")[0]
    if kind not in NUMBERS | MOMENTS or guess.records - guess.nulls < FEW:
        return
    if kind in NUMBERS:
        if "e" in least + greatest or "n" in least + greatest:  # an exponent, infinity or NaN
            return
        least = least if least.startswith("-") else "0"
    else:
        least, greatest = json.dumps(least), json.dumps(greatest)
    guess.likely.append(f"logicalTypeOptions: {{minimum: {least}, maximum: {greatest}}}")


def _guess_range(connection: DuckDBPyConnection, value: str, guess: Guess) -> None:
    query = f"SELECT CAST(min({value}) AS VARCHAR), CAST(max({value}) AS VARCHAR) FROM records"  # noqa: S608
    least, greatest = connection.execute(query).fetchone() or (None, None)
    if least is not None:
        note_range(guess, least, greatest)


def _formats_in(connection: DuckDBPyConnection, guess: Guess, column: str, lengths: Sequence[int]) -> list[str]:
    """Return the formats that all values of a column of texts have, whose shortest and longest have these lengths."""
    shortest, longest = lengths
    names = [name for name, (least, most) in formats_of(guess.name).items() if least <= shortest and longest <= most]
    if not names:
        return []
    broken = ", ".join(f"count_if(NOT {FORMATS[name].holds(column)})" for name in names)
    counts = connection.execute(f"SELECT {broken} FROM records").fetchone() or ()  # noqa: S608 - a quoted name
    return [name for name, count in zip(names, counts, strict=True) if not count]


def _few_values(connection: DuckDBPyConnection, guess: Guess, column: str) -> list[str] | None:
    if guess.distinct > DISTINCT:
        return None
    query = f"SELECT DISTINCT {column} FROM records WHERE {column} IS NOT NULL"  # noqa: S608 - a quoted name
    return [row[0] for row in connection.execute(query).fetchall()]
