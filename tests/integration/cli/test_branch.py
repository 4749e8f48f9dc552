"""`lagoa branch`."""

from __future__ import annotations

from command_line import lagoa, ok


def test_branches(lake):
    assert "dev begins at main" in ok(lake, "branch", "create", "dev").out
    ok(lake, "branch", "create", "old", "--from", "main~1")
    assert {b["name"]: b["behind"] for b in ok(lake, "branch", "list", "--json").json()} == {
        "main": 0,
        "dev": 0,
        "old": 1,
    }
    assert lagoa(lake, "branch", "create", "dev").code == 1
    kept = lagoa(lake, "branch", "delete", "main")
    assert (kept.code, kept.err.splitlines()[0]) == (1, "Error: 'main' cannot be deleted.")
    assert lagoa(lake, "branch", "delete", "dev", "nobody").code == 1
    assert len(ok(lake, "branch", "list", "--json").json()) == 3
    assert ok(lake, "branch", "delete", "dev", "old").out.startswith("Deleted dev, which was at ")
    assert len(ok(lake, "branch", "list", "--json").json()) == 1
