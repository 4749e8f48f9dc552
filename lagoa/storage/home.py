"""The home of a lake that has no record of it, derived from its pointers and existing files."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from lagoa.errors import SettingsError
from lagoa.storage.port import local_path

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lagoa.storage.port import Storage

_POINTER = re.compile(r"(.+)/[^/]+/[^/]+[-_][0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/metadata/[^/]+")
"""`<warehouse>/<layer>/<table>-<uuid>/metadata/<file>`, the form of the pointer of every table that Lagoa creates."""

_LOOKED_FOR = 20
"""How many files of one prefix are looked up: some may be missing."""


def home_of(pointers: Iterable[str], storage: Storage) -> str:
    """Return the warehouse that a lake was created with.

    It is the current one if any pointer is in it, or if no pointer has Lagoa's form. Otherwise the lake was moved: its
    home is the prefix of those pointers whose files are in the current warehouse.

    Args:
        pointers: pointers of the lake's tables, the latest first.
        storage: opens the files in the current warehouse.

    Raises:
        SettingsError: there is no such prefix, or more than one.
    """
    here = storage.location
    prefixes: dict[str, dict[str, None]] = {}
    for pointer in pointers:
        place = local_path(pointer)
        if place.startswith(f"{here}/"):
            return here
        found = _POINTER.fullmatch(place)
        if found:
            prefixes.setdefault(found[1], {})[place.removeprefix(found[1])] = None
    if not prefixes:
        return here
    files = storage.file_io({})
    homes = [
        prefix
        for prefix, rests in prefixes.items()
        if any(files.new_input(f"{here}{rest}").exists() for rest in islice(rests, _LOOKED_FOR))
    ]
    if len(homes) == 1:
        return homes[0]
    counted = sorted(prefixes.items(), key=lambda each: -len(each[1]))
    counts = ", ".join(f"{len(rests)} in {prefix}" for prefix, rests in counted)
    raise SettingsError(
        f"The lake's catalog refers to metadata files outside of its warehouse, {here}: {counts}. "
        + ("Files of several of these are in the warehouse." if homes else "None of them are in the warehouse."),
        "If the lake was moved or copied, move its files there too, and set `warehouse_home` in lagoa.toml to where "
        f"its warehouse was. To use the files where they are, set it to {here}.",
    )
