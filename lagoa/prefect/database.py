"""The empty database of Prefect's server, in place of the 113 migrations that would make it.

`empty.sql` is what the migrations of one version of Prefect make of an empty SQLite file; a later version has only its
own to add.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_REVISION = re.compile(r"^(down_)?revision\b[^=]*= *[\"'](\w+)[\"']", re.MULTILINE)


def prepare_database(path: Path) -> bool:
    """Write the empty database if there is none; return whether it needs no migrations of the installed Prefect."""
    known: set[str] = set()
    replaced: set[str] = set()
    for text in _migrations():
        for is_older, revision in _REVISION.findall(text):
            (replaced if is_older else known).add(revision)
    if not path.exists():
        script = (files("lagoa.prefect") / "empty.sql").read_text("utf-8")
        if not any(f"VALUES('{revision}')" in script for revision in known):
            return False  # an earlier Prefect, which cannot read this database
        _write(path, script)
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
        try:
            (at,) = database.execute("SELECT version_num FROM alembic_version").fetchone()
        except (sqlite3.OperationalError, TypeError):  # no migration ran yet
            return False
    return {at} == known - replaced


def _write(path: Path, script: str) -> None:
    """Make the whole database or none, also if the process is killed."""
    written = path.with_suffix(".new")
    written.unlink(missing_ok=True)
    with closing(sqlite3.connect(written)) as database:
        database.executescript(script)
    written.replace(path)


def _migrations() -> Iterator[str]:
    """Yield the text of each migration of the installed Prefect, without importing it."""
    spec = find_spec("prefect")
    for folder in (spec and spec.submodule_search_locations) or ():
        for file in Path(folder, "server/database/_migrations/versions/sqlite").glob("*.py"):
            yield file.read_text("utf-8")
