"""`lagoa sandbox`: branches with a time to live, from their beginning to publication or deletion."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from command_line import lagoa, ok

from lagoa import open_lake
from lagoa.domain.commits import Change
from lagoa.errors import InvalidName, RefExists, RefNotFound
from lagoa.sandbox import ENDS


def age(folder, name):
    """Let the time of a sandbox be over."""
    with open_lake(folder) as lake:
        found = lake.sandbox(name)
        over = {ENDS: (datetime.now(UTC) - timedelta(seconds=1)).isoformat()}
        lake.context.catalog.commit(found.branch, found.commit, Change(message="over", properties=over))


def test_a_sandbox_from_beginning_to_publication(lake, tmp_path):
    made = ok(lake, "sandbox", "create", "ana", "--ttl", "12h")
    assert "The sandbox ana is the branch sandbox/ana, begins at main and ends 20" in made.out
    assert 'lagoa sql --ref sandbox/ana "select …"' in made.out
    (found,) = ok(lake, "sandbox", "list", "--json").json()
    assert (found["name"], found["branch"], found["expired"]) == ("ana", "sandbox/ana", False)
    left = datetime.fromisoformat(found["ends_at"]) - datetime.now(UTC)
    assert timedelta(hours=11, minutes=58) < left <= timedelta(hours=12)

    main = ok(lake, "sql", "select count(*) as n from bronze.people", "--json").json()
    assert ok(lake, "sql", "--ref", "sandbox/ana", "select count(*) as n from bronze.people", "--json").json() == main
    assert "Nothing to publish" in ok(lake, "publish", "sandbox/ana").out
    ok(lake, "table", "drop", "bronze.people", "--branch", "sandbox/ana")
    ok(lake, "publish", "sandbox/ana")
    assert ok(lake, "tables", "main", "--json").json() == []
    assert ok(lake, "sandbox", "list").out.splitlines()[1].split()[:2] == ["ana", "sandbox/ana"]
    ok(lake, "sandbox", "delete", "ana")
    assert ok(lake, "sandbox", "list", "--json").json() == []


def test_a_sandbox_ends_when_its_time_is_over(lake):
    for name in ("ana", "bia", "bia_churn"):
        ok(lake, "sandbox", "create", name, "--from", "main~1")
    age(lake, "ana")
    age(lake, "bia")
    listed = ok(lake, "sandbox", "list")
    assert listed.out.count(", which is over") == 2
    assert "`lagoa sandbox delete --expired`" in listed.err
    assert "ends 20" in ok(lake, "sandbox", "extend", "bia", "--ttl", "2w").out
    assert "Deleted the sandbox ana" in ok(lake, "sandbox", "delete", "--expired").out
    assert [each["name"] for each in ok(lake, "sandbox", "list", "--json").json()] == ["bia", "bia_churn"]
    assert "no sandbox whose time is over" in ok(lake, "sandbox", "delete", "--expired").err


@pytest.mark.parametrize("name", ["Ana", "9lives", "a-b", "a.b", "a/b", "../../evil", "a" * 51, "", 'a"b'])
def test_names_that_an_engine_would_have_to_quote(loaded, name):
    with open_lake(loaded) as lake, pytest.raises(InvalidName, match="sandbox name"):
        lake.create_sandbox(name)


@pytest.mark.parametrize("time", ["0d", "7", "d", "1y", "-1d", "1.5h", "9999999d", "seven days"])
def test_what_is_no_time_to_live(loaded, time):
    wrong = lagoa(loaded, "sandbox", "create", "ana", "--ttl", time)
    assert wrong.code == 2
    assert "no time to live" in wrong.err


def test_times_to_live_have_limits(loaded):
    with open_lake(loaded) as lake:
        for lives in (timedelta(seconds=59), timedelta(days=366), timedelta(days=-1)):
            with pytest.raises(InvalidName, match="between one minute and 365 days"):
                lake.create_sandbox("limits", lives=lives)
        assert [each.name for each in lake.sandboxes()] == []


def test_names_that_are_taken_missing_or_wrong(lake):
    ok(lake, "sandbox", "create", "ana")
    with open_lake(lake) as opened:
        with pytest.raises(RefExists, match="sandbox/ana"):
            opened.create_sandbox("ana")
        with pytest.raises(RefNotFound, match="Did you mean 'ana'") as missing:
            opened.extend_sandbox("anna")
        assert missing.value.advice == "`lagoa sandbox list` lists them."
        with pytest.raises(RefNotFound):
            opened.create_sandbox("bia", at="gone")
        assert repr(opened.sandbox("ana")).startswith("<Sandbox 'ana' until 20")
    assert lagoa(lake, "sandbox", "delete", "ana", "anna").code == 1
    assert [each["name"] for each in ok(lake, "sandbox", "list", "--json").json()] == ["ana"]
    assert lagoa(lake, "sandbox", "delete").code == 2


def test_a_branch_that_somebody_called_like_a_sandbox(lake):
    ok(lake, "branch", "create", "sandbox/old")
    (found,) = ok(lake, "sandbox", "list", "--json").json()
    assert (found["ends_at"], found["expired"]) == (None, False)
    assert "when it is deleted" in ok(lake, "sandbox", "list").out
    ok(lake, "sandbox", "extend", "old", "--ttl", "30m")
    assert ok(lake, "sandbox", "list", "--json").json()[0]["ends_at"]


def test_one_that_is_read_only_needs_trino(lake):
    refused = lagoa(lake, "sandbox", "create", "closing", "--from", "main~1", "--read-only")
    assert refused.code == 1
    assert "only a stack with Trino" in refused.err
    assert "`lagoa sql --ref TAG`" in refused.err
    assert ok(lake, "sandbox", "list", "--json").json() == []
