"""`lagoa backup`: what the commands say, and their exit codes."""

from __future__ import annotations

import shutil

import pytest
from command_line import lagoa, ok


@pytest.fixture
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("place") / "backup"


def test_a_lake_is_saved_verified_and_restored(lake, place):
    with (lake / "lagoa.toml").open("a") as file:
        file.write(f'\nbackup = {{ to = "{place}", every = "1h" }}\n')
    assert "never, overdue" in ok(lake, "status").out
    made = ok(lake, "backup", "create", "--json").json()
    assert (made["lake"], made["missing"], made["copied"]) == ("lake", [], made["files"])
    assert f"1 backup, {made['files'] + 7} files" in ok(lake, "backup", "verify").out
    assert "overdue" not in ok(lake, "status").out
    assert ok(lake, "status", "--json").json()["backup"]["sound"]
    ok(lake, "backup", "create")
    shutil.rmtree(lake / ".lagoa")
    assert "0 backups whose id begins with 'x'" in lagoa(lake, "backup", "restore", place, "--backup", "x").err
    done = ok(lake, "backup", "restore", place, "--backup", made["id"])
    assert f"{made['files']} files copied, 0 there already" in done.out
    assert f"backup {made['id']} are back" in done.out
    assert ok(lake, "sql", "select count(*) as n from bronze.people", "--json").json()["rows"] == [[3]]
    assert "0 files copied" in ok(lake, "backup", "restore", "--missing").out
    done = lagoa(lake, "backup", "restore", place)
    assert (done.code, "has commits already" in done.err) == (1, True)
    (place / "lists").rename(place / "gone")
    done = lagoa(lake, "backup", "verify")
    assert (done.code, "is missing; needed by" in done.out) == (1, True)
    assert "damaged" in ok(lake, "status").out


def test_what_cannot_be_meant_is_refused(loaded, place):
    assert lagoa(loaded, "backup", "create", place, "--full", "--since", "2026").code == 2
    assert lagoa(loaded, "backup", "create", place, "--follow", "--full").code == 2
    assert lagoa(loaded, "backup", "restore", place, "--missing", "--at", "2026-01-01").code == 2
    assert "is no time" in lagoa(loaded, "backup", "restore", place, "--at", "noon").err
    assert "No place for backups" in lagoa(loaded, "backup", "create").err


def test_backups_are_pruned(loaded, place):
    assert "No rule says which backups are kept" in lagoa(loaded, "backup", "prune", place).err
    with (loaded / "lagoa.toml").open("a") as file:
        file.write(f'\nbackup = {{ to = "{place}", keep = {{ last = 1 }} }}\n')
    first, second = (ok(loaded, "backup", "create", "--json").json()["id"] for _ in range(2))
    shown = ok(loaded, "backup", "prune")
    assert "1 backup would be removed" in shown.out
    assert "Nothing was done" in shown.err
    done = ok(loaded, "backup", "prune", "--yes", "--json").json()
    assert [(point["id"], point["kept"][:1]) for point in done["points"]] == [(first, []), (second, ["last"])]
    assert "All is as it was saved: 1 backup" in ok(loaded, "backup", "verify").out
