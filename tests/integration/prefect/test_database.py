"""The empty database of Prefect's server, as its migrations make it; run as a script, this writes it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from importlib.resources import files
from pathlib import Path

import pytest

from lagoa.prefect.database import prepare_database

EMPTY = files("lagoa.prefect") / "empty.sql"
MIGRATE = """
import asyncio
from prefect.server.database import provide_database_interface
asyncio.run(provide_database_interface().create_db())
"""


def dump(path):
    with closing(sqlite3.connect(path)) as database:
        return "\n".join(database.iterdump()) + "\n"


def migrated(home):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    environment = {**kept, "PREFECT_HOME": str(home), "DO_NOT_TRACK": "1"}
    subprocess.run([sys.executable, "-c", MIGRATE], env=environment, check=True)
    return dump(home / "prefect.db")


def test_the_empty_database_has_every_migration_of_the_installed_prefect(tmp_path):
    path = tmp_path / "prefect.db"
    assert prepare_database(path), "Write lagoa/prefect/empty.sql again: run this file as a script."
    assert dump(path) == EMPTY.read_text("utf-8")
    assert prepare_database(path)


def test_a_database_of_an_earlier_prefect_needs_migrations(tmp_path):
    path = tmp_path / "prefect.db"
    prepare_database(path)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = 'f416ea180ae1'")
    assert not prepare_database(path)
    path.unlink()
    path.touch()
    assert not prepare_database(path)


def statements(script):
    """Return each statement and its lines, sorted: migrations create foreign keys and indexes in a random order."""
    return sorted(sorted(line.rstrip(", ") for line in each.splitlines()) for each in script.split(";\n"))


@pytest.mark.nightly
def test_the_empty_database_is_what_the_migrations_make(tmp_path):
    assert statements(migrated(tmp_path)) == statements(EMPTY.read_text("utf-8"))


if __name__ == "__main__":
    folder = Path("empty-database")
    folder.mkdir()
    Path(str(EMPTY)).write_text(migrated(folder), "utf-8")
    shutil.rmtree(folder)
