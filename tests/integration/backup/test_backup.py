"""A backup of an embedded lake: what is lost comes back, and what is no backup is not taken for one."""

from __future__ import annotations

import os
import resource
import shutil
import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aged import later
from saved_lake import deliver, held, killed, rarely, rows
from small_lake import SmallLake

from lagoa.backup.create import create_backup
from lagoa.backup.manifest import backup_ids, read_backup, write_backup
from lagoa.backup.place import Folder
from lagoa.backup.restore import restore_backup
from lagoa.backup.verify import verify_backups
from lagoa.bootstrap import examine_lake
from lagoa.domain import faults
from lagoa.errors import (
    BackupDamaged,
    BackupFailed,
    BackupNotFound,
    BackupRefused,
    CatalogDamaged,
    LakeNotEmpty,
    StateExpired,
)
from lagoa.settings import load_settings


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Return a folder with a lake (three publications, a branch with work, a tag) and its backup; nobody changes it."""
    top = tmp_path_factory.mktemp("kept")
    small = SmallLake(top / "lake")
    with small.open() as lake:
        for id_ in (1, 2, 3):
            deliver(lake, small, id_)
        lake.create_branch("dev").append("bronze.people", small.people(9))
        lake.create_tag("closing", "main~1")
    create_backup(load_settings(small.root), str(top / "backup"))
    return top


@pytest.fixture
def top(kept, tmp_path):
    """Return a copy of that folder."""
    shutil.copytree(kept, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def small(top):
    return SmallLake(top / "lake")


@pytest.fixture
def settings(small):
    return load_settings(small.root)


@pytest.fixture
def backup(top):
    return str(top / "backup")


def lose(top, *names):
    """Delete files and folders of the lake's state, with what SQLite keeps beside a file."""
    for path in [each for name in names for each in (top / "lake/.lagoa").glob(f"{name}*")]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.mark.parametrize("lost", rarely("catalog.db", "warehouse", "receipts.db", ""))
def test_what_is_lost_comes_back(top, small, settings, backup, lost):
    with small.open() as lake:
        before = held(lake)
    lose(top, lost)
    if lost == "catalog.db":
        with pytest.raises(CatalogDamaged):
            small.open()
    done = restore_backup(settings, backup, missing=lost in {"warehouse", "receipts.db"})
    assert bool(done.files) == (lost in {"warehouse", ""})
    assert (done.new_ids, done.left_out) == (0, 0)
    with small.open() as lake:
        assert held(lake) == before
        deliver(lake, small, 4)
        assert rows(lake, "main")["bronze.people"][-1][0] == 4
    assert examine_lake(settings) == []


@pytest.mark.slow
def test_a_lake_is_restored_elsewhere(top, small, backup):
    with small.open() as lake:
        before = held(lake)
    shutil.rmtree(top / "lake")
    other = SmallLake(top / "other")
    restore_backup(load_settings(other.root), backup)
    with other.open() as lake:
        assert held(lake) == before
        deliver(lake, other, 4)
        assert len(rows(lake, "main")["bronze.people"]) == 4


def test_a_second_backup_copies_only_what_is_new(small, settings, backup):
    with small.open() as lake:
        deliver(lake, small, 4)
    first, second = backup_ids(Folder(backup))[0], create_backup(settings, backup)
    assert second.since == first
    assert 0 < second.copied < second.files / 2
    assert create_backup(settings, backup).copied == 0
    full = create_backup(settings, backup, full=True)
    assert (full.copied, full.since) == (second.files, "")
    assert verify_backups(settings, backup).faults == ()


@pytest.mark.slow
def test_files_come_back_first_where_another_user_may_write_them(top, small, settings, backup):
    with small.open() as lake:
        before = held(lake)
    lose(top, "")
    first = restore_backup(settings, backup, missing=True)
    with small.open() as lake:
        assert [ref.name for ref in lake.refs()] == ["main"]
    done = restore_backup(settings, backup)
    assert (first.files, done.files, done.there) == (done.backup.files, 0, done.backup.files)
    with small.open() as lake:
        assert held(lake) == before


@pytest.mark.slow
def test_a_backup_builds_on_the_one_that_is_named(small, settings, backup):
    first = backup_ids(Folder(backup))[0]
    with small.open() as lake:
        deliver(lake, small, 4)
    second = create_backup(settings, backup)
    third = create_backup(settings, backup, since=first[:20])
    assert (third.since, third.files, third.copied) == (first, second.files, second.copied)
    with pytest.raises(BackupNotFound, match="0 backups"):
        create_backup(settings, backup, since="2020")


def test_a_restore_takes_the_backup_that_is_named(top, small, settings, backup):
    first = backup_ids(Folder(backup))[0]
    with small.open() as lake:
        before = held(lake)
        deliver(lake, small, 4)
    create_backup(settings, backup)
    with pytest.raises(BackupNotFound, match="2 backups"):
        restore_backup(settings, backup, id_="20")
    lose(top, "")
    assert restore_backup(settings, backup, id_=first[:-1]).backup.id == first
    with small.open() as lake:
        assert held(lake) == before


def test_the_disk_of_a_place_is_open_before_anything_is_written(top, settings):
    """It tells its errors to those who are there by then."""
    place, watched = top / "second/backup", {}

    def look(step):
        watched[step] = {os.path.realpath(each) for each in Path("/proc/self/fd").iterdir()}
        assert place.exists() == (step != "backup.begun")

    faults.set_hook(look)
    try:
        create_backup(settings, str(place))
    finally:
        faults.set_hook(None)
    assert {step for step, opened in watched.items() if str(top) in opened} == {*faults.OF_BACKUP[:-1]}


@pytest.mark.slow
def test_a_file_that_the_place_lost_is_copied_again(settings, backup):
    lost = next(Path(backup, "files").rglob("*.parquet"))
    lost.unlink()
    assert create_backup(settings, backup).copied == 1
    assert lost.exists()


@pytest.mark.slow
def test_a_file_that_the_lake_lost_is_named(top, settings):
    lost = next((top / "lake/.lagoa/warehouse").rglob("*.parquet"))
    lost.unlink()
    made = create_backup(settings, str(top / "second"))
    assert made.missing == (lost.relative_to(top / "lake/.lagoa/warehouse").as_posix(),)


def test_the_state_of_a_moment(small, top, settings, backup):
    with small.open() as lake:
        moves = lake.context.catalog.moves("main")
        wanted = rows(lake, "main~1")
    between = moves[1][0] + (moves[2][0] - moves[1][0]) / 2
    lose(top, "")
    assert restore_backup(settings, backup, at=between).at == between
    with small.open() as lake:
        assert lake.resolve("main").id == moves[1][1]
        assert rows(lake, "main") == wanted
        assert [each.commit for each in lake.publications()] == [moves[1][1], moves[0][1]]
        assert [ref.name for ref in lake.refs()] == ["load/1", "load/2", *(["load/3"] * _has(lake, "load/3")), "main"]
        deliver(lake, small, 5)
    assert examine_lake(settings) == []


def _has(lake, name):
    """Return whether a branch is there that was made between the two publications, as it may be."""
    return name in {ref.name for ref in lake.refs()}


@pytest.mark.slow
def test_a_moment_after_the_newest_backup_is_that_of_the_newest_backup(top, settings, backup):
    lose(top, "")
    done = restore_backup(settings, backup, at=datetime.now(UTC) + timedelta(days=1))
    assert done.at == done.backup.at


@pytest.mark.slow
def test_a_lake_with_commits_is_not_restored_to(small, settings, backup):
    with small.open() as lake:
        before = held(lake)
    with pytest.raises(LakeNotEmpty):
        restore_backup(settings, backup)
    with small.open() as lake:
        assert held(lake) == before


def test_the_backup_of_another_lake_is_neither_added_to_nor_put_back(top, backup):
    other = SmallLake(top / "other")
    with other.open() as lake:
        deliver(lake, other, 1)
    before = Folder(backup).sizes()
    with pytest.raises(BackupRefused, match="another lake"):
        restore_backup(load_settings(other.root), backup, missing=True)
    with pytest.raises(BackupRefused, match="another lake"):
        create_backup(load_settings(other.root), backup)
    assert Folder(backup).sizes() == before


@pytest.mark.parametrize(
    "place",
    ["lake/.lagoa/warehouse", "lake/.lagoa/warehouse/x", "lake/.lagoa", "lake", ".", "lake/x/../y/..", "link/x"],
)
def test_a_place_that_is_part_of_the_lake_is_refused(top, settings, place):
    (top / "link").symlink_to(top / "lake/.lagoa/warehouse")
    with pytest.raises(BackupRefused, match="the lake's"):
        create_backup(settings, f"{top}/{place}")
    assert list(top.rglob("lagoa-backup.json")) == [top / "backup/lagoa-backup.json"]


@pytest.mark.slow
def test_a_place_with_other_files_is_refused(top, settings):
    letter = top / "letters/one.txt"
    letter.parent.mkdir()
    letter.write_text("Dear")
    with pytest.raises(BackupRefused, match="no backup"):
        create_backup(settings, str(letter.parent))
    with pytest.raises(BackupRefused, match="is a file"):
        create_backup(settings, str(letter))


DAMAGED = ["files/*/bronze/*/data/**/*.parquet", "records/*/commits.jsonl.gz", "lists/*.gz"]


@pytest.mark.parametrize("damage", rarely(*((each, gone) for each in DAMAGED for gone in (False, True))))
def test_a_damaged_backup_is_named_and_not_restored(top, settings, backup, damage):
    pattern, gone = damage
    damaged = next(Path(backup).glob(pattern))
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.unlink() if gone else damaged.write_bytes(content)
    (fault,) = verify_backups(settings, backup).faults
    assert fault.name == damaged.relative_to(backup).as_posix()
    assert ("missing" if gone else "changed") in fault.reason
    lose(top, "")
    with pytest.raises(BackupDamaged, match=damaged.name):
        restore_backup(settings, backup)
    assert not (top / "lake/.lagoa/catalog.db").exists()


@pytest.mark.slow
def test_a_changed_manifest_is_named(settings, backup):
    (manifest,) = Path(backup).glob("backups/*.json")
    manifest.write_text(manifest.read_text().replace('"lake": "pets"', '"lake": "cats"'))
    (fault,) = verify_backups(settings, backup).faults
    assert (fault.name, fault.reason) == (f"backups/{manifest.name}", "was changed: its SHA-256 is another one")


@pytest.mark.slow
def test_a_place_without_a_backup(top, settings):
    for of in (verify_backups, restore_backup):
        with pytest.raises(BackupNotFound):
            of(settings, str(top / "nothing"))


@pytest.mark.parametrize("step", rarely("backup.listed", "backup.begun", "backup.records", "backup.files"))
def test_a_backup_that_is_killed_is_no_backup(top, settings, step):
    place = str(top / "second")
    killed(step, lambda: create_backup(settings, place))
    assert backup_ids(Folder(place)) == []
    with pytest.raises(BackupNotFound):
        restore_backup(settings, place)
    assert create_backup(settings, place).since == ""
    assert verify_backups(settings, place).faults == ()


@pytest.mark.parametrize("step", rarely("restore.records", "restore.begun", "restore.files", "restore.catalog"))
def test_a_restore_that_is_killed_is_done_again(top, small, settings, backup, step):
    with small.open() as lake:
        before = held(lake)
    lose(top, "")
    killed(step, lambda: restore_backup(settings, backup))
    assert not (top / "lake/.lagoa/catalog.db").exists()
    restore_backup(settings, backup)
    with small.open() as lake:
        assert held(lake) == before


@pytest.mark.slow
def test_a_backup_beside_a_writer_has_one_moment(top, small, settings):
    place = str(top / "second")
    with small.open() as lake:
        before = held(lake)
        faults.set_hook(lambda name: deliver(lake, small, 7) if name == "backup.begun" else None)
        try:
            create_backup(settings, place)
        finally:
            faults.set_hook(None)
    lose(top, "")
    restore_backup(settings, place)
    with small.open() as lake:
        assert held(lake) == before


@pytest.mark.slow
def test_the_flows_of_a_backup(small, top):
    from prefect.logging import disable_run_logger

    from lagoa.prefect.flows import backup, verify_backup

    text, rules = (small.root / "lagoa.toml").read_text(), f'to = "{top}/nightly", keep = {{ last = 1 }}'
    small.file("lagoa.toml", f"{text}\nbackup = {{ {rules} }}\n")
    with disable_run_logger():
        for _ in range(2):
            made = backup.fn(lake=str(small.root))
            assert backup_ids(Folder(top / "nightly")) == [made]
    assert verify_backup.fn(lake=str(small.root)) > 0


@pytest.mark.slow
def test_states_that_have_expired_are_not_saved_and_stay_expired(small, top, settings, backup):
    text = (small.root / "lagoa.toml").read_text()
    small.file("lagoa.toml", f"{text}\n[retention]\nhistory_days = 10\n")
    with small.open() as lake:
        lake.context.catalog.delete_ref("closing", lake.ref("closing").commit)
        for name in ("load/1", "load/2", "load/3"):
            lake.delete_ref(name)
        older = later(lake, 12)
        deliver(older, small, 4)
        older.expire(dry_run=False)
        older.collect(dry_run=False)
        oldest = later(older, 2)
        assert oldest.collect(dry_run=False).garbage > 0
        wanted = rows(oldest, "main")
    made = create_backup(settings, str(top / "second"))
    assert made.missing == ()
    assert made.files < read_backup(Folder(backup), backup_ids(Folder(backup))[0]).files
    lose(top, "")
    restore_backup(settings, str(top / "second"))
    with small.open() as lake:
        assert rows(lake, "main") == wanted
        with pytest.raises(StateExpired):
            lake.sql("SELECT 1 FROM bronze.people", "main~3")


@pytest.mark.slow
@pytest.mark.parametrize("limit", [500, 3_000, 8_000])
def test_a_full_disk_is_an_error_and_earlier_backups_stay(top, small, settings, backup, limit):
    """No file may grow beyond the limit, as on a disk that is full: sooner or later in the work."""
    with small.open() as lake:
        deliver(lake, small, *range(10, 4000))
    before = verify_backups(settings, backup)
    child = os.fork()
    if not child:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        try:
            create_backup(settings, backup)
        except BackupFailed:
            os._exit(7)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert verify_backups(settings, backup) == before
    assert create_backup(settings, backup).missing == ()
    assert verify_backups(settings, backup).faults == ()


@pytest.mark.slow
def test_the_newest_backup_is_the_newest_when_the_clock_goes_back(top, small, settings, backup):
    (manifest,) = Path(backup).glob("backups/*.json")
    ahead = read_backup(Folder(backup), manifest.stem)
    ahead = replace(ahead, id=f"2099{ahead.id[4:]}", at=ahead.at.replace(year=2099))
    write_backup(Folder(backup), ahead)
    with small.open() as lake:
        deliver(lake, small, 4)
    made = create_backup(settings, backup)
    assert backup_ids(Folder(backup))[-1] == made.id
    lose(top, "")
    assert restore_backup(settings, backup).backup.id == made.id
