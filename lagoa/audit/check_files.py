"""The check files of a lake: which there are, and the content of each, read again only where a file changed."""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lagoa.domain.tables import TableName
from lagoa.errors import CheckError, InvalidName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lagoa.context import LakeContext
    from lagoa.contracts import Contracts

_Stamp = tuple[int, int, int, int]
"""Size, inode and times of a file: another content has another stamp."""

_SETTLED_NS = 2 * 10**9
"""A file that changed so shortly before it was read may change once more without another stamp: clocks have ticks."""


@dataclass(frozen=True)
class CheckFiles:
    """The check files as they were at one time.

    Attributes:
        contracts: the contracts that say which tables there are.
        stamps: of each file, by its path in the folder; None for what is no file.
        contents: SHA-256 of each table's file.
        read_at: when they were read, in nanoseconds since 1970.
    """

    contracts: Contracts
    stamps: Mapping[tuple[str, ...], _Stamp | None]
    contents: Mapping[TableName, str]
    read_at: int

    def knows(self, path: tuple[str, ...], stamp: _Stamp | None) -> bool:
        """Return whether a file is known to have the content that was read."""
        return stamp is not None and self.stamps.get(path) == stamp and stamp[-1] < self.read_at - _SETTLED_NS


def check_files(context: LakeContext) -> CheckFiles:
    """Return the check files of a lake.

    Raises:
        CheckError: a file that belongs to no table, such as one with a misspelt name: its checks would never run.
    """
    folder, contracts, now = context.settings.checks_folder, context.contracts, time.time_ns()
    last: CheckFiles | None = context.cache.get(("check files",))
    stamps = {path: _stamp(os.path.join(folder, *path)) for path in sorted(_paths(folder))}  # noqa: PTH118 - many
    if last and last.contracts is contracts and last.stamps == stamps and all(map(last.knows, stamps, stamps.values())):
        return last
    contents: dict[TableName, str] = {}
    for path, stamp in stamps.items():
        table = _table(folder, path, contracts)
        if last and last.knows(path, stamp) and table in last.contents:
            contents[table] = last.contents[table]
        elif stamp is not None:
            contents[table] = hashlib.sha256(folder.joinpath(*path).read_bytes()).hexdigest()
    found = CheckFiles(contracts, stamps, contents, now)
    context.cache.keep(("check files",), found)
    return found


def _paths(folder: Path) -> list[tuple[str, ...]]:
    """Return the path of every YAML file in a folder, and of folders with such a name."""
    found: list[tuple[str, ...]] = []
    for place, folders, files in os.walk(folder):
        parts = Path(place).relative_to(folder).parts
        found += [(*parts, name) for name in (*folders, *files) if name.endswith((".yaml", ".yml"))]
    return found


def _stamp(path: str) -> _Stamp | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - there may be thousands
    except OSError:
        return None
    return found.st_size, found.st_ino, found.st_mtime_ns, found.st_ctime_ns


def _table(folder: Path, path: tuple[str, ...], contracts: Contracts) -> TableName:
    name = ".".join((*path[:-1], path[-1].rpartition(".")[0]))
    try:
        table = TableName.parse(name)
    except InvalidName:
        table = None
    if table is None or table not in contracts or not path[-1].endswith(".yaml"):
        advice = "Check files are soda/<layer>/<table>.yaml."
        raise CheckError(folder.joinpath(*path), None, f"there is no contract for a table {name}.", advice)
    return table
