"""A place follows a lake: a backup whenever something was written, its lag, places that are away, and its end."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest
from saved_lake import deliver, held
from small_lake import SmallLake

import lagoa
from lagoa.backup.due import backup_state
from lagoa.backup.follow import follow
from lagoa.backup.lag import lag_of
from lagoa.backup.manifest import backup_ids, read_backup
from lagoa.backup.place import Folder
from lagoa.backup.restore import restore_backup
from lagoa.backup.verify import verify_backups
from lagoa.errors import BackupRefused
from lagoa.settings import load_settings


@pytest.fixture
def small(tmp_path):
    small = SmallLake(tmp_path / "lake")
    small.file("lagoa.toml", f'{(small.root / "lagoa.toml").read_text()}\nbackup = {{ to = "{tmp_path}/backup" }}\n')
    with small.open() as lake:
        deliver(lake, small, 1)
    return small


@pytest.fixture
def settings(small):
    return load_settings(small.root)


@pytest.fixture
def backup(tmp_path):
    return str(tmp_path / "backup")


def state(small):
    with small.open() as lake:
        return backup_state(lake.settings, lake.context.catalog)


def published(small, id_):
    with small.open() as lake:
        deliver(lake, small, id_)


def test_a_backup_is_made_when_something_was_written(small, settings, backup, tmp_path):
    looks = follow(settings, backup, every_s=0, ended=Event())
    first = next(looks)
    assert (first.backup.files > 0, first.error, first.lag_s) == (True, "", 0)
    assert next(looks).backup is None
    assert state(small).followed_at > first.backup.at
    published(small, 2)
    behind = state(small)
    assert (behind.behind, behind.lag_s >= 0, behind.overdue) == (1, True, False)
    second = next(looks)
    assert second.backup.since == first.backup.id
    assert 0 < second.lag_s < 60
    assert (state(small).behind, state(small).lag_s) == (0, 0.0)
    with small.open() as lake:
        lake.create_branch("dev").append("bronze.people", small.people(9))
        before = held(lake)
    assert next(looks).backup
    restored = SmallLake(tmp_path / "restored")
    restore_backup(load_settings(restored.root), backup)
    with restored.open() as lake:
        assert held(lake) == before


def test_a_place_that_is_away_is_waited_for_longer_and_longer(small, settings, backup, tmp_path):
    ended = Event()
    ended.wait = lambda _: None  # no time passes
    looks = follow(settings, backup, every_s=0, ended=ended)
    next(looks)
    Path(backup).rename(tmp_path / "away")  # as a disk that is not mounted any more
    published(small, 2)
    failed = [next(looks) for _ in range(10)]
    assert [each.again_s for each in failed] == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert all("its backups are gone" in each.error for each in failed)
    assert failed[-1].lag_s > failed[0].lag_s > 0
    assert not Path(backup).exists()  # no first backup in the place where it is mounted
    (tmp_path / "away").rename(backup)
    back = next(looks)
    assert (back.backup.copied > 0, back.error, back.lag_s > failed[-1].lag_s) == (True, "", True)
    assert verify_backups(settings, backup).faults == ()


@pytest.mark.slow
def test_what_cannot_get_better_ends_it(small, settings):
    with pytest.raises(BackupRefused):
        next(follow(settings, str(settings.state_folder), every_s=0, ended=Event()))


def test_it_ends_while_files_are_copied_and_leaves_no_backup(settings, backup):
    ended = Event()
    looks = list(follow(settings, backup, every_s=0, ended=ended, tell=lambda _: ended.set()))
    assert looks == []
    assert backup_ids(Folder(backup)) == []
    assert next(follow(settings, backup, every_s=0, ended=Event())).backup


def test_the_command_ends_by_sigterm(small, backup):
    command = [str(Path(sys.executable).with_name("lagoa")), "--lake", str(small.root), "backup", "create", "--follow"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
    assert "behind." in line
    assert (process.returncode, said.splitlines()[-1]) == (0, "Ended.")
    assert len(backup_ids(Folder(backup))) == 1


def test_what_a_backup_does_not_have_is_found_among_many_moves(small, settings, backup):
    next(follow(settings, backup, every_s=0, ended=Event()))
    saved = read_backup(Folder(backup), backup_ids(Folder(backup))[0])
    start = datetime.now(UTC)

    class Catalog:
        """A journal, of which the newest moves are asked for."""

        def __init__(self, *moves):
            self._moves = moves
            self.asked = []

        def moves(self, _, newest):
            self.asked.append(newest)
            return self._moves[-newest:]

    new = [(start + timedelta(seconds=each), f"c{each}") for each in range(250)]
    catalog = Catalog((saved.at, saved.main), *new)
    found = lag_of(catalog, saved)
    assert (found.publications, found.since, catalog.asked) == (250, start, [100, 1000])
    assert lag_of(Catalog((saved.at, saved.main)), saved).publications == 0
    elsewhere = Catalog((saved.at - timedelta(hours=1), "restored"), *new[:3])  # under other ids
    assert lag_of(elsewhere, saved).publications == 3


@pytest.mark.slow
def test_a_backup_of_somebody_else_is_built_on(small, settings, backup):
    looks = follow(settings, backup, every_s=0, ended=Event())
    next(looks)
    published(small, 2)
    made = lagoa.backup.create.create_backup(settings, backup)
    assert next(looks).backup.since == made.id  # it does not know what that one has
    assert next(looks).backup is None
    shutil.rmtree(Path(backup))
