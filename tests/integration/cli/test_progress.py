"""What a command shows a person who waits, on a terminal's standard error alone."""

from __future__ import annotations

import inspect
import re
import shlex
import threading
from typing import TYPE_CHECKING, Any

import pytest
import typer
from command_line import MORE, WRONG, in_terminal, lagoa, new_lake, ok, write

from lagoa.cli.main import app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMMANDS = {
    "contract infer --model silver.people": "drafting contracts",
    "contract infer ../more.csv --table bronze.others": "reading more.csv",
    "status": "looking at the lake",
    "tables": "reading main",
    "show bronze.people": "reading bronze.people",
    "sql 'select 1'": "running the query",
    "sql 'select 1' --json": "reading rows",
    "check": "reading the declarations",
    "log": "reading main",
    "plan": "comparing",
    "diff dev": "comparing main with dev",
    "doctor": "checking the lake",
    "branch create ana": "creating ana",
    "branch list": "comparing with main",
    "branch delete ana": "deleting ana",
    "tag create first": "creating first",
    "tag list": "reading the tags",
    "tag delete first": "deleting first",
    "sandbox create bob": "creating bob",
    "sandbox list": "reading the sandboxes",
    "sandbox extend bob": "reading bob",
    "sandbox delete bob": "deleting bob",
    "hold add case --why audit": "holding main",
    "hold list": "reading the holds",
    "hold remove case": "removing case",
    "maintain --expire": "looking for what has expired",
    "maintain --collect": "looking for files that nothing needs",
    "maintain --trash": "reading the trash",
    "contract diff": "comparing with the contracts",
    "contract update bronze.people ../people.csv": "reading people.csv",
    "contract apply": "changing tables",
    "transform": "running models",
    "backfill silver.people": "building silver.people",
    "test": "testing models",
    "quarantine list --ref dev": "reading the quarantine",
    "quarantine show bronze.people --ref dev": "reading the quarantine",
    "quarantine batches bronze.people --ref dev": "counting records",
    "quarantine export bronze.people bad.csv --ref dev": "writing records",
    "quarantine retry bronze.people --branch dev": "sending records again",
    "quarantine fix bronze.people --set born=1990-05-17 --all --branch dev": "sending records again",
    "quarantine discard bronze.people --reason x --batch none --branch dev": "sending records again",
    "audit dev": r"auditing dev: (\d+)/\1 checks",
    "audit show dev": "reading the audit",
    "audit history bronze.people/schema --all": "reading audits",
    "review dev": "comparing dev with main",
    "approve dev": "reading dev",
    "publish dev --dry-run": "comparing dev with main",
    "rebase dev --dry-run": "rebasing dev",
    "publish dev": "publishing dev",
    "table blame bronze.people --key 1": "looking for the row",
    "table advise bronze.people": "reading the bounds of the files",
    "report": "reading the audit",
    "ingest ../more.csv --into bronze.people": "loading more.csv",
    "ingest ../deliveries": "loading deliveries: 1 file done, people.csv the latest",
    "source list": "reading sources/",
    "source check": "connecting to incoming",
    "source run": "loading sources",
    "source status": "reading main",
    "revert main": "undoing main",
    "rollback main~1": "going back to main~1",
    "table restore bronze.people --from main~1": "restoring bronze.people",
    "maintain": "rewriting files",
    "table drop silver.people --yes": "removing silver.people",
    "backup create ../backup": "reading the catalog",
    "backup verify ../backup": "reading the backups",
    "backup restore ../backup --missing": "reading the backup",
    "backup prune ../backup": "reading the backups",
    "lake clone ../copied": "copying the lake",
    "lake migrate other": "copying the lake",
}
"""What is shown while each command works, as a pattern, in an order in which all of them can be done."""

SERVED = {
    "lineage", "flow list", "flow deploy", "flow worker", "flow up", "flow down", "run", "feature list", "feature plan",
    "feature apply", "feature materialize", "feature get", "feature status", "serve ml", "ml train", "ml list",
    "ml show", "ml compare", "ml promote", "ml rollback", "ml reproduce", "ml check", "ml watch", "stack up",
    "stack down", "stack status", "stack user add", "stack user list", "stack user remove",
}  # fmt: skip
"""Commands that show what they do, and need a server, Feast or a trained model to be tried."""

QUICK = {
    "init": "writes a few files",
    "connect": "reads settings",
    "stack env": "reads files",
    "stack logs": "reads the end of a file",
    "stack configure": "a container runs it",
    "stack make-ready": "a container runs it",
    "serve feature": "Feast's server takes over",
}


@pytest.fixture(scope="module")
def waited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a lake with a model, and a branch `dev` with a refused record."""
    folder = tmp_path_factory.mktemp("progress")
    lake: Path = new_lake(folder)
    (lake / "transformations" / "silver").mkdir(parents=True)
    write(lake / "transformations" / "silver", "people.sql", "select id, name from bronze.people")
    ok(lake, "branch", "create", "dev")
    contract = lake / "iceberg" / "bronze" / "people.odcs.yaml"
    share = "- {property: lagoa.quarantineShare, value: 1}"
    contract.write_text(
        contract.read_text("utf-8").replace("- property: lagoa.source", f"{share}\n      - property: lagoa.source"),
        "utf-8",
    )
    ok(lake, "ingest", write(folder, "wrong.csv", WRONG), "--into", "bronze.people", "--branch", "dev")
    write(folder, "more.csv", MORE)
    with (lake / "lagoa.toml").open("a") as file:
        file.write('backup = { keep = { last = 1 } }\n[profiles.other]\nstate = ".other"\n')
    (folder / "deliveries").mkdir()
    write(folder / "deliveries", "people.csv", MORE.replace("4,", "8,").replace("5,", "9,"))
    declared = "kind: files\nowner: ana\nconnection: {folder: ../deliveries}\n"
    (lake / "sources").mkdir()
    tables = "tables: {bronze.people: {files: '*.csv', still_s: 0}}\n"
    write(lake / "sources", "incoming.yaml", declared + tables)
    return lake


class AtOnce:
    """A timer of `threading` for which no time passes."""

    def __init__(self, _: float, function: Any) -> None:
        self.start = function

    def cancel(self) -> None:
        """Do nothing: it has rung."""

    def join(self) -> None:
        """Do nothing: it has ended."""


def test_a_person_sees_what_is_done(waited: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "Timer", AtOnce)
    for command, shown in COMMANDS.items():
        printed = "\n".join(in_terminal(waited, *shlex.split(command), columns=200))
        assert re.search(shown, printed), command


@pytest.mark.parametrize("command", ["sql 'select 1' --json", "tables", "audit main", "contract diff"])
def test_a_program_sees_nothing_of_it(waited: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setattr(threading, "Timer", AtOnce)
    assert lagoa(waited, *shlex.split(command)).err == ""


def test_every_command_shows_what_it_does() -> None:
    """A new command is tried above, or named with what it needs."""
    commands = dict(_leaves(typer.main.get_command(app), ()))
    tried = {name for line in COMMANDS for name in commands if f"{line} ".startswith(f"{name} ")}
    assert commands.keys() - tried - SERVED - QUICK.keys() - {"audit run"} == set()
    for name in SERVED:
        assert "working(" in inspect.getsource(inspect.unwrap(commands[name])), name


def _leaves(group: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    for name in group.commands:
        command = group.commands[name]
        if command.hidden:
            continue
        if hasattr(command, "commands"):
            yield from _leaves(command, (*path, name))
        else:
            yield " ".join((*path, name)), command.callback
