"""Every command and each of its options stands in docs/cli.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main

from lagoa.cli.main import app

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "cli.md"
SHARED = {"--lake", "--profile", "--debug", "--help", "-h"}


def _walk(command, name=""):
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
        return
    for part in inner:
        yield from _walk(inner[part], f"{name} {part}".strip())


COMMANDS = dict(_walk(typer.main.get_command(app)))


def _sections(text):
    parts = re.split(r"^### `lagoa ([^`]+)`$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def missing_from(text):
    """Return what the page `text` does not say: commands, and options of those it does."""
    sections = _sections(text)
    missing = [name for name in COMMANDS if name not in sections]
    for name, command in COMMANDS.items():
        options = {opt for param in command.params for opt in param.opts if opt.startswith("-")} - SHARED
        section = sections.get(name)
        missing += [f"{name} {opt}" for opt in sorted(options) if section is not None and f"`{opt}" not in section]
    return missing


def test_every_command_and_option_is_documented():
    assert missing_from(PAGE.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("taken_out", "missed"),
    [
        ("### `lagoa tag list`", "tag list"),
        ("- `--hold`: refuse", "rollback --hold"),
    ],
)
def test_a_page_that_lacks_something_is_noticed(taken_out, missed):
    assert missed in missing_from(PAGE.read_text("utf-8").replace(taken_out, ""))


def test_the_page_names_no_command_that_is_not_there():
    assert set(_sections(PAGE.read_text("utf-8"))) == set(COMMANDS)


def test_every_command_says_what_it_does():
    assert [name for name, command in COMMANDS.items() if not command.help] == []


def test_shared_options_are_documented_and_taken_by_every_command():
    page = PAGE.read_text("utf-8")
    for option in SHARED:
        assert f"`{option}" in page
    for name, command in COMMANDS.items():
        options = {opt for param in command.params for opt in param.opts}
        assert {"--lake", "--profile", "--debug"} <= options, name


def test_every_command_is_tested():
    places = ("integration/cli/test_*.py", "stack/test_stack.py", "unit/test_compose.py")
    tests = "".join(file.read_text("utf-8") for place in places for file in (ROOT / "tests").glob(place))
    calls = {name: ", ".join(f'"{part}"' for part in name.split()) for name in COMMANDS}
    assert [name for name, call in calls.items() if call not in tests] == []
