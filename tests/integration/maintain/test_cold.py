"""Cold storage: files that nobody asks for lie elsewhere, and every state reads the same rows."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from lagoa.bootstrap import open_lake
from lagoa.catalog.table_facts import table_document
from lagoa.domain import faults
from lagoa.domain.tables import TableName
from lagoa.errors import FileNotMoved, SettingsError, TableNotFound
from lagoa.storage import cold_folder as cold
from lagoa.storage.cold_folder import OWNER
from lagoa.usage.log import FOLDER, LoggedQuery, keep

SALES = "bronze.sales"
ROWS = 20_000


def sales(first):
    random = np.random.default_rng(first)
    return pa.table({"id": pa.array(np.arange(first, first + ROWS)), "price": pa.array(random.random(ROWS))})


@pytest.fixture
def lake(folder, tmp_path):
    """A lake with two loads of a year ago, whose log of queries goes back as far."""
    folder.settings(query_log_days=365)
    folder.file("lagoa.toml", (folder.root / "lagoa.toml").read_text("utf-8") + _cold(tmp_path / "slow"))
    folder.contract(SALES, {"id": "long*", "price": "double"})
    folder.contract("gold.total", "rows:long", materialization="full")
    folder.model("gold.total", "SELECT count(*) AS rows FROM bronze.sales")
    with folder.open() as lake:
        for first in (0, ROWS):
            with lake.run("load") as run:
                run.append(SALES, sales(first))
                run.publish()
        for file in data_files(lake):
            os.utime(file, (0, 0))
        log = lake.settings.state_folder / FOLDER
        log.mkdir()
        (log / f"{datetime.now(UTC).date() - timedelta(days=364)}.jsonl").touch()
        yield lake


def _cold(folder, days=90):
    return f'\n[cold]\nfolder = "{folder}"\ndays = {{ bronze = {days} }}\n'


def data_files(lake):
    return sorted((lake.settings.state_folder / "warehouse" / "bronze").rglob("*.parquet"))


def states(lake):
    """Return the rows of the table in each of its states."""
    return [lake.sql("SELECT count(*), sum(price) FROM bronze.sales", ref=ref).fetchall() for ref in ("main", "main~1")]


def test_files_that_nobody_asked_for_move_and_every_state_reads_the_same(lake, tmp_path):
    before = [file.read_bytes() for file in data_files(lake)]
    planned = lake.move_cold(dry_run=True)
    assert [each.files for each in planned.tables] == [2]
    assert not any(file.is_symlink() for file in data_files(lake))
    done = lake.move_cold()
    assert done.tables == planned.tables
    (kept,) = done.kept
    assert (kept.layer, kept.cold_files, kept.cold_bytes) == ("bronze", 2, done.tables[0].bytes)
    assert (planned.kept[0].files, planned.kept[0].cold_files) == (kept.files, 0)
    assert planned.kept[0].bytes == kept.bytes > kept.cold_bytes
    assert sum(map(len, before)) == done.tables[0].bytes
    assert all(file.is_symlink() and file.readlink().is_relative_to(tmp_path / "slow") for file in data_files(lake))
    assert [file.read_bytes() for file in data_files(lake)] == before
    assert [rows for ((rows, _),) in states(lake)] == [2 * ROWS, ROWS]
    assert lake.catalog().load_table("bronze.sales").scan().to_arrow().num_rows == 2 * ROWS
    with lake.run("more") as run:
        run.append(SALES, sales(5 * ROWS))
        run.publish()
    assert states(lake)[1] == [(2 * ROWS, pytest.approx(states(lake)[1][0][1]))]
    assert lake.move_cold().tables == (), "the table was asked for"


def test_a_table_that_was_queried_or_read_by_a_model_stays(lake):
    lake.sql("SELECT max(id) FROM bronze.sales", ref="main~1")
    assert [each.files for each in lake.move_cold(dry_run=True).tables] == [1], "the second load, which was not read"
    with lake.run("build") as run:
        run.transform()
        run.publish()
    assert lake.move_cold().tables == ()


def test_a_table_that_only_trino_or_spark_read_stays(lake):
    first, last = (lake.context.pointers(ref)[TableName.parse(SALES)] for ref in ("main~1", "main"))
    snapshot = table_document(first, lake.context.storage.read)["current-snapshot-id"]
    now = datetime.now(UTC)
    read = {"tables": {TableName.parse(SALES): snapshot}, "sql": "", "engine": "trino"}
    keep(lake.settings, LoggedQuery(now - timedelta(days=91), "main", **read))
    assert [each.files for each in lake.move_cold(dry_run=True).tables] == [2], "longer ago"
    keep(lake.settings, LoggedQuery(now - timedelta(days=89), "main", **read))
    assert [each.files for each in lake.move_cold(dry_run=True).tables] == [1], "the file of the second load"
    keep(lake.settings, LoggedQuery(now, "", {TableName.parse(SALES): last}, "", "spark"))
    assert lake.move_cold().tables == ()


def test_files_come_back(lake, tmp_path):
    lake.move_cold()
    told = lake.thaw("bronze.sales")
    assert (str(told.table), told.files) == ("bronze.sales", 2)
    assert not any(file.is_symlink() for file in data_files(lake))
    assert [rows for ((rows, _),) in states(lake)] == [2 * ROWS, ROWS]
    assert [each.name for each in (tmp_path / "slow").rglob("*") if each.is_file()] == [OWNER]
    assert lake.thaw("bronze.sales").files == 0
    with pytest.raises(TableNotFound, match=r"Did you mean 'bronze\.sales'"):
        lake.thaw("bronze.sale")


def test_only_states_of_the_table_that_comes_back_are_looked_at(lake, folder, monkeypatch):
    folder.contract("bronze.other", {"id": "long*"})
    with folder.open() as again:
        for number in range(6):
            with again.run("load") as run:
                run.append("bronze.other", pa.table({"id": pa.array([number])}))
                if number == 3:
                    run.append(SALES, sales(5 * ROWS))
                run.publish()
        again.move_cold()
        files = len(data_files(again))
        asked = []
        tables = again.context.catalog.tables
        monkeypatch.setattr(again.context.catalog, "tables", lambda commit: asked.append(commit) or tables(commit))
        assert again.thaw(SALES).files == 2
        assert files == len(data_files(again)) == 9
        assert len(asked) <= 4, "the three states of sales, and that before them"


def test_a_log_that_does_not_go_back_far_enough_lets_nothing_move(lake):
    log = lake.settings.state_folder / FOLDER
    for file in log.iterdir():
        file.rename(log / f"{datetime.now(UTC).date() - timedelta(days=80)}.jsonl")
    done = lake.move_cold()
    assert done.tables == ()
    assert (done.waiting["bronze"].date() - datetime.now(UTC).date()).days == 10


@pytest.mark.parametrize("point", ["cold.copied", "cold.thawed"])
def test_a_program_that_is_killed_loses_nothing(lake, point):
    def hook(name):
        if name == point:
            raise KeyboardInterrupt

    if point == "cold.thawed":
        lake.move_cold()
    faults.set_hook(hook)
    with pytest.raises(KeyboardInterrupt):
        lake.move_cold() if point == "cold.copied" else lake.thaw("bronze.sales")
    faults.set_hook(None)
    done = lake.move_cold().tables if point == "cold.copied" else (lake.thaw("bronze.sales"),)
    assert [each.files for each in done] == [2]
    assert [rows for ((rows, _),) in states(lake)] == [2 * ROWS, ROWS]


def test_a_folder_that_cannot_be_written_is_named_and_files_stay(lake, tmp_path):
    (tmp_path / "slow").write_text("in the way", "utf-8")
    with pytest.raises(FileNotMoved, match="slow"):
        lake.move_cold()
    assert [rows for ((rows, _),) in states(lake)] == [2 * ROWS, ROWS]


@pytest.mark.parametrize(
    ("cold", "message"),
    [
        ("", "names no folder"),
        (_cold(".lagoa/warehouse/cold"), "contain one another"),
        (_cold("."), "contain one another"),
        (_cold("slow", days=366), "query_log_days is 365"),
        (_cold("slow", days=0), "at least 1"),
    ],
)
def test_rules_that_cannot_be_used(lake, folder, cold, message):
    folder.settings()
    folder.file("lagoa.toml", (folder.root / "lagoa.toml").read_text("utf-8") + cold)
    with pytest.raises(SettingsError, match=message), folder.open() as again:
        again.move_cold()


def test_two_commands_that_move_the_same_file_lose_nothing(lake, monkeypatch):
    """The second one begins to copy a file when the first has compared its own copy, and is killed then."""
    copied, killed = cold._copied, []

    def compared(source, target):
        copied(source, target)
        if not killed:
            killed.append(source)
            with monkeypatch.context() as patch:
                patch.setattr(cold.shutil, "copy2", _killed)
                with pytest.raises(KeyboardInterrupt):
                    lake.move_cold()

    before = [file.read_bytes() for file in data_files(lake)]
    monkeypatch.setattr(cold, "_copied", compared)
    lake.move_cold()
    assert [file.read_bytes() for file in data_files(lake)] == before


def _killed(_, target):
    target.write_bytes(b"")
    raise KeyboardInterrupt


def test_a_copied_lake_neither_uses_nor_deletes_the_cold_files_of_the_first(lake, folder, tmp_path):
    lake.move_cold()
    before = [file.read_bytes() for file in data_files(lake)]
    shutil.copytree(folder.root, copy := tmp_path / "copy", symlinks=True)
    with open_lake(copy) as other:
        with pytest.raises(SettingsError, match="has files of the lake in"):
            other.thaw("bronze.sales")
        with pytest.raises(SettingsError, match="has files of the lake in"):
            other.move_cold()
        places = [str(each.relative_to(other.context.storage.location)) for each in data_files(other)]
        storage = other.context.storage
        moves = [(f"{storage.home}/_lagoa/trash/1/files/{each}", f"{storage.home}/{each}") for each in places]
        for trash, place in moves:
            assert storage.move(place, trash)
        storage.delete_moved(f"{storage.home}/_lagoa/trash/1/files", moves)
    assert [file.read_bytes() for file in data_files(lake)] == before
    (tmp_path / "slow" / OWNER).unlink()  # as the message says, if the lake was moved
    assert lake.thaw("bronze.sales").files == 2
