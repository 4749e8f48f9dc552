"""Locates contracts: the files in a folder, their content, and the table of each."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

from lagoa.domain.tables import ENGINE_LAYERS, TableName
from lagoa.errors import ContractError, InvalidName

SUFFIX = ".odcs.yaml"
"""The suffix of a contract's file."""

_PART = 1 << 16
"""Bytes per read."""

_COARSEST_NS = 2_000_000_000
"""How long a file system may write the same time for two changes: FAT has two seconds, others much less."""


def contract_path(folder: Path, table: TableName) -> Path:
    """Return the path of a table's contract."""
    return folder / table.layer / f"{table.name}{SUFFIX}"


def content_of(path: str) -> str:
    """Return the SHA-256 of a file; empty if it cannot be read. System calls, as there may be thousands."""
    digest = hashlib.sha256()
    try:
        file = os.open(path, os.O_RDONLY)
        try:
            while part := os.read(file, _PART):
                digest.update(part)
        finally:
            os.close(file)
    except OSError:
        return ""
    return digest.hexdigest()


def stamp_of(path: str) -> str:
    """Return what changes whenever a file changes, without reading it; empty if nothing does.

    It is taken before the file is read: whoever finds the same again has the file that was read. A file that changed
    just now has none, as its next change might get the same time. No program can choose the time of a change (`ctime`).
    """
    try:
        found = os.stat(path)  # noqa: PTH116 - there may be thousands
    except OSError:
        return ""
    if time.time_ns() - found.st_ctime_ns <= _COARSEST_NS:
        return ""
    return f"{found.st_ino} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"


def contract_files(folder: Path) -> list[tuple[str, ...]]:
    """Return the relative path of every YAML file in a folder, without hidden ones, and of folders with such a name."""
    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        parts = Path(place).relative_to(folder).parts
        names = (name for name in (*folders, *files) if name.endswith((".yaml", ".yml")) and not name.startswith("."))
        found += [(*parts, name) for name in names]
    return sorted(found)


def table_of(folder: Path, parts: tuple[str, ...]) -> TableName:
    """Return the table of a contract file; raises `ContractError` if it belongs to none."""
    form = f"A contract is {folder.name}/<layer>/<table>{SUFFIX}."
    if len(parts) != 2 or not parts[-1].endswith(SUFFIX):  # noqa: PLR2004 - layer and file
        path = folder.joinpath(*parts)
        raise ContractError(path, None, "this file would not be read.", f"{form} Rename or move it.")
    try:
        table = TableName.parse(f"{parts[0]}.{parts[1].removesuffix(SUFFIX)}")
    except InvalidName as error:
        raise ContractError(folder.joinpath(*parts), None, error.message, f"{error.advice} {form}") from error
    if table.is_quarantine:
        message = "the layer quarantine is Lagoa's own, and so are its contracts."
        raise ContractError(folder.joinpath(*parts), None, message, "Take the file away.")
    if table.layer in ENGINE_LAYERS:
        message = f"the SQL engine has a schema {table.layer!r} of its own: tables in such a layer cannot be read."
        raise ContractError(folder.joinpath(*parts), None, message, "Choose another name for the layer.")
    return table
