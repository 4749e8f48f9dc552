"""Backups are removed by rules, and no file goes that another one needs, also killed or beside one that is made."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from random import Random

import pytest
from aged import later
from saved_lake import deliver, held, killed, rarely, rows
from small_lake import SmallLake

from lagoa.backup.claims import claim, standing
from lagoa.backup.create import create_backup
from lagoa.backup.keeping import kept_by
from lagoa.backup.manifest import backup_ids, new_id, read_backup, write_backup
from lagoa.backup.place import Folder
from lagoa.backup.prune import prune_backups
from lagoa.backup.restore import restore_backup
from lagoa.backup.verify import verify_backups
from lagoa.domain import faults
from lagoa.errors import BackupDamaged, BackupFailed, BackupNotFound, SettingsError
from lagoa.settings import BackupRules, KeepRules, load_settings


def keeping(small, **rules):
    """Return the settings of a lake with rules."""
    return load_settings(small.root).model_copy(update={"backup": BackupRules(keep=KeepRules(**rules))})


def ids_of(pruned):
    """Return the backups that stay, and those that go."""
    return [point.id for point in pruned.points if point.kept], [point.id for point in pruned.points if not point.kept]


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """Return a folder with a lake and three backups of it; nobody changes it."""
    top = tmp_path_factory.mktemp("three")
    small = SmallLake(top / "lake")
    for id_ in (1, 2, 3):
        with small.open() as lake:
            deliver(lake, small, id_)
        create_backup(load_settings(small.root), str(top / "backup"))
    return top


@pytest.fixture
def top(three, tmp_path):
    shutil.copytree(three, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def small(top):
    return SmallLake(top / "lake")


@pytest.fixture
def backup(top):
    return str(top / "backup")


def restored(top, backup):
    """Return what a lake has that is restored from a place."""
    elsewhere = SmallLake(top / "elsewhere")
    restore_backup(load_settings(elsewhere.root), backup)
    with elsewhere.open() as lake:
        return held(lake)


def test_what_goes_is_shown_then_done_and_the_rest_is_whole(top, small, backup):
    before, ids = Folder(backup).sizes(), backup_ids(Folder(backup))
    shown = prune_backups(keeping(small, last=1), backup)
    assert ids_of(shown) == (ids[2:], ids[:2])
    assert shown.points[2].kept == ("last", "newest", "newest that is whole")
    assert Folder(backup).sizes() == before
    done = prune_backups(keeping(small, last=1), backup, dry_run=False)
    assert replace(done, dry_run=True) == shown
    assert done.files > 0
    left = Folder(backup).sizes()
    assert len(before) - len(left) >= done.files + 2  # their manifests, too
    assert {name.split("/")[1][: len(ids[0])] for name in left if name.startswith("records/")} == {ids[2]}
    assert verify_backups(load_settings(small.root), backup).faults == ()
    with small.open() as lake:
        assert restored(top, backup) == held(lake)
    assert prune_backups(keeping(small, last=1), backup, dry_run=False).files == 0


def test_without_rules_and_without_backups_nothing_is_done(top, small, backup):
    with pytest.raises(SettingsError, match="No rule"):
        prune_backups(load_settings(small.root), backup, dry_run=False)
    with pytest.raises(BackupNotFound):
        prune_backups(keeping(small, last=1), str(top / "nothing"), dry_run=False)


def test_the_newest_backup_of_each_period_is_kept():
    start = datetime(2026, 1, 1, tzinfo=UTC)
    ids = [new_id(start + timedelta(hours=6 * each), "abcdef") for each in range(4 * 90)]
    kept = kept_by(KeepRules(last=2, daily=3, weekly=2, monthly=5, hourly=0), ids)
    by_rule = {
        rule: [ids.index(id_) for id_ in ids if rule in kept[id_]] for rule in ("last", "daily", "weekly", "monthly")
    }
    end = 4 * 90 - 1  # 31 March 18:00, a Tuesday
    assert by_rule == {
        "last": [end - 1, end],
        "daily": [end - 8, end - 4, end],
        "weekly": [end - 8, end],  # Sunday, and this week
        "monthly": [4 * 31 - 1, 4 * 59 - 1, end],
    }


def test_the_newest_backup_that_is_whole_stays(small, backup):
    ids = backup_ids(Folder(backup))
    newest = next(Path(backup, "files", ids[2]).rglob("*.parquet"))
    content = newest.read_bytes()
    newest.unlink()
    kept, _ = ids_of(prune_backups(keeping(small, last=1), backup, dry_run=False))
    assert kept == ids[1:]
    newest.write_bytes(bytes(len(content)))  # its size is right
    assert ids_of(prune_backups(keeping(small, last=1), backup))[1] == ids[1:2]
    assert verify_backups(load_settings(small.root), backup).faults
    assert ids_of(prune_backups(keeping(small, last=1), backup, dry_run=False))[0] == ids[1:]
    for file in Path(backup, "files").rglob("*.parquet"):
        file.unlink()
    before = Folder(backup).sizes()
    with pytest.raises(BackupDamaged, match="no earlier backup is whole"):
        prune_backups(keeping(small, last=1), backup, dry_run=False)
    assert Folder(backup).sizes() == before


@pytest.mark.slow
def test_a_list_that_cannot_be_read_ends_it_before_a_file_goes(small, backup):
    ids = backup_ids(Folder(backup))
    Path(backup, f"records/{ids[1]}/commits.jsonl.gz").unlink()  # of one that a rule keeps; its files are known
    assert ids_of(prune_backups(keeping(small, last=2), backup))[1] == ids[:1]
    Path(backup, f"backups/{ids[1]}.json").write_text("{")
    before = Folder(backup).sizes("files")
    with pytest.raises(BackupDamaged, match="no manifest"):
        prune_backups(keeping(small, last=2), backup, dry_run=False)
    assert Folder(backup).sizes("files") == before


@pytest.mark.parametrize("step", rarely("prune.uncounted", "prune.condemned", "prune.removed"))
def test_killed_anywhere_all_backups_are_whole_and_the_next_call_goes_on(small, backup, step):
    ids = backup_ids(Folder(backup))
    killed(step, lambda: prune_backups(keeping(small, last=1), backup, dry_run=False))
    assert backup_ids(Folder(backup)) == (ids if step == "prune.condemned" else ids[2:])
    assert verify_backups(load_settings(small.root), backup).faults == ()
    assert create_backup(load_settings(small.root), backup).since == ids[2]
    prune_backups(keeping(small, last=1), backup, dry_run=False)
    assert len(backup_ids(Folder(backup))) == 1
    assert not {name for name in Folder(backup).sizes() if ids[0] in name and name.startswith(("making/", "records/"))}
    assert verify_backups(load_settings(small.root), backup).faults == ()


@pytest.mark.parametrize("step", rarely("backup.files", "backup.records", "backup.listed"))
def test_beside_a_backup_that_builds_on_one_that_no_rule_keeps(top, small, backup, step):
    first = backup_ids(Folder(backup))[0]
    found = []

    def prune():
        found.append(prune_backups(keeping(small, last=1), backup, dry_run=False))

    faults.set_hook(partial(once, step, prune))
    try:
        made = create_backup(load_settings(small.root), backup, since=first)
    finally:
        faults.set_hook(None)
    assert found[0].points[0].kept == ("built on",)
    assert found[0].unfinished > 0
    assert made.since == first
    assert verify_backups(load_settings(small.root), backup).faults == ()
    with small.open() as lake:
        assert restored(top, backup) == held(lake)


def test_no_backup_builds_on_one_that_is_going(backup):
    place, ids = Folder(backup), backup_ids(Folder(backup))
    asked = []

    def choose(those):
        asked.append(those)
        if len(asked) == 1:  # pruned after it was chosen
            with place.create(f"pruned/{those[0]}.json") as stream:
                stream.write(b"{}")
        return those[0]

    assert claim(place, new_id(datetime.now(UTC), "abcdef"), choose) == ids[1]
    assert asked == [ids, ids[1:]]
    assert standing(place) == ids[1:]


@pytest.mark.parametrize("call", range(1, 9))
def test_a_folder_that_cannot_be_listed_ends_it_before_a_file_goes(small, backup, monkeypatch, call):
    before, listed, calls = Folder(backup).sizes("files"), os.scandir, count(1)

    def list_once(path):
        if str(path).startswith(f"{backup}/") and next(calls) == call:
            raise OSError(errno.EIO, "Input/output error", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", list_once)
    with pytest.raises(BackupFailed, match="Input/output error"):
        prune_backups(keeping(small, last=1), backup, dry_run=False)
    monkeypatch.undo()
    assert Folder(backup).sizes("files") == before
    assert verify_backups(load_settings(small.root), backup).faults == ()


def test_what_killed_backups_left_goes_after_a_week(small, backup):
    killed("backup.listed", lambda: create_backup(load_settings(small.root), backup, full=True))
    place, ids = Folder(backup), backup_ids(Folder(backup))
    (left,) = {name.split("/")[1] for name in place.sizes("files")} - {*ids}
    whole = len(place.sizes(f"files/{left}"))
    assert prune_backups(keeping(small, last=9), backup, dry_run=False).unfinished > whole
    older = new_id(datetime.now(UTC) - timedelta(days=8), "abcdef")
    Path(backup, "files", left).rename(Path(backup, "files", older))
    Path(backup, "files", older, "a.parquet.partial-abcd").write_bytes(b"half")
    assert prune_backups(keeping(small, last=9), backup, dry_run=False).files == whole + 1
    assert not Path(backup, "files", older).exists()


@pytest.mark.slow
def test_files_of_states_that_have_expired_go_with_the_backups_that_had_them(small, backup):
    text = (small.root / "lagoa.toml").read_text()
    small.file("lagoa.toml", f"{text}\n[retention]\nhistory_days = 10\n")
    with small.open() as lake:
        for name in ("load/1", "load/2", "load/3"):
            lake.delete_ref(name)
        older = later(lake, 12)
        deliver(older, small, 4)
        older.expire(dry_run=False)
        wanted = rows(older, "main")
    made = create_backup(load_settings(small.root), backup)
    assert made.files < read_backup(Folder(backup), made.since).files
    assert len(made.lists) == 1
    assert create_backup(load_settings(small.root), backup).lists[0] == made.lists[0]
    assert prune_backups(keeping(small, last=1), backup, dry_run=False).files > 20
    assert len(Folder(backup).sizes("files")) == made.files
    assert verify_backups(load_settings(small.root), backup).faults == ()
    shutil.rmtree(small.root / ".lagoa")
    restore_backup(load_settings(small.root), backup)
    with small.open() as lake:
        assert rows(lake, "main") == wanted


@pytest.mark.slow
def test_lists_are_put_together_when_they_are_many(small, backup, monkeypatch):
    monkeypatch.setattr("lagoa.backup.create._LISTS", 3)
    with small.open() as lake:
        deliver(lake, small, 4)
    made = create_backup(load_settings(small.root), backup)
    assert (len(made.lists), made.copied < made.files) == (1, True)
    assert made.files > read_backup(Folder(backup), made.since).files
    assert verify_backups(load_settings(small.root), backup).faults == ()


def once(step, work, name):
    """Be a hook that does something when a fault point is reached."""
    if name == step:
        faults.set_hook(None)
        work()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_after_any_history_every_backup_that_is_there_is_whole(top, small, backup, seed):
    """Deliveries, backups and prunings, some of them killed, in any order; the newest backup has everything."""
    random, number = Random(seed), 10  # noqa: S311
    settings = load_settings(small.root)
    for _ in range(12):
        number += 1
        with small.open() as lake:
            deliver(lake, small, number)
        place = Folder(backup)
        since, last = random.choice([*standing(place), ""]), random.choice([1, 2, 3])
        prune = partial(prune_backups, keeping(small, last=last), backup, dry_run=False)
        step = random.choice([*faults.OF_BACKUP, *faults.OF_PRUNING])
        if step in faults.OF_PRUNING and len(backup_ids(place)) > last:
            killed(step, prune)
        beside = partial(once, step, prune) if step in faults.OF_BACKUP else None
        faults.set_hook(beside)
        try:
            with suppress(BackupNotFound):  # that one is going by now
                create_backup(settings, backup, since=since, full=not since and random.random() < 0.3)
        finally:
            faults.set_hook(None)
        assert verify_backups(settings, backup).faults == ()
    create_backup(settings, backup)
    with small.open() as lake:
        assert restored(top, backup) == held(lake)


@pytest.mark.slow
def test_a_backup_whose_time_is_ahead_is_the_newest(small, backup):
    place, ids = Folder(backup), backup_ids(Folder(backup))
    ahead = read_backup(place, ids[2])
    write_backup(place, replace(ahead, id=f"2099{ahead.id[4:]}", at=ahead.at.replace(year=2099)))
    assert ids_of(prune_backups(keeping(small, last=1), backup, dry_run=False))[1] == ids
    assert verify_backups(load_settings(small.root), backup).faults == ()
