"""Commands that are called wrongly, and names that nobody expects."""

from __future__ import annotations

import pytest
from command_line import MORE, lagoa, write

NASTY = ["a'b", 'a"b', "a;drop table x", "../up", "a..b", "ümlaut", "湖", "a b", "", "-", "x" * 10_000]


@pytest.mark.parametrize(
    "command",
    [
        ("branch", "create", "NAME"),
        ("branch", "delete", "NAME"),
        ("tag", "create", "NAME"),
        ("log", "NAME"),
        ("tables", "NAME"),
        ("show", "NAME"),
        ("audit", "NAME"),
        ("publish", "NAME"),
        ("rollback", "NAME"),
        ("diff", "main..NAME"),
        ("sql", "select 1 from bronze.people", "--ref", "NAME"),
        ("quarantine", "show", "NAME"),
        ("transform", "NAME"),
        ("run", "NAME"),
        ("ingest", "NAME", "--into", "bronze.people"),
        ("ingest", __file__, "--into", "NAME"),
        ("contract", "infer", __file__, "--table", "NAME"),
    ],
    ids=" ".join,
)
def test_names_outside_the_grammar_get_a_clear_error(loaded, command):
    for name in NASTY:
        arguments = [part.replace("NAME", name) for part in command]
        done = lagoa(loaded, arguments[0], *(["--"] if arguments[1] == "-" else []), *arguments[1:])
        assert done.code in {1, 2}, done
        assert done.out == ""
        assert 0 < len(done.err) < 2_000
        assert "Traceback" not in done.err


def test_a_folder_of_any_name_is_no_lake(tmp_path):
    for name in NASTY[:-1]:
        assert lagoa(tmp_path / f"x{name}", "log").code == 1
    done = lagoa("x" * 10_000, "log")
    assert done.code == 1
    assert "File name too long" in done.err


def test_usage_errors_end_with_2(loaded, tmp_path):
    for arguments in (
        ("nonsense",),
        ("branch", "create"),
        ("sql", "select 1", "--limit", "0"),
        ("ingest", write(tmp_path, "a.csv", MORE)),
        ("ingest", tmp_path, "--into", "bronze.people"),
        ("log", "--nonsense"),
    ):
        assert lagoa(loaded, *arguments).code == 2, arguments


@pytest.mark.parametrize("command", [(), ("audit", "run"), ("stack", "up"), ("ingest",), ("quarantine", "retry")])
def test_the_help_shows_no_type_behind_a_flag(tmp_path, command):
    done = lagoa(tmp_path, *command, "--help")
    assert done.code == 0
    assert "--help" in done.out
    assert "<bool>" not in done.out
