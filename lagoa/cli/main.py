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
from lagoa.cli.registry import COMMANDS, PACKAGE


class _Commands(UserDict[str, Any]):
    """The commands by name, each imported when it is asked for, with the options that all of them take."""

    def __init__(self, shared: list[Any]) -> None:
        super().__init__(COMMANDS)
        self._shared = shared

    def __getitem__(self, name: str) -> Any:
        held = self.data[name]
        if isinstance(held, tuple):
            module, group = held
            held = self.data[name] = _command(name, module)
            held.name, held.rich_help_panel = name, group
            self._share(held)
        return held

    def _share(self, command: Any) -> None:
        command.params.extend(self._shared)
        for inner in getattr(command, "commands", {}).values():
            self._share(inner)


def _command(name: str, module: str) -> Any:
    found = getattr(import_module(module, PACKAGE), name)
    if isinstance(found, typer.Typer):
        return typer.main.get_command(found)
    alone = typer.Typer(add_completion=False)
    alone.command(name)(found)
    return typer.main.get_command(alone)


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
