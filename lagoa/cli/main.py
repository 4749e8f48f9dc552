"""`lagoa`, the command. Each command's module is imported when it is called, so that every one starts quickly."""

from __future__ import annotations

import sys
from collections import UserDict
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from lagoa.cli.errors import EXIT_ERROR, describe, exit_code, show_error, system_error
from lagoa.cli.options import DEBUG, DebugOption, LakeOption, ProfileOption

_LAKE, _DATA, _LOOK = "A lake and its contracts", "Bringing data to main", "Looking at it"
_REFS, _STACK = "Branches and tags", "The stack"

COMMANDS = {
    "init": ("setup", _LAKE),
    "contract": ("contract", _LAKE),
    "test": ("model_tests", _LAKE),
    "ingest": ("load", _DATA),
    "transform": ("load", _DATA),
    "backfill": ("load", _DATA),
    "audit": ("check", _DATA),
    "publish": ("release", _DATA),
    "rollback": ("release", _DATA),
    "restore": ("restore", _DATA),
    "run": ("flow", _DATA),
    "status": ("status", _LOOK),
    "tables": ("tables", _LOOK),
    "show": ("tables", _LOOK),
    "sql": ("sql", _LOOK),
    "log": ("history", _LOOK),
    "diff": ("changes", _LOOK),
    "quarantine": ("quarantine", _LOOK),
    "doctor": ("doctor", _LAKE),
    "branch": ("refs", _REFS),
    "tag": ("refs", _REFS),
    "stack": ("stack", _STACK),
}
"""Every command: the module of `lagoa.cli` that holds it, and where it stands in the help."""


class _Commands(UserDict[str, Any]):
    """The commands by name, each imported when it is asked for, with the options that all of them take."""

    def __init__(self, shared: list[Any]) -> None:
        super().__init__(COMMANDS)
        self._shared = shared

    def __getitem__(self, name: str) -> Any:
        held = self.data[name]
        if isinstance(held, tuple):
            module, panel = held
            command: Any = typer.main.get_command(getattr(import_module(f"lagoa.cli.{module}"), name))
            command.name, command.rich_help_panel = name, panel
            held = self.data[name] = command
            self._share(held)
        return held

    def _share(self, command: Any) -> None:
        command.params.extend(self._shared)
        for inner in getattr(command, "commands", {}).values():
            self._share(inner)


class _Lagoa(TyperGroup):
    """The group of all commands; errors that a user can act on end here, without a traceback."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = _Commands([option for option in self.params if option.name in {"lake", "profile", "debug"}])

    def invoke(self, ctx: Any) -> Any:
        """Run the command; turn an error into a line on stderr and an exit code."""
        from lagoa.errors import LagoaError

        try:
            return super().invoke(ctx)
        except (LagoaError, OSError) as error:
            if ctx.meta.get(DEBUG) or isinstance(error, BrokenPipeError):
                raise
            if isinstance(error, LagoaError):
                show_error(describe(error), error.advice)
                raise typer.Exit(exit_code(error)) from error
            show_error(system_error(error))
            raise typer.Exit(EXIT_ERROR) from error


def _version(*, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        sys.stdout.write(f"lagoa {version('lagoa')}\n")
        raise typer.Exit


app = typer.Typer(
    cls=_Lagoa,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def lagoa(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version and stop.")
    ] = False,
    lake: LakeOption = None,
    profile: ProfileOption = None,
    debug: DebugOption = False,
) -> None:
    """A versioned lakehouse: load and check data on a branch; main moves only to the state that passed."""


def main() -> None:
    """Run the command line (the `lagoa` script)."""
    app()
