"""`lagoa tag`."""

from __future__ import annotations

from command_line import lagoa, ok


def test_tags(lake):
    ok(lake, "tag", "create", "v1", "--from", "main~1")
    (tag,) = ok(lake, "tag", "list", "--json").json()
    assert tag["name"] == "v1"
    assert ok(lake, "tag", "list").out.splitlines()[1].split()[0] == "v1"
    assert ok(lake, "tables", "v1", "--json").json() == []
    assert lagoa(lake, "tag", "create", "v1").code == 1
    wrong = lagoa(lake, "branch", "delete", "v1")
    assert wrong.code == 1
    assert "is a tag" in wrong.err
    assert "`lagoa tag delete v1` deletes it" in wrong.err
    assert "`lagoa tag list`" in lagoa(lake, "tables", "v2").err
    ok(lake, "tag", "delete", "v1")
    assert ok(lake, "tag", "list", "--json").json() == []
