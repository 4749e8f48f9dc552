"""Guesses what a column is from its values, and keeps the reason for each guess as text.

The guesses are loose on purpose: a contract that was guessed from one file must accept the next one. So a rule is
set only if the values leave little doubt; what is merely likely becomes a comment for a person to decide on.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from lagoa.contracts.formats import FORMATS
from lagoa.contracts.iceberg_types import MOMENTS, NUMBERS
from lagoa.contracts.sources import ISO_DATE
from lagoa.domain.sql_names import name_in_sql
from lagoa.formats.shared.values import from_text

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from lagoa.contracts.sources import Spelling

RECORDS = 500_000
"""Records of a file that are examined."""

ENOUGH = 300
"""A column is taken to be required if at least so many records have no null.

By the rule of three, nulls are then fewer than 1 % with 95 % confidence, which is the share of rows in quarantine
that an audit accepts by default.
"""

FEW = 20
"""With fewer values, a rule that they all happen to keep is not mentioned."""

_DISTINCT = 10
_FIRST = 2_000
_TYPES = ("long", "double", "date", "timestamp", "timestamptz")
_DIGITS = 18
_CODES = re.compile(r"cpf|cnpj|cep|zip|postal|phone|telefone|celular|fone|(^|_)(ddd|rg|ean|gtin|isbn)(_|$)")
_MONEY = re.compile(r"price|preco|valor|amount|total|cost|custo|salar|freight|frete|payment|saldo|balance|revenue|fee")
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
_PERSONAL = frozenset({"cpf", "email"})


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

    @property
    def personal(self) -> bool:
        """Whether the values identify persons."""
        return self.format in _PERSONAL


def guess_text(connection: DuckDBPyConnection, column: str, guess: Guess, spelling: Spelling) -> None:
    """Complete the guess of a column of texts: counts, type, format and what is likely.

    Args:
        connection: has the table `records`.
        column: the column's name there.
        guess: with names; the rest is filled in.
        spelling: how numbers and dates are written.
    """
    name = name_in_sql(column)
    found = _counted(connection, _figures(connection, name, spelling))
    guess.records, guess.distinct = found["records"], found["distinct"]
    guess.nulls = found["records"] - found["present"]
    guess.type, guess.why = _type(guess, found, spelling)
    if guess.type == "string" and found["present"]:
        guess_format(connection, column, guess, (found["shortest"], found["longest"]))
    elif guess.type != "string":
        _guess_range(connection, from_text(name, "NULL", guess.type, spelling).sql, guess)


def _guess_range(connection: DuckDBPyConnection, value: str, guess: Guess) -> None:
    """Note the range of a column of numbers or moments; numbers that are never negative get the minimum zero."""
    kind = guess.type.partition("(")[0]
    if kind not in NUMBERS | MOMENTS or guess.records - guess.nulls < FEW:
        return
    query = f"SELECT CAST(min({value}) AS VARCHAR), CAST(max({value}) AS VARCHAR) FROM records"  # noqa: S608
    least, greatest = connection.execute(query).fetchone() or ("", "")
    if kind in NUMBERS:
        if "e" in least + greatest or "n" in least + greatest:  # an exponent, infinity or NaN
            return
        least = least if least.startswith("-") else "0"
    else:
        least, greatest = json.dumps(least), json.dumps(greatest)
    guess.likely.append(f"logicalTypeOptions: {{minimum: {least}, maximum: {greatest}}}")


def _figures(connection: DuckDBPyConnection, name: str, spelling: Spelling) -> dict[str, str]:
    """Return the SQL of what to count: misfits of the types that the first values do not rule out, and more."""
    mark = spelling.decimal
    misfits = {kind: f"count_if({misfit(name, kind, spelling)})" for kind in _TYPES}
    misfits["words"] = f"count_if(lower({name}) NOT IN ('true', 'false'))"
    first = f"(SELECT {name} FROM records WHERE {name} IS NOT NULL LIMIT {_FIRST})"  # noqa: S608
    possible = {kind for kind, count in _counted(connection, misfits, first).items() if not count}
    figures = {
        "records": "count(*)",
        "present": f"count({name})",
        "distinct": f"count(DISTINCT {name})",
        "longest": f"max(length({name}))",
        "shortest": f"min(length({name}))",
    }
    if possible & {"long", "double"}:
        figures |= {
            "zeros": f"count_if(regexp_matches({name}, '^ *[+-]?0[0-9]'))",
            "plus": f"count_if(starts_with({name}, '+'))",
            "marked": f"count_if(contains({name}, '{mark}'))",
            "places": f"max(length(split_part({name}, '{mark}', 2)))",
            "fewest": f"min(length(split_part({name}, '{mark}', 2)))",
            "exponent": f"count_if(contains(lower({name}), 'e'))",
        }
    if not possible.isdisjoint({"date", "timestamp", "timestamptz"}):
        offset = f"regexp_matches({name}, '(Z|[+-][0-9]{{2}}(:?[0-9]{{2}})?)$') AND length({name}) > 10"
        figures |= {"clock": f"count_if(length({name}) > 10)", "offset": f"count_if({offset})"}
    return figures | {kind: misfits[kind] for kind in possible}


def _counted(connection: DuckDBPyConnection, figures: dict[str, str], source: str = "records") -> dict[str, Any]:
    """Return the figures of a column; a type that was ruled out counts as one that does not fit."""
    cursor = connection.execute(f"SELECT {', '.join(figures.values())} FROM {source}")  # noqa: S608
    return dict.fromkeys((*_TYPES, "words"), 1) | dict(zip(figures, cursor.fetchone() or (), strict=True))


def misfit(name: str, kind: str, spelling: Spelling) -> str:
    """Return the condition under which ingest could not make a value of a type from a text."""
    made = from_text(name, "NULL", kind, spelling).sql
    return " OR ".join(f"({bad})" for bad in from_text(name, f"({made})", kind, spelling).bad)


def _type(guess: Guess, found: dict[str, Any], spelling: Spelling) -> tuple[str, str]:
    """Return the type that all values have, and the reason."""
    present = found["present"]
    seen = f"in all {present:,} values" if present > 1 else "in the one value"
    if not present:
        return "string", "no value was seen"
    if guess.written == "several":
        return "string", guess.why
    if not found["words"] and guess.written != "text":
        return "boolean", f"true or false {seen}"
    if not (found["long"] and found["double"]) and guess.written != "text":
        code = _code(guess, found)
        return ("string", code) if code else _number(guess, found, seen, spelling.decimal)
    form = "" if spelling.date == ISO_DATE else f", written {spelling.date}"
    moments = {
        f"date: dates {seen}{form}": not found["date"] and not found["clock"],
        f"timestamp: moments without a time zone {seen}{form}": not found["timestamp"] and not found["offset"],
        f"timestamptz: moments with their offset {seen}{form}": not found["timestamptz"] and found["offset"] == present,
    }
    kind, _, why = next((each for each, holds in moments.items() if holds), "string: text").partition(": ")
    return kind, why


def _code(guess: Guess, found: dict[str, Any]) -> str | None:
    """Return why a column of numbers contains codes, whose digits must not change; None if it does not."""
    if _CODES.search(guess.name):
        return "digits, and by its name a code, not a number"
    if prefixed := found["zeros"] + found["plus"]:
        return f"digits, and {prefixed:,} of them begin with 0 or +"
    if found["longest"] > _DIGITS and not found["marked"] and not found["exponent"]:
        return f"digits, and more of them ({found['longest']}) than a number holds"
    return None


def _number(guess: Guess, found: dict[str, Any], seen: str, mark: str) -> tuple[str, str]:
    """Choose the type of numbers: decimal only for a reason, since it would refuse a later value with more places."""
    if not found["long"] and (not found["marked"] or found["double"]):
        return "long", f"whole numbers {seen}"
    money = bool(_MONEY.search(guess.name)) and found["places"] <= 2  # noqa: PLR2004 - cents
    cents = found["places"] == found["fewest"] == 2 and found["present"] >= ENOUGH  # noqa: PLR2004
    if (money or cents) and not found["exponent"]:
        reason = "by its name an amount" if money else "every one with two places"
        return "decimal(18, 2)", f"numbers with at most two places after {mark!r} {seen}, {reason}"
    return "double", f"numbers {seen}"


def guess_format(connection: DuckDBPyConnection, column: str, guess: Guess, lengths: tuple[int, int]) -> None:
    """Look for a format or a small set of values in a column of texts."""
    present, name = guess.records - guess.nulls, name_in_sql(column)
    for format_name, (least, most, named) in _FORMATS.items():
        is_named = bool(named.search(guess.name))
        enough = is_named or (present >= FEW and format_name not in _NAMED_ONLY)
        if not (enough and least <= lengths[0] and lengths[1] <= most):
            continue
        holds = FORMATS[format_name].holds(name)
        query = f"SELECT count_if(NOT {holds}) FROM records"  # noqa: S608
        if (connection.execute(query).fetchone() or (1,))[0] == 0:
            guess.format = format_name
            return
    if 1 < guess.distinct <= _DISTINCT and present >= FEW and present >= guess.distinct * 5:
        query = f"SELECT DISTINCT {name} FROM records WHERE {name} IS NOT NULL ORDER BY 1"  # noqa: S608
        values = [row[0] for row in connection.execute(query).fetchall()]
        guess.likely.append(
            f"enum: [{', '.join(f'{{value: {json.dumps(value, ensure_ascii=False)}}}' for value in values)}]"
        )


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
        guess_format(connection, column, guess, (row[3], row[4]))
    elif not nested:
        _guess_range(connection, name, guess)
