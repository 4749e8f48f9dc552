"""`lagoa`, the command. Each command's module is imported when it is called, so that every one starts quickly."""

from __future__ import annotations

import sys
from collections import UserDict
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from lagoa.cli.errors import EXIT_ERROR, describe, exit_code, show_error, show_stopped, system_error
from lagoa.cli.examples import epilog
from lagoa.cli.old_names import COMMANDS as OLD_COMMANDS
from lagoa.cli.old_names import accept_old_options, renamed
from lagoa.cli.options import DEBUG, HELP_NAMES, DebugOption, LakeOption, ProfileOption, hide_types_of_flags
from lagoa.cli.registry import COMMANDS, PACKAGE


class _Commands(UserDict[str, Any]):
    """The commands by name, each imported when it is wanted, with the options that all of them take."""

    def __init__(self, shared: list[Any]) -> None:
        super().__init__({**COMMANDS, **{old: new for old, new in OLD_COMMANDS.items() if " " not in old}})
        self._shared = shared

    def __getitem__(self, name: str) -> Any:
        held = self.data[name]
        if isinstance(held, tuple):  # not imported yet
            held = self.data[name] = self._load(name, *held)
        elif isinstance(held, str):  # a former name
            held = self.data[name] = renamed(self._find(held), name, held)
        return held

    def _load(self, name: str, module: str, group: str) -> Any:
        command = _command(name, module)
        command.name, command.rich_help_panel = name, group
        self._equip(command, name)
        for old, new in OLD_COMMANDS.items():
            parent, _, verb = old.rpartition(" ")
            if parent == name:
                command.commands[verb] = renamed(self._find(new), old, new)
        return command

    def _equip(self, command: Any, path: str) -> None:
        command.params.extend(self._shared)
        command.help = _reflowed(command.help or "")
        hide_types_of_flags(command)
        command.epilog = epilog(path)
        accept_old_options(command, path)
        for verb, inner in getattr(command, "commands", {}).items():
            self._equip(inner, f"{path} {verb}")

    def _find(self, path: str) -> Any:
        name, _, verb = path.partition(" ")
        return self[name].commands[verb] if verb else self[name]


def _reflowed(text: str) -> str:
    """Return a help text with a line for each paragraph: those of a docstring are not those of a terminal."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


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

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        hide_types_of_flags(self)
        super().format_help(ctx, formatter)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; turn an error into a line on stderr and an exit code."""
        from lagoa.errors import LagoaError

        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            show_stopped(error)
            raise
        except RuntimeError as error:
            if str(error) == "Query interrupted":  # what DuckDB makes of Ctrl-C
                show_stopped(error)
                raise KeyboardInterrupt from error
            raise
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
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": HELP_NAMES},
)


@app.callback()
def lagoa(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    lake: LakeOption = None,
    profile: ProfileOption = None,
    debug: DebugOption = False,
) -> None:
    """A versioned lakehouse: load and check data on a branch; main moves only to the state that passed."""


def main() -> None:
    """Run the command line (the `lagoa` script)."""
    app()
