"""A new command is a file in lagoa/cli/commands and a line in the registry."""

from __future__ import annotations

import sys

import pytest
from typer.testing import CliRunner

from lagoa.cli import commands
from lagoa.cli.main import app
from lagoa.cli.registry import COMMANDS, LOOK, PACKAGE

COMMAND = """
import typer

from lagoa.cli.console import say
from lagoa.cli.options import lake_folder


def toy(ctx: typer.Context, word: str) -> None:
    \"""Say a word.\"""
    say(f"{word} in {lake_folder(ctx).name}")
"""
GROUP = """
import typer

from lagoa.cli.console import say

toy = typer.Typer(add_completion=False, no_args_is_help=True, help="Words: say, shout.")


@toy.command("say")
def toy_say(word: str) -> None:
    \"""Say a word.\"""
    say(word)


@toy.command("shout")
def toy_shout(word: str) -> None:
    \"""Shout a word.\"""
    say(word.upper())
"""


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """Return what writes the toy's file into a folder of the package of commands; its line is in the registry."""
    monkeypatch.setattr(commands, "__path__", [*commands.__path__, str(tmp_path)])
    monkeypatch.setitem(COMMANDS, "toy", (".toy", LOOK))
    yield (tmp_path / "toy.py").write_text
    sys.modules.pop(f"{PACKAGE}.toy", None)


def out_of(*arguments):
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_command_is_a_file_and_a_line(toy):
    toy(COMMAND, "utf-8")
    assert out_of("--lake", "/a/lake", "toy", "hello") == "hello in lake\n"
    assert out_of("toy", "hello", "--lake", "/a/lake") == "hello in lake\n"
    assert "Say a word." in out_of("toy", "--help")
    look = out_of("--help").split("─ Look ─")[1].split("─ Care ─")[0]
    assert "│ toy " in look


def test_a_group_of_verbs_is_one_too(toy):
    toy(GROUP, "utf-8")
    assert out_of("toy", "shout", "hello") == "HELLO\n"
    assert "│ shout " in out_of("toy", "--help")
