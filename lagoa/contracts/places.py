"""Where contracts stand: the files of a folder, their content, and the table that each is of."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from lagoa.domain.tables import TableName
from lagoa.errors import ContractError, InvalidName

SUFFIX = ".odcs.yaml"
"""How the name of a contract's file ends."""

_PART = 1 << 16
"""Bytes that are read at a time."""


def contract_path(folder: Path, table: TableName) -> Path:
    """Return where the contract of a table stands."""
    return folder / table.layer / f"{table.name}{SUFFIX}"


def content_of(path: str) -> str:
    """Return the SHA-256 of a file; nothing where it cannot be read. By the system's calls: there may be thousands."""
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


def contract_files(folder: Path) -> list[tuple[str, ...]]:
    """Return the way to every YAML file under a folder, hidden ones left out; and to what is called so, and is none."""
    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        parts = Path(place).relative_to(folder).parts
        names = (name for name in (*folders, *files) if name.endswith((".yaml", ".yml")) and not name.startswith("."))
        found += [(*parts, name) for name in names]
    return sorted(found)


def table_of(folder: Path, parts: tuple[str, ...]) -> TableName:
    """Return the table whose contract stands in a file of a folder; raises `ContractError` where there is none such."""
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
    return table
