"""A lake is copied with its history to an empty one: killed anywhere it goes on; a lake with commits is left alone."""

from __future__ import annotations

import shutil

import pytest
from aged import with_retention
from saved_lake import deliver, held, killed, rarely, rows
from small_lake import SmallLake

from lagoa.backup.clone import BETWEEN, clone_lake, copy_declarations
from lagoa.backup.manifest import backup_ids
from lagoa.backup.place import Folder
from lagoa.bootstrap import examine_lake
from lagoa.domain import faults
from lagoa.errors import BackupFailed, BackupRefused, LakeNotEmpty, SettingsError, StateExpired, TerminalError
from lagoa.settings import load_settings


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Return a folder with a lake of two publications, a branch and a tag; nobody changes it."""
    top = tmp_path_factory.mktemp("kept")
    small = SmallLake(top / "lake")
    with small.open() as lake:
        deliver(lake, small, 1)
        deliver(lake, small, 2)
        lake.create_branch("dev").append("bronze.people", small.people(9))
        lake.create_tag("closing", "main~1")
    return top


@pytest.fixture
def source(kept, tmp_path):
    """Return the settings of a copy of that lake."""
    shutil.copytree(kept, tmp_path, dirs_exist_ok=True)
    return load_settings(tmp_path / "lake")


@pytest.fixture
def other(tmp_path):
    """Return another lake, which is empty."""
    return SmallLake(tmp_path / "other")


def of(settings):
    with SmallLake(settings.root).open() as lake:
        return held(lake)


def test_the_copy_has_all_and_is_a_lake_of_its_own(source, tmp_path):
    assert {"iceberg", "transformations", "lagoa.toml"} <= {*copy_declarations(source.root, tmp_path / "copy")}
    assert copy_declarations(source.root, tmp_path / "copy") == []
    target = load_settings(tmp_path / "copy")
    before = of(source)
    done = clone_lake(source, target)
    assert (done.refs, done.ids, done.left_out, done.before) == (5, {}, 0, False)
    assert not (target.root / BETWEEN).exists()
    shutil.rmtree(source.root)
    assert of(target) == before
    small = SmallLake(target.root)
    with small.open() as lake:
        deliver(lake, small, 3)
        assert len(rows(lake, "main")["bronze.people"]) == 3
    assert examine_lake(target) == []


@pytest.mark.parametrize(
    "step", rarely("restore.records", *faults.OF_CLONE, *faults.OF_BACKUP, *faults.OF_RESTORE[:3], "restore.done")
)
def test_killed_anywhere_it_goes_on(source, other, step):
    target = load_settings(other.root)
    killed(step, lambda: clone_lake(source, target))
    assert (target.root / BETWEEN).exists() == (step != "backup.begun")
    done = clone_lake(source, target)
    assert done.before == (step in {"clone.restored", "restore.done"})
    assert not (target.root / BETWEEN).exists()
    assert of(target) == of(source)


@pytest.mark.slow
def test_what_is_published_while_it_was_dead_comes_along(source, other):
    target = load_settings(other.root)
    killed("restore.catalog", lambda: clone_lake(source, target))
    small = SmallLake(source.root)
    with small.open() as lake:
        deliver(lake, small, 3)
    clone_lake(source, target)
    assert of(target) == of(source)


def test_what_has_expired_stays_expired_in_the_copy(source, other):
    small, target = SmallLake(source.root), load_settings(other.root)
    with small.open() as lake:
        old = lake.publications()[-1].commit
        kept = deliver(lake, small, 3).commit
        lake.create_tag("kept", f"main@{kept}")
        deliver(lake, small, 4)
        aged = with_retention(lake, history_days=0, grace_hours=0)
        lake.delete_ref("closing")
        assert aged.expire(dry_run=False).expired
        before = {ref: rows(lake, ref) for ref in ("main", f"main@{kept}")}
    clone_lake(source, target)
    with SmallLake(target.root).open() as lake:
        assert {ref: rows(lake, ref) for ref in before} == before
        with pytest.raises(StateExpired):
            rows(lake, f"main@{old}")
        deliver(lake, SmallLake(target.root), 5)


def test_a_lake_with_commits_is_left_alone(source, other):
    with other.open() as lake:
        deliver(lake, other, 7)
        before = held(lake)
    with pytest.raises(LakeNotEmpty):
        clone_lake(source, load_settings(other.root))
    assert of(load_settings(other.root)) == before
    assert not (other.root / BETWEEN).exists()


@pytest.mark.slow
def test_a_copy_that_went_on_is_left_alone(source, other, tmp_path):
    target, through = load_settings(other.root), str(tmp_path / "between")
    clone_lake(source, target, through=through)
    assert clone_lake(source, target, through=through).before
    with other.open() as lake:
        deliver(lake, other, 7)
    with pytest.raises(LakeNotEmpty):
        clone_lake(source, target, through=through)
    assert len(backup_ids(Folder(through))) == 1


def test_what_cannot_be_meant_is_refused_before_anything_is_written(source, other, tmp_path):
    target = load_settings(other.root)
    with pytest.raises(SettingsError, match="Both lakes have their files in"):
        clone_lake(source, source)
    with pytest.raises(SettingsError, match="is no folder"):
        clone_lake(source, target, through="s3://backup/x")
    for place in (source.state_folder, target.state_folder / "warehouse", source.root):
        with pytest.raises(BackupRefused):
            clone_lake(source, target, through=str(place))
    with pytest.raises(TerminalError, match="is not empty, and is no lake"):
        copy_declarations(source.root, tmp_path)
    assert not target.state_folder.exists()


@pytest.mark.slow
def test_a_lake_that_misses_files_is_not_copied(source, other):
    next(source.state_folder.rglob("*.parquet")).unlink()
    with pytest.raises(BackupFailed, match="1 files of the lake are missing"):
        clone_lake(source, load_settings(other.root))
    assert not (other.root / ".lagoa/catalog.db").exists()
