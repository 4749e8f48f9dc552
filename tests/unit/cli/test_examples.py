"""The examples at the end of every command's help are valid calls of it."""

from __future__ import annotations

import shlex

import pytest
import typer.main
from typer.testing import CliRunner

from lagoa.cli.examples import EXAMPLES
from lagoa.cli.main import app

ROOT_COMMAND = typer.main.get_command(app)


def commands(group=ROOT_COMMAND, path=""):
    for name in group.commands:
        command = group.commands[name]
        if not command.hidden:
            place = f"{path} {name}".strip()
            yield from commands(command, place) if hasattr(command, "commands") else (place,)


@pytest.mark.parametrize("path", list(commands()))
def test_every_command_has_examples_that_it_accepts(path):
    assert 1 <= len(EXAMPLES[path]) <= 3
    for line in EXAMPLES[path]:
        words = shlex.split(line.removeprefix('eval "$(').removesuffix(')"').partition(" > ")[0])
        assert words.pop(0) == "lagoa"
        command = ROOT_COMMAND
        context = None
        while getattr(command, "commands", None):
            name, command, words = command.resolve_command(context or command.make_context("lagoa", list(words)), words)
            context = (
                command.make_context(name, list(words), parent=context) if getattr(command, "commands", None) else None
            )
        command.make_context(path, list(words))
        assert command.name in path.split()


def test_no_example_is_of_a_command_that_is_not_there():
    assert set(EXAMPLES) == set(commands())


def test_the_help_ends_with_the_examples():
    done = CliRunner().invoke(app, ["branch", "delete", "--help"], env={"COLUMNS": "80"})
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    assert lines[-3:] == ["Examples:", *EXAMPLES["branch delete"]]
