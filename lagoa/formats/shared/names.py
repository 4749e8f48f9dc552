"""What follows from the names in a file: names for the columns, and which column identifies a row."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from lagoa.contracts.iceberg_types import INTEGERS
from lagoa.domain.tables import ENGINE_COLUMNS, LINEAGE_COLUMNS, OWN_PREFIX
from lagoa.formats.shared.guesses import ENOUGH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lagoa.formats.shared.guesses import Guess

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,99}")
_IDENTIFIER = re.compile(r"(^|_)(id|uuid|guid|key|codigo|code)$|^id_")
_RESERVED = ENGINE_COLUMNS.union(LINEAGE_COLUMNS)
_KEY_TYPES = frozenset({"int", "long", "string", "uuid"})


def column_names(headers: Sequence[str]) -> list[str]:
    """Return a column name for each name in a file: the name itself if a table may have it, else a similar one.

    All differ.
    """
    names: dict[str, None] = {}  # in order
    taken = set(headers)
    for number, header in enumerate(headers, 1):
        name = header if _NAME.fullmatch(header) else plain_name(header) or f"column_{number}"
        if name.startswith(OWN_PREFIX):
            name = name.removeprefix("_")
        while name in names or name in _RESERVED or (name in taken and name != header):
            name = f"{name}_{number}"
        names[name] = None
    return list(names)


def plain_name(header: str) -> str:
    """Return a similar name of lower-case letters, digits and underscores; empty if nothing is left."""
    plain = unicodedata.normalize("NFKD", header).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:100]
    return f"_{name}" if name[:1].isdigit() else name


def find_key(guesses: Sequence[Guess], table: str) -> Guess | None:
    """Return the column that identifies a row: unique, never null, and not unique merely by chance.

    It has whole numbers or text. It is `id`, or `<table>_id`, or the first column if its name ends in `id`; in a file
    of at least 300 records also the first other column with such a name, or the first column itself.
    """
    able = [each for each in guesses if each.type in _KEY_TYPES and each.records == each.distinct > 0]
    singular = table.removesuffix("s")
    named = [each for each in able if _IDENTIFIER.search(each.name)]
    for each in named:
        if each.name in {"id", "uuid", "guid", f"{table}_id", f"{singular}_id", f"id_{singular}", f"id_{table}"}:
            return each
    first = guesses[0]
    if first in named:
        return first
    if first.records < ENOUGH:
        return None
    return named[0] if named else (first if first in able and first.type in INTEGERS else None)
