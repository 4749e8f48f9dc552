"""Former names of commands and options: they work for one more version, and name the new one."""

from __future__ import annotations

import json
import re

import pytest
from command_line import MORE, counted, lagoa, ok, write

from lagoa.cli.old_names import COMMANDS, OPTIONS


def test_a_former_command_does_as_the_new_one_and_names_it(lake, tmp_path):
    ok(lake, "ingest", write(tmp_path, "more.csv", MORE), "--into", "bronze.people")
    done = ok(lake, "restore", "bronze.people", "--from", "main~1", "--json")
    assert [each["changed"] for each in done.json()["tables"]] == [True]
    assert done.err.splitlines()[0] == (
        "`lagoa restore` is now `lagoa table restore`; the old name works for one more version."
    )
    assert counted(lake) == 3

    checked = ok(lake, "contract", "check", "--json")
    assert checked.json() == ok(lake, "check", "--json").json()
    assert "`lagoa contract check` is now `lagoa check`" in checked.err

    page = tmp_path / "report.html"
    assert "`lagoa audit report` is now `lagoa report`" in ok(lake, "audit", "report", "main", "-o", page).err
    assert page.is_file()


def test_a_former_option_does_as_the_new_one_and_names_it(lake):
    done = ok(lake, "branch", "create", "old", "--at", "main~1")
    assert "`--at` is now `--from`; the old name works for one more version." in done.err
    assert "old begins at main~1" in done.out
    assert "is now `--from`" in ok(lake, "tag", "create", "v0", "--at=main~1").err
    assert json.loads(ok(lake, "tables", "v0", "--json").out) == []
    assert "is now" not in ok(lake, "tag", "create", "v1", "--from", "main~1").err

    twice = lagoa(lake, "branch", "create", "new", "--from", "main~1", "--at=main")
    assert twice.code == 2
    assert "--at is the former name of --from: give one of them" in " ".join(twice.err.split())

    both = lagoa(lake, "backfill", "bronze.people", "--from", "2020", "--to", "2021", "--batch", "b")
    assert both.code == 2
    assert "`--from` is now `--since`" in both.err
    assert "`--to` is now `--until`" in both.err
    assert "does not go with --since" in both.err


def test_a_value_that_looks_like_a_former_option_stays_a_value(lake):
    assert "'--at'" in lagoa(lake, "branch", "create", "--", "--at").err
    refused = lagoa(lake, "branch", "create", "dev", "--from", "--at")
    assert (refused.code, "is now" in refused.err) == (1, False)


@pytest.mark.parametrize("former", [*COMMANDS, *OPTIONS], ids=str)
def test_former_names_are_not_in_the_help(loaded, former):
    parent, _, name = former.rpartition(" ")
    if former in COMMANDS:
        assert f"│ {name} " not in ok(loaded, *parent.split(), "--help").out
    else:
        shown = ok(loaded, *former.split(), "--help").out
        assert "--from" in shown or "--since" in shown
        assert [option for option in OPTIONS[former] if re.search(rf"--{option}\b", shown)] == []
