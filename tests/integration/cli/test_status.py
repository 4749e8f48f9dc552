"""`lagoa status`."""

from __future__ import annotations

from command_line import ok


def test_status(loaded):
    told = ok(loaded, "status", "--json").json()
    assert (told["name"], told["tables"], told["rows"]) == ("lake", 1, 3)
    assert told["models"] == {"total": 0, "stale": [], "error": None}
    assert told["branches"][0]["commit"] == told["main"]
    text = ok(loaded, "status").out
    assert "1 table, 3 rows" in text
