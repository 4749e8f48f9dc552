"""`lagoa lake`."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lagoa.cli.console import emit_json, hint, number, say, short
from lagoa.cli.options import JsonOption, lake_folder, lake_settings
from lagoa.cli.progress import working
from lagoa.domain.lists import counted

if TYPE_CHECKING:
    from lagoa.backup.clone import Cloned
    from lagoa.settings import Settings

lake = typer.Typer(add_completion=False, no_args_is_help=True, help="The lake as a whole: clone, migrate.")

ThroughOption = Annotated[
    str,
    typer.Option(
        "--through",
        metavar="FOLDER",
        help="A folder for what lies between, which stays as a backup; by default one that is removed at the end.",
    ),
]
IdsOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write the former and the new id of each commit here (CSV)."),
]


@lake.command("clone")
def lake_clone(
    ctx: typer.Context,
    to: Annotated[Path, typer.Argument(metavar="TO", help="The folder of the new lake.")],
    *,
    to_profile: Annotated[
        str, typer.Option("--to-profile", metavar="NAME", help="Its profile, such as that of the stack.")
    ] = "",
    through: ThroughOption = "",
    output: IdsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Copy the lake with its whole history to another folder, or to the servers of its profile; writers may go on.

    A new folder gets the settings, contracts, models, checks and flows, too. Killed, it goes on when called again.
    """
    from lagoa.backup.clone import copy_declarations
    from lagoa.settings import load_settings

    source = lake_settings(ctx)
    copied = copy_declarations(lake_folder(ctx), to)
    if copied and not as_json:
        say(f"Copied {', '.join(copied)} to {to}.")
    target = load_settings(to, to_profile)  # LAGOA_PROFILE is that of the lake that is copied
    _clone(source, target, through, output, as_json=as_json)
    if target.backup.to and not as_json:
        hint(f"Its backups go to {target.backup.to}: give it another place in its lagoa.toml.")


@lake.command("migrate")
def lake_migrate(
    ctx: typer.Context,
    to_profile: Annotated[
        str, typer.Argument(metavar="[PROFILE]", help="By default the settings outside of all profiles.")
    ] = "",
    *,
    through: ThroughOption = "",
    output: IdsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Move the lake with its whole history to another of its profiles: from files to the stack, and back.

    What is there stays as it is. Nothing may be published meanwhile. Killed, it goes on when it is called again.
    """
    from lagoa.settings import load_settings

    source = lake_settings(ctx)
    if source.profile == to_profile:
        raise typer.BadParameter(f"The lake is at {to_profile or 'no profile'} already: name another profile.")
    _clone(source, load_settings(lake_folder(ctx), to_profile), through, output, as_json=as_json)
    if not as_json:
        how = f"export LAGOA_PROFILE={to_profile}" if to_profile else "unset LAGOA_PROFILE"
        hint(f"From now on use the lake there: `{how}`. What is here is not written to any more.")


def _clone(source: Settings, target: Settings, through: str, output: Path | None, *, as_json: bool) -> None:
    from lagoa.backup.clone import clone_lake

    with working("copying the lake") as tell:
        done = clone_lake(source, target, through=through, tell=tell)
    if output is not None:
        with output.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("former", "new"), *done.ids.items()])
    emit_json(_tell(done)) if as_json else _say(done, target, output)


def _tell(done: Cloned) -> dict[str, object]:
    return {
        "at": done.backup.at,
        "main": done.backup.main,
        "refs": done.refs,
        "commits": done.backup.commits,
        "files": done.backup.files,
        "bytes": done.backup.bytes,
        "receipts": done.backup.receipts,
        "left_out": done.left_out,
        "new_ids": len(done.ids),
        "before": done.before,
    }


def _say(done: Cloned, target: Settings, output: Path | None) -> None:
    place = f"{target.root}, profile {target.profile}" if target.profile else str(target.root)
    what = (
        f"{counted(done.refs, 'ref')}, {counted(done.backup.commits, 'commit')}, {counted(done.backup.files, 'file')}"
    )
    if done.before:
        say(f"It was copied to {place} before: main at {short(done.backup.main)}.")
    else:
        say(f"Copied main at {short(done.backup.main)} to {place}: {what}.")
    if done.ids and output is None:
        say(
            f"{counted(len(done.ids), 'commit')} have new ids there; the property lagoa.was of each has the former one."
        )
    elif done.ids:
        say(f"{counted(len(done.ids), 'commit')} have new ids there: {output}.")
    if done.left_out:
        hint(f"{number(done.left_out)} records left out: another login wrote them.")
