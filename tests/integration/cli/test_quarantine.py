"""`lagoa quarantine`."""

from __future__ import annotations

import csv

from command_line import WRONG, counted, lagoa, ok, write


def test_quarantine_shows_what_was_refused(lake, tmp_path):
    ok(lake, "branch", "create", "dev")
    done = ok(lake, "ingest", write(tmp_path, "wrong.csv", WRONG), "--into", "bronze.people", "--branch", "dev")
    assert "1 record went to quarantine: `lagoa quarantine list --ref dev`" in done.err
    (refused,) = ok(lake, "quarantine", "list", "--ref", "dev", "--json").json()
    assert (refused["table"], refused["records"], refused["source"]) == ("bronze.people", 1, "wrong.csv")
    assert "wrong.csv" in ok(lake, "quarantine", "list", "--ref", "dev").out
    there = ("quarantine", "show", "bronze.people", "--ref", "dev")
    (record,) = ok(lake, *there, "--personal", "--json").json()
    assert record["record"] == 1
    assert record["raw"] == "6,Eve,Rio,not a day\n"
    assert "6,Eve,Rio,not a day" in ok(lake, *there, "--personal").out
    masked = ok(lake, *there)
    assert masked.out.splitlines()[1].split()[-1] == "•••"
    assert "Eve" not in masked.out + str(ok(lake, *there, "--json").json())
    assert "--personal shows them" in masked.err
    by_rule = ok(lake, "quarantine", "show", "bronze.people", "--ref", "dev", "--rule", "no/such", "--json")
    assert by_rule.json() == []
    assert "No record waits in quarantine" in ok(lake, "quarantine", "list").out
    assert "No waiting record" in ok(lake, "quarantine", "show", "bronze.people").out


def test_refused_records_are_fixed_retried_and_discarded(lake, tmp_path):
    text = WRONG + "8,Ada,Rio,no day\n9,Eva,Rio,0\n"
    ok(lake, "branch", "create", "dev")
    ok(lake, "ingest", write(tmp_path, "wrong.csv", text), "--into", "bronze.people", "--branch", "dev")
    there = ("bronze.people", "--branch", "dev")
    edited = tmp_path / "edited.csv"
    told = ok(lake, "quarantine", "export", "bronze.people", edited, "--ref", "dev", "--where", "id <> '9'", "--json")
    assert told.json() == {"table": "bronze.people", "file": str(edited), "records": 2, "raw": 0}
    assert "it exists already" in lagoa(lake, "quarantine", "export", "bronze.people", edited).err
    edited.write_text(edited.read_text("utf-8").replace("not a day", "1999-01-02"), "utf-8")
    (fixed,) = ok(lake, "quarantine", "fix", *there, "--file", edited, "--json").json()["tables"]
    assert (fixed["records"], fixed["accepted"], fixed["changed"]) == (1, 1, {"born": 1})
    again = ok(lake, "quarantine", "fix", *there, "--file", edited)
    assert "no waiting record is selected, or all of them have these values." in again.out
    assert again.err.strip() == "Nothing new: dev is unchanged."
    assert "2 still waiting" in ok(lake, "quarantine", "retry", *there).out
    mended = ok(lake, "quarantine", "fix", *there, "--set", "born=2000-02-29", "--where", "name = 'Ada'")
    assert "1 record, 1 accepted." in mended.out
    ok(lake, "quarantine", "discard", *there, "--all", "--reason", "a test")
    assert counted(lake, "dev") == 6
    assert ok(lake, "quarantine", "list", "--ref", "dev", "--json").json() == []
    batches = ok(lake, "quarantine", "batches", "bronze.people", "--ref", "dev", "--json").json()
    figures = ("received", "rows", "accepted", "waiting", "discarded", "gone")
    assert {tuple(each[figure] for figure in figures) for each in batches} == {
        (3, 3, 0, 0, 0, 0),
        (4, 1, 2, 0, 1, 0),
        (1, 1, 0, 0, 0, 0),
    }
    assert "discarded" in ok(lake, "quarantine", "batches", "bronze.people", "--ref", "dev").out
    shown = ok(
        lake, "quarantine", "show", "bronze.people", "--ref", "dev", "--fate", "any", "--personal", "--json"
    ).json()
    assert [(each["fate"], each["fixed"]) for each in shown] == [
        ("accepted", {"born": "1999-01-02"}),
        ("accepted", {"born": "2000-02-29"}),
        ("discarded", {}),
    ]
    masked = ok(lake, "quarantine", "show", "bronze.people", "--ref", "dev", "--fate", "any", "--json").json()
    assert [each["fixed"] for each in masked] == [{"born": "•••"}, {"born": "•••"}, {}]
    assert "a test" in ok(lake, "quarantine", "show", "bronze.people", "--ref", "dev", "--fate", "discarded").out
    ok(lake, "publish", "dev")
    assert ok(lake, "status", "--json").json()["quarantine"] == {"quarantine.bronze__people": 0}
    assert lagoa(lake, "quarantine", "retry", "bronze.people", "--json").json()["publication"] is None
    assert_the_way_for_records_without_columns(lake, tmp_path)
    for wrong in (("fix",), ("fix", "--set", "born"), ("fix", "--set", "born=1"), ("discard", "--reason", "x")):
        assert lagoa(lake, "quarantine", wrong[0], "bronze.people", *wrong[1:]).code == 2, wrong


def assert_the_way_for_records_without_columns(lake, tmp_path):
    """A record with too many fields is left out by `--where`, which says how it is fixed; that works."""
    bad, there = tmp_path / "bad.csv", ("bronze.people", "--branch", "more")
    ok(lake, "branch", "create", "more")
    ok(lake, "ingest", write(tmp_path, "fields.csv", WRONG + "7,Ivo,Rio,1999-01-02,x\n"), "--into", *there)
    done = ok(lake, "quarantine", "fix", *there, "--set", "born=1999-01-02", "--where", "id IN ('6', '7')")
    assert "1 record, 1 accepted." in done.out
    hints = " ".join(done.err.split())
    assert "1 waiting record that cannot be split into columns is left out: --set and conditions on columns" in hints
    assert "`lagoa quarantine export bronze.people bad.csv --ref more`, fill in their empty cells, then" in hints
    assert "`lagoa quarantine fix bronze.people --file bad.csv --branch more`." in hints
    ok(lake, "quarantine", "export", "bronze.people", bad, "--ref", "more")
    head, record = bad.read_text("utf-8").splitlines()
    values = {"id": "7", "name": "Ivo", "city": "Rio", "born": "1999-01-02"}
    cells = zip(head.split(","), next(csv.reader([record])), strict=True)
    with bad.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([head.split(","), [values.get(name, cell) for name, cell in cells]])
    (fixed,) = ok(lake, "quarantine", "fix", *there, "--file", bad, "--json").json()["tables"]
    assert (fixed["accepted"], fixed["unsplit"]) == (1, 0)
    skipped = ok(lake, "quarantine", "retry", *there, "--where", "id = '7'").err
    assert "cannot be split" not in skipped


def test_a_record_in_another_encoding_is_read_in_its_own(lake, tmp_path):
    mixed = tmp_path / "mixed.csv"
    mixed.write_bytes(b"id,name,city,born\n" + b"8,Jo\xe3o,Rio,1999-01-01\n")
    ok(lake, "branch", "create", "latin")
    there = ("bronze.people", "--branch", "latin")
    ok(lake, "ingest", mixed, "--into", *there)
    assert "1 still waiting" in ok(lake, "quarantine", "retry", *there).out
    assert "1 record, 1 accepted." in ok(lake, "quarantine", "retry", *there, "--encoding", "cp1252").out
    rows = ok(lake, "sql", "--ref", "latin", "select name from bronze.people where id = 8", "--json").json()["rows"]
    assert rows == [["João"]]
