"""Decides whether the first record of a CSV file names the columns.

A record that is lost to the header is lost without a trace, so a header needs evidence: values of a kind below it that
the name is not of, or names as only headers have them. Digits, dates and values that occur again below are no names.
Where neither is found, nobody but the file's owner can tell.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lagoa.formats.shared.names import plain_name
from lagoa.formats.shared.null_words import NULL_WORDS

if TYPE_CHECKING:
    from collections.abc import Sequence

_NUMBER = re.compile(r"\s*(R\$|US\$|\$)?\s*[+-]?(\d+([.,\s]\d+)*|[.,]\d+)([eE][+-]?\d+)?\s*%?\s*")
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T]\d\d:\d\d(:\d\d([.,]\d+)?)?(Z|[+-]\d\d:?\d\d)?)?")
_PERIOD = re.compile(
    r"(19|20)\d\d([-/]?(0[1-9]|1[0-2])([-/](0[1-9]|[12]\d|3[01]))?)?|((0[1-9]|[12]\d|3[01])/)?(0[1-9]|1[0-2])/(19|20)\d\d"
)
_WORDS = re.compile(r"(?i)true|false")
_KNOWN = frozenset(
    {
        "id", "nome", "name", "codigo", "cod", "code", "data", "date", "valor", "value", "uf", "estado",
        "state", "cidade", "city", "municipio", "tipo", "type", "descricao", "description", "status",
        "situacao", "email", "cpf", "cnpj", "cep", "endereco", "address", "bairro", "telefone", "phone", "sexo",
        "ano", "year", "mes", "month", "quantidade", "qtd", "preco", "price", "key", "chave", "label", "title",
        "titulo", "country", "pais", "sigla", "regiao", "region", "category", "categoria", "produto", "product",
        "cargo", "orgao", "observacao", "numero", "number", "total",
    }
)  # fmt: skip
_SNAKE = re.compile(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)+")
_ENOUGH = 5
_MOST = 0.95
_CLEARLY = 3
_CODE = 4


@dataclass(frozen=True, slots=True)
class Header:
    """Whether the first record is a header, and why."""

    found: Literal[True, False, "undecided"]
    why: str


def is_value(text: str) -> bool:
    """Return whether a text is a number, a date or a truth value, as no name is."""
    return any(pattern.fullmatch(text) for pattern in (_NUMBER, _DATE, _WORDS))


def is_period(text: str) -> bool:
    """Return whether a text is a year or a month, as a pivoted table has them in its header."""
    return bool(_PERIOD.fullmatch(text))


def find_header(first: Sequence[str], rows: Sequence[Sequence[str]]) -> Header:
    """Return whether the first record of a table is a header.

    Args:
        first: its fields.
        rows: records below it with as many fields.
    """
    below = [[row[place] for row in rows if row[place] and row[place] not in NULL_WORDS] for place in range(len(first))]
    periods = _periods(first, below)
    if periods and len(periods) == len([cell for cell in first if cell]):
        return _of_periods(first, below, first[min(periods)])
    data, names = [], []
    for place, (cell, values) in enumerate(zip(first, below, strict=True)):
        if not cell or cell in NULL_WORDS or place in periods:
            continue
        kind = _kind_below(values)
        if is_value(cell) or _is_code(cell, values):
            data.append(f"{cell!r} is a value as those below it")
        elif kind and kind != _mask(cell):
            names.append(f"{cell!r} is none of the values below it, such as {values[0]!r}")
    if data and len(data) >= len(names) * _CLEARLY:
        return Header(False, data[0])
    if data:
        return Header("undecided", f"{data[0]}, but {names[0]}")
    if names:
        return Header(True, names[0])
    if periods:
        return Header(True, f"{first[min(periods)]!r} and so on are years or months of a pivoted table, next to a name")
    return _by_words(first, below)


def _of_periods(first: Sequence[str], below: Sequence[Sequence[str]], example: str) -> Header:
    """Decide on a record with nothing but years or months: next to texts without a name they are a header."""
    nameless = [values for cell, values in zip(first, below, strict=True) if not cell and values]
    if any(not any(map(is_value, values)) for values in nameless):
        return Header(
            True, f"{example!r} and so on are years or months of a pivoted table, next to texts without a name"
        )
    return Header("undecided", "all of its fields are years or months")


def _by_words(first: Sequence[str], below: Sequence[Sequence[str]]) -> Header:
    """Decide on a record of texts above texts."""
    known = [cell for cell in first if plain_name(cell) in _KNOWN or _SNAKE.fullmatch(cell)]
    twice = [cell for cell, count in Counter(first).items() if cell and count > 1]
    again = [cell for cell, values in zip(first, below, strict=True) if cell and cell in values]
    if len(known) * 2 >= len(first) and not again:
        return Header(True, f"{known[0]!r} is a name as headers have it")
    if (again or twice) and not known:
        return Header(False, f"{(again or twice)[0]!r} occurs again as a value")
    return Header("undecided", "all its fields are texts, as those below")


def _kind_below(values: Sequence[str]) -> str:
    """Return the kind that nearly all values of a column have: `value`, or their common mask; empty for none."""
    if not values:
        return ""
    if sum(map(is_value, values)) >= len(values) * _MOST:
        return "value"
    mask, count = Counter(map(_mask, values)).most_common(1)[0]
    return mask if len(values) >= _ENOUGH and count >= len(values) * _MOST else ""


def _is_code(cell: str, values: Sequence[str]) -> bool:
    """Return whether a field has the form of all values below it, with digits and of some length, as no name has."""
    mask = _mask(cell)
    return len(values) > 1 and len(mask) >= _CODE and "9" in mask and all(_mask(value) == mask for value in values)


def _mask(text: str) -> str:
    """Return a text with its digits as 9 and its letters as A or a."""
    return re.sub(r"[a-z]", "a", re.sub(r"[A-Z]", "A", re.sub(r"\d", "9", text)))


def _periods(first: Sequence[str], below: Sequence[Sequence[str]]) -> set[int]:
    """Return the places of fields that are the years or months of a pivoted table: they rise or fall in equal steps."""
    places = [place for place, cell in enumerate(first) if _PERIOD.fullmatch(cell)]
    if not places or any(values and all(map(_PERIOD.fullmatch, values)) for values in (below[each] for each in places)):
        return set()
    cells = [first[place] for place in places]
    rising = sorted(set(cells), key=_in_order)
    return set(places) if cells in (rising, rising[::-1]) else set()


def _in_order(period: str) -> list[str]:
    """Return the parts of a period from the year on."""
    parts = re.split("[-/]", period)
    return parts if len(parts[0]) > len(parts[-1]) or len(parts) == 1 else parts[::-1]
