"""`lagoa maintain`."""

from __future__ import annotations

import os

from command_line import counted, lagoa, ok, write


def test_small_files_become_one_and_the_rows_stay(lake, tmp_path):
    for number in range(4, 9):
        rows = f"id,name,born\n{number},Eva,1990-05-17\n"
        ok(lake, "ingest", write(tmp_path, f"{number}.csv", rows), "--into", "bronze.people")
    rows = ok(lake, "sql", "select * from bronze.people order by all", "--json").json()
    due = ok(lake, "maintain", "--dry-run", "--json").json()
    assert [(each["table"], each["state"], each["rewritten"]) for each in due["tables"]] == [
        ("bronze.people", "due", 6)
    ]
    assert due["publication"] is None
    assert "Next: `lagoa maintain`" in ok(lake, "maintain", "--dry-run").err
    done = ok(lake, "maintain", "bronze.people")
    assert "now 1, with the same rows" in done.out
    assert "main is now at" in done.out
    assert ok(lake, "sql", "select * from bronze.people order by all", "--json").json() == rows
    assert counted(lake) == 8
    assert ok(lake, "maintain").out == "No table has files to rewrite.\n"


def test_states_expire_and_files_are_collected(lake):
    with (lake / "lagoa.toml").open("a") as settings:
        settings.write("\n[retention]\nhistory_days = 9\nlayer_days = { bronze = 1 }\n")
    assert "goes with --expire" in lagoa(lake, "maintain", "--collect", "--clock-is-right").err
    shown = ok(lake, "maintain", "--expire", "--clock-is-right", "--collect")
    assert "of 0 earlier states of main they are not" in shown.out
    assert "Of 0 more states of main the tables of bronze are not" in shown.out
    assert "The lake's tables have" in shown.out
    assert "Give --yes" in shown.err
    done = ok(lake, "maintain", "--expire", "--collect", "--yes", "--json").json()
    assert (done["expiry"]["dry_run"], done["collection"]["dry_run"]) == (False, False)
    assert done["collection"]["garbage"] == 0
    assert ok(lake, "maintain", "--trash").out == "The trash is empty.\n"
    assert ok(lake, "maintain", "--trash", "--json").json() == []
    refused = lagoa(lake, "maintain", "--restore", "20260101T000000Z")
    assert refused.code == 1
    assert "no such collection" in refused.err
    assert lagoa(lake, "maintain", "bronze.people", "--collect").code == 2


def test_a_table_that_is_not_there_is_named(lake):
    refused = lagoa(lake, "maintain", "bronze.peple")
    assert refused.code == 1
    assert "bronze.people" in refused.err


def test_files_move_to_cold_storage_and_come_back(lake, tmp_path):
    settings = lake / "lagoa.toml"
    text = settings.read_text("utf-8")
    assert "[cold] names no folder" in lagoa(lake, "maintain", "--cold").err
    write(lake, "lagoa.toml", f'cold = {{ folder = "{tmp_path / "slow"}", days = {{ bronze = 1 }} }}\n{text}')
    assert "Files of bronze may move from" in ok(lake, "maintain", "--cold").out

    rows = "".join(f"{number},{number:06},1990-05-17\n" for number in range(4, 40_004))
    ok(lake, "ingest", write(tmp_path, "many.csv", f"id,name,born\n{rows}"), "--into", "bronze.people")
    log = lake / ".lagoa" / "queries"
    log.mkdir(exist_ok=True)
    for file in log.iterdir():
        file.unlink()
    (log / "2026-01-01.jsonl").touch()
    for file in (lake / ".lagoa").rglob("*.parquet"):
        os.utime(file, (0, 0))
    planned = ok(lake, "maintain", "--cold", "--dry-run", "--json").json()
    assert [(each["table"], each["files"]) for each in planned["tables"]] == [("bronze.people", 1)]
    done = ok(lake, "maintain", "--cold")
    assert "bronze.people" in done.out
    assert "--thaw TABLE" in done.err
    assert counted(lake) == 40_003
    back = ok(lake, "maintain", "--thaw", "bronze.people")
    assert back.out.startswith("bronze.people: 1 file came back")
    assert ok(lake, "maintain", "--thaw", "bronze.people", "--json").json()["files"] == 0
    assert lagoa(lake, "maintain", "--cold", "bronze.people").code == 2
