"""docs/cli.md has every command in its group, in the order of the help, and each of its options."""

from __future__ import annotations

import re

import pytest
import typer.main
from checkout import ROOT

from lagoa.cli import old_names
from lagoa.cli.main import app

PAGE = ROOT / "docs" / "cli.md"
SHARED = {"--lake", "--profile", "--debug", "--help", "-h"}


def _walk(command, name=""):
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
        return
    for part in inner:
        if not inner[part].hidden:  # former names
            yield from _walk(inner[part], f"{name} {part}".strip())


ROOT_COMMAND = typer.main.get_command(app)
COMMANDS = dict(_walk(ROOT_COMMAND))


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


def in_the_order_of(text):
    """Return the group and the name of each command of the page."""
    group, found = "", []
    for line in text.splitlines():
        if line.startswith("## "):
            group = line.removeprefix("## ")
        elif line.startswith("### `lagoa "):
            found.append((group, line.removeprefix("### `lagoa ").removesuffix("`")))
    return found


def test_the_page_has_the_commands_in_the_groups_and_the_order_of_the_help():
    help_has = [(ROOT_COMMAND.commands[name.split()[0]].rich_help_panel, name) for name in COMMANDS]
    assert in_the_order_of(PAGE.read_text("utf-8")) == help_has


def test_a_command_in_another_group_or_place_is_noticed():
    text = PAGE.read_text("utf-8")
    before = in_the_order_of(text)
    assert in_the_order_of(text.replace("## Look", "## Watch")) != before
    assert in_the_order_of(text.replace("`lagoa tag list`", "`lagoa tag delete`", 1)) != before


def test_the_page_names_what_replaces_a_former_name():
    page = PAGE.read_text("utf-8")
    for old, new in old_names.COMMANDS.items():
        assert f"| `lagoa {old}` | `lagoa {new}` |" in page
    for command, options in old_names.OPTIONS.items():
        row = next(line for line in page.splitlines() if line.startswith("| `") and f"`{command} --" in line)
        for old, new in options.items():
            assert f"--{old}`" in row
            assert f"`--{new}`" in row


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
    places = ("integration/cli/test_*.py", "stack/test_stack.py", "unit/stack/test_*.py")
    tests = "".join(file.read_text("utf-8") for place in places for file in (ROOT / "tests").glob(place))
    calls = {name: ", ".join(f'"{part}"' for part in name.split()) for name in COMMANDS}
    assert [name for name, call in calls.items() if call not in tests] == []
