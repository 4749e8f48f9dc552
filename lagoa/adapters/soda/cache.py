"""Caches check files, so that an unchanged file is not parsed again."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from typing import TYPE_CHECKING

from lagoa.domain.cache_file import CacheFile, code_version
from lagoa.domain.checks import CheckFile, FileCheck
from lagoa.domain.tables import TableName

if TYPE_CHECKING:
    from pathlib import Path

_READ_BY = ("lagoa.adapters.soda",), ("pyyaml",)


class CheckFileCache:
    """Valid check files as they were last read, by table, in memory and in a file.

    Args:
        file: the file for the next process; None for none.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = CacheFile(file, code_version(*_READ_BY))
        self._files: dict[TableName, CheckFile] = {}
        self._new: dict[str, str] = {}

    def get(self, table: TableName, path: Path) -> CheckFile | None:
        """Return a table's check file if its text has not changed."""
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError):  # reading it reports the error
            return None
        known = self._files.get(table)
        if known is None and str(table) in self._kept:
            known = _from_document(self._kept[str(table)], table, path, text)
        if known is None or (known.text, known.path) != (text, str(path)):
            return None
        self._files[table] = known
        return known

    def put(self, file: CheckFile) -> None:
        """Cache a file that was read."""
        self._files[file.table] = file
        self._new[str(file.table)] = _to_document(file)

    def save(self) -> None:
        """Write new entries for the next process."""
        if self._new:
            self._file.write(self._kept | self._new)

    @cached_property
    def _kept(self) -> dict[str, str]:
        return self._file.read()


def _to_document(file: CheckFile) -> str:
    checks = [
        [check.id, check.definition, check.queries, [str(table) for table in check.tables], check.clock, check.severity]
        for check in file.checks
    ]
    return json.dumps([_digest(file.text), checks], ensure_ascii=False, separators=(",", ":"))


def _from_document(document: str, table: TableName, path: Path, text: str) -> CheckFile | None:
    digest, checks = json.loads(document)
    if digest != _digest(text):
        return None
    found = (
        FileCheck(name, definition, tuple(queries), tuple(map(TableName.parse, tables)), clock, severity)
        for name, definition, queries, tables, clock, severity in checks
    )
    return CheckFile(table, str(path), text, tuple(found))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
