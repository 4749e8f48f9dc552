"""What many commands take: the lake, a ref, a branch, JSON; and the lake opened from it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from lagoa.cli.completion import complete_branch, complete_model, complete_ref, complete_table
from lagoa.domain.engines import EngineChoice

if TYPE_CHECKING:
    from lagoa.domain.roles import Role
    from lagoa.lake import Lake
    from lagoa.settings import Settings

_T = TypeVar("_T")
_D = TypeVar("_D")

LAKE = "lagoa.lake"
PROFILE = "lagoa.profile"
DEBUG = "lagoa.debug"
ENGINE = "lagoa.engine"
HELP_NAMES = ["-h", "--help"]


def _keep_lake(ctx: typer.Context, value: Path | None) -> None:
    # One dictionary for a command and its group: `lagoa --lake x log` and `lagoa log --lake x` are the same.
    if value is not None:
        ctx.meta[LAKE] = value


def _keep_profile(ctx: typer.Context, value: str | None) -> None:
    if value is not None:
        ctx.meta[PROFILE] = value


def _keep_debug(ctx: typer.Context, value: bool) -> None:
    if value:
        ctx.meta[DEBUG] = True


def _keep_engine(ctx: typer.Context, value: str | None) -> None:
    if value is not None:
        ctx.meta[ENGINE] = value


LakeOption = Annotated[
    Path | None,
    typer.Option(
        "--lake",
        metavar="DIR",
        callback=_keep_lake,
        expose_value=False,
        help="The lake's folder; by default LAGOA_LAKE, else the lake that the current folder lies in.",
        rich_help_panel="Everywhere",
    ),
]
ProfileOption = Annotated[
    str | None,
    typer.Option(
        "--profile",
        metavar="NAME",
        callback=_keep_profile,
        expose_value=False,
        help="The profile of lagoa.toml whose settings take precedence; by default the value of LAGOA_PROFILE.",
        rich_help_panel="Everywhere",
    ),
]
DebugOption = Annotated[
    bool,
    typer.Option(
        "--debug",
        callback=_keep_debug,
        expose_value=False,
        help="Show where in the code an error came from.",
        rich_help_panel="Everywhere",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
FailedOption = Annotated[bool, typer.Option("--failed", help="List only the checks that did not pass.")]
EveryCheckOption = Annotated[bool, typer.Option("--all", help="List each check that passed, not one line a table.")]
PersonalOption = Annotated[
    bool, typer.Option("--personal", help="Show the values of columns that contracts classify as personal, too.")
]
CheckRowsOption = Annotated[bool, typer.Option("--rows", help="Show the rows that checks failed for.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do it without a question.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")]
RefOption = Annotated[
    str,
    typer.Option(
        "--ref",
        metavar="REF",
        help="The ref to read: a branch or tag, with @HASH, ~N or *TIME after it for an older state.",
        autocompletion=complete_ref,
    ),
]
RefArgument = Annotated[
    str | None,
    typer.Argument(metavar="REF", help="A branch, a tag or another ref; main by default.", autocompletion=complete_ref),
]
SameRefOption = Annotated[
    str | None, typer.Option("--ref", metavar="REF", help="The same as REF.", autocompletion=complete_ref)
]
BranchOption = Annotated[
    str | None,
    typer.Option(
        "--branch",
        metavar="BRANCH",
        help="Write to this branch, and publish nothing.",
        autocompletion=complete_branch,
    ),
]
IntoOption = Annotated[
    str | None, typer.Option(metavar="TABLE", help="The table that a file goes into.", autocompletion=complete_table)
]
IgnoreOption = Annotated[
    list[str] | None,
    typer.Option(metavar="PATTERN", help="Files that may be in the folder without a contract; repeatable."),
]
SelectOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TABLE",
        help="Only this model or layer and the models that it needs; may be repeated.",
        autocompletion=complete_model,
    ),
]
EngineOption = Annotated[
    EngineChoice | None,
    typer.Option(
        "--engine",
        callback=_keep_engine,
        expose_value=False,
        help="What runs the models; by default the setting `engine`.",
    ),
]
TableArgument = Annotated[
    str, typer.Argument(metavar="TABLE", help="The table: layer.table.", autocompletion=complete_table)
]
TablesArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="TABLE", help="Only these tables.", autocompletion=complete_table),
]


def either(argument: _T | None, option: _T | None, default: _D) -> _T | _D:
    """Return what an argument or the option that means the same gives, else the default; a usage error for both."""
    if argument is not None and option is not None:
        raise typer.BadParameter(f"It is given twice, as an argument ({argument}) and as an option ({option}).")
    given = option if argument is None else argument
    return default if given is None else given


def confirm(question: str, *, yes: bool) -> None:
    """Go on only if a person agrees, or `--yes` is given; a usage error where nobody can be asked."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter("Give --yes to do this without a question.")
    typer.confirm(question, abort=True, err=True)


def hide_types_of_flags(command: Any) -> None:
    """Let the help show no type behind flags; Typer writes `<bool>`."""
    help_option = command.get_help_option(typer.Context(command, help_option_names=HELP_NAMES))
    for option in (*command.params, help_option):
        if getattr(option, "is_flag", False):
            option.metavar = ""


def lake_folder(ctx: typer.Context) -> Path:
    """Return the folder of the lake that a command means; raises `LakeNotFound`."""
    from lagoa.settings import present_lake

    named = ctx.meta.get(LAKE)
    return Path(named) if named else present_lake()


def lake_settings(ctx: typer.Context) -> Settings:
    """Return the settings of the lake that a command means."""
    from lagoa.settings import load_settings

    return load_settings(lake_folder(ctx), ctx.meta.get(PROFILE))


def exported_settings(ctx: typer.Context) -> Settings:
    """Return the settings of the lake that a command means; libraries and processes that open it get its profile."""
    from lagoa.settings import PROFILE_VARIABLE

    settings = lake_settings(ctx)
    if settings.profile:
        os.environ[PROFILE_VARIABLE] = settings.profile
    return settings


def open_here(ctx: typer.Context, role: Role | None = None) -> Lake:
    """Open the lake that a command means, as the role of its settings or as another one."""
    from lagoa.bootstrap import open_lake

    settings = lake_settings(ctx)
    if role is not None:
        settings = settings.model_copy(update={"role": role})
    if ENGINE in ctx.meta:
        settings = settings.model_copy(update={"engine": ctx.meta[ENGINE]})
    return open_lake(settings)
