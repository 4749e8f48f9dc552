"""`lagoa revert`."""

from __future__ import annotations

from command_line import MORE, counted, lagoa, ok, write


def test_a_load_is_undone_and_the_later_one_stays(lake, tmp_path):
    later = MORE.replace("4,", "8,").replace("5,", "9,")
    ok(lake, "ingest", write(tmp_path, "more.csv", MORE), "--into", "bronze.people", "--batch", "b2")
    ok(lake, "ingest", write(tmp_path, "later.csv", later), "--into", "bronze.people", "--batch", "b3")
    assert counted(lake) == 7
    done = ok(lake, "revert", "main~1", "--hold")
    assert "bronze.people: b2" in done.out
    assert counted(lake) == 5
    assert "main has nothing of" in ok(lake, "revert", "main~2").out
    refused = lagoa(lake, "ingest", tmp_path / "more.csv", "--into", "bronze.people", "--batch", "b2")
    assert refused.code == 1
    told = ok(lake, "revert", "main~1", "--json").json()
    assert (told["unseen"], told["held"]) == (["bronze.people: b3"], False)
    assert counted(lake) == 3


def test_what_is_no_publication_cannot_be_undone(lake):
    refused = lagoa(lake, "revert", "main~99")
    assert refused.code == 1
    assert "Traceback" not in refused.err
