"""Former names of commands and options, which work for one more version; removed with the next.

They are not in the help; a line on stderr names the new one.
"""

from __future__ import annotations

from copy import copy
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import typer

from lagoa.cli.completion import completing

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

COMMANDS = {"restore": "table restore", "contract check": "check", "audit report": "report"}
"""The command that each former one is now; both from the root on."""

OPTIONS = {
    "branch create": {"at": "from"},
    "tag create": {"at": "from"},
    "backfill": {"from": "since", "to": "until"},
}
"""By command, the option that each former one is now; both without their dashes."""


def renamed(command: Any, old: str, new: str) -> Any:
    """Return a command under its former name: hidden, with a hint at the new one when it is run.

    Args:
        command: as it is under its new name.
        old: its former name, from the root on.
        new: its name, from the root on.
    """
    alias = copy(command)
    alias.name, alias.hidden = old.rpartition(" ")[2], True
    run = command.callback

    def callback(**values: Any) -> Any:
        _hint(f"`lagoa {old}`", f"`lagoa {new}`")
        return run(**values)

    alias.callback = callback
    return alias


def accept_old_options(command: Any, path: str) -> None:
    """Let a command, named from the root on, take its former options, too."""
    if path not in OPTIONS:
        return
    normalize = partial(_new_option, OPTIONS[path])
    command.context_settings = {**command.context_settings, "token_normalize_func": normalize}
    parse = command.parse_args

    def parse_args(ctx: Any, args: list[str]) -> list[str]:
        given = _given(args, {f"--{name}" for pair in OPTIONS[path].items() for name in pair})
        for old, new in OPTIONS[path].items():
            if {f"--{old}", f"--{new}"} <= given:
                raise typer.BadParameter(f"--{old} is the former name of --{new}: give one of them.")
        return parse(ctx, args)  # type: ignore[no-any-return]

    command.parse_args = parse_args


def _given(args: Sequence[str], options: Collection[str]) -> set[str]:
    """Return those of some options, each with a value, that are among the arguments."""
    given, rest = set(), iter(args)
    for arg in takewhile(lambda each: each != "--", rest):
        name, separator, _ = arg.partition("=")
        if name in options:
            given.add(name)
            if not separator:
                next(rest, None)
    return given


def _new_option(new: Mapping[str, str], name: str) -> str:
    if name not in new:
        return name
    if not completing():
        _hint(f"`--{name}`", f"`--{new[name]}`")
    return new[name]


def _hint(old: str, new: str) -> None:
    from lagoa.cli.console import hint

    hint(f"{old} is now {new}; the old name works for one more version.")
