"""Layers that are kept for fewer days than the states of main: their tables expire, those of other layers stay."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from aged import later

from lagoa.backup.create import create_backup
from lagoa.backup.verify import verify_backups
from lagoa.domain.tables import TableName
from lagoa.errors import SettingsError, StateExpired
from lagoa.review.diff import diff

LOG, SUMS = "bronze.log", "gold.sums"


@pytest.fixture
def folder(folder):
    """Return a lake that keeps states for forty days, and those of bronze for ten."""
    keep(folder, "history_days = 40\nlayer_days = { bronze = 10 }")
    folder.contract(LOG, "n:long* v:string")
    folder.contract(SUMS, "rows:long!", materialization="full")
    folder.model(SUMS, f"SELECT count(*) AS rows FROM {LOG}")
    return folder


def keep(folder, rules):
    """Set the policy."""
    settings = (folder.root / "lagoa.toml").read_text().partition("\n[retention]")[0]
    folder.file("lagoa.toml", f"{settings}\n[retention]\n{rules}\ntrash_days = 3\n")


def put(lake, *numbers):
    """Publish a table that has these rows and no others, and their count."""
    with lake.run("load") as run:
        run.replace(LOG, pa.table({"n": list(numbers), "v": [f"v{n}" for n in numbers]}))
        run.transform()
        return run.publish().commit


def log(lake, ref="main"):
    return [n for (n,) in lake.sql(f"select n from {LOG} order by n", ref).fetchall()]


def sums(lake, ref="main"):
    return lake.sql(f"select rows from {SUMS}", ref).fetchall()[0][0]


def collected(lake):
    """Expire, and collect twice, more than the grace period apart; return the lake then, and both results."""
    expiry = lake.expire(dry_run=False)
    lake.collect(dry_run=False)
    lake = later(lake, 2)
    return lake, expiry, lake.collect(dry_run=False)


def data_of(lake, table):
    """Return the data files of a table that are there."""
    layer, name = table.split(".")
    return list(Path(lake.context.storage.location).glob(f"{layer}/{name}-*/data/**/*.parquet"))


def test_tables_of_a_layer_expire_and_those_of_others_stay(lake):
    one, two, three = put(lake, 1), put(lake, 1, 2), put(lake, 1, 2, 3)
    lake = later(lake, 12)
    four = put(lake, 4)
    lake, expiry, done = collected(lake)
    assert (expiry.expired, expiry.layers) == (0, {"bronze": 2})
    assert done.garbage > 0
    assert (len(data_of(lake, LOG)), len(data_of(lake, SUMS))) == (2, 4)
    assert [sums(lake, f"main@{each}") for each in (one, two, three, four)] == [1, 2, 3, 1]
    assert (log(lake, f"main@{three}"), log(lake)) == ([1, 2, 3], [4])  # three: what main had ten days ago
    for each in (one, two):
        with pytest.raises(StateExpired, match=r"its tables of bronze expired on .* layer_days") as caught:
            log(lake, f"main@{each}")
        assert caught.value.layers == ("bronze",)
    lake = later(lake, 40)
    put(lake, 5)
    lake, expiry, _ = collected(lake)
    assert (expiry.expired, expiry.layers) == (3, {"bronze": 0})
    with pytest.raises(StateExpired, match="its state expired"):
        sums(lake, f"main@{two}")


def test_what_is_pinned_keeps_the_tables_of_all_layers(lake):
    pinned = [put(lake, 1)]
    lake.create_tag("v1")
    pinned.append(put(lake, 2))
    lake.create_branch("work")
    pinned.append(put(lake, 3))
    lake.add_hold("audit", "asked for")
    for number in (4, 5):
        lake = later(lake, 12)
        put(lake, number)
    lake, expiry, _ = collected(lake)
    assert expiry.layers == {"bronze": 0}
    assert [log(lake, f"main@{each}") for each in pinned] == [[1], [2], [3]]
    lake.delete_ref("v1")
    lake.delete_ref("work")
    lake.remove_hold("audit")
    lake, expiry, _ = collected(lake)
    assert expiry.layers == {"bronze": 3}
    for each in pinned:
        with pytest.raises(StateExpired):
            log(lake, f"main@{each}")
        assert sums(lake, f"main@{each}") == 1


def test_what_reads_only_tables_that_are_kept_works_and_all_else_is_refused(lake):
    one = put(lake, 1)
    for number in (2, 3):
        lake = later(lake, 12)
        put(lake, number, number + 10)
    lake.delete_ref("dev")
    lake, _, _ = collected(lake)
    ref = f"main@{one}"
    assert lake.catalog(ref).load_table(SUMS).scan().to_arrow()["rows"].to_pylist() == [1]
    assert lake.describe_table(SUMS, ref).rows == 1
    (found,) = diff(lake.context, ref, "main", tables=[TableName.parse(SUMS)]).tables
    assert found.table == TableName.parse(SUMS)
    dev = lake.create_branch("dev")
    for call in (
        lambda: lake.create_branch("x", ref),
        lambda: lake.create_tag("x", ref),
        lambda: lake.add_hold("x", "why", ref),
        lambda: lake.train(ref=ref),  # a tag would keep the state
        lambda: lake.rollback(ref),
        lambda: lake.diff(ref, "main"),
        lambda: lake.tables(ref),
        lambda: dev.restore([LOG], ref),
        lambda: dev.restore([SUMS], ref),  # what it was built from is gone, and a branch keeps that
        lambda: lake.catalog(ref).load_table(LOG),
    ):
        with pytest.raises(StateExpired):
            call()
    lake, _, _ = collected(lake)  # nothing that was refused left a pin of what is gone
    assert sums(lake, ref) == 1


def test_what_has_expired_of_a_layer_does_not_come_back(folder):
    lake = folder.open()
    one = put(lake, 1)
    for number in (2, 3):
        lake = later(lake, 12)
        put(lake, number)
    lake.expire(dry_run=False)
    clock = lake.context.clock
    lake.close()
    keep(folder, "history_days = 40")
    lake = folder.open()
    lake = later(lake, (clock() - lake.context.clock()).total_seconds() / 86_400)
    assert lake.expire(dry_run=False).layers == {"bronze": 1}
    with pytest.raises(StateExpired):
        log(lake, f"main@{one}")
    assert sums(lake, f"main@{one}") == 1
    lake.close()


def test_a_backup_has_what_is_kept_of_each_state(lake, tmp_path):
    one = put(lake, 1)
    for number in (2, 3):
        lake = later(lake, 12)
        put(lake, number)
    lake, _, _ = collected(lake)
    made = create_backup(lake.settings, str(tmp_path / "backup"))
    assert made.missing == ()
    assert verify_backups(lake.settings, str(tmp_path / "backup")).faults == ()
    assert sums(lake, f"main@{one}") == 1


def test_a_layer_is_not_kept_longer_than_the_states(folder):
    keep(folder, "history_days = 40\nlayer_days = { gold = 400 }")
    with pytest.raises(SettingsError, match="keeps gold for 400 days, longer than history_days, 40"):
        folder.open()
    keep(folder, "layer_days = { gold = 400, Bronze = 3 }")
    with pytest.raises(SettingsError, match="layer_days"):
        folder.open()
