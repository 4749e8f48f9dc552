"""`lagoa maintain`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from lagoa.cli.cold import say_cooled, say_thawed, tell_cooled, tell_moved
from lagoa.cli.collected import clean, restore, say_trash
from lagoa.cli.completion import complete_table
from lagoa.cli.console import emit_json, emit_table, hint, number, say, size
from lagoa.cli.options import DryRunOption, JsonOption, open_here
from lagoa.cli.progress import working
from lagoa.cli.publications import follow_features, say_published, tell_publication
from lagoa.domain.roles import MAINTAINER

if TYPE_CHECKING:
    from lagoa.lake import Lake
    from lagoa.maintain.compaction import Compaction, TableCompaction


def maintain(  # noqa: PLR0913 - options of the command
    ctx: typer.Context,
    tables: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TABLE]...", help="The tables; all by default.", autocompletion=complete_table),
    ] = None,
    *,
    cold: Annotated[
        bool, typer.Option("--cold", help="Instead, move files that no query asked for to cold storage, by [cold].")
    ] = False,
    thaw: Annotated[
        str | None,
        typer.Option(
            "--thaw", metavar="TABLE", help="Instead, bring its files back from there.", autocompletion=complete_table
        ),
    ] = None,
    expire: Annotated[
        bool, typer.Option("--expire", help="Let states and branches expire by [retention] instead.")
    ] = False,
    collect: Annotated[
        bool, typer.Option("--collect", help="Move files that nothing needs into the trash instead.")
    ] = False,
    trash: Annotated[bool, typer.Option("--trash", help="Show what is in the trash.")] = False,
    restore_trash: Annotated[
        str | None, typer.Option("--restore", metavar="NAME", help="Bring back what a collection moved.")
    ] = None,
    clock_is_right: Annotated[
        bool,
        typer.Option(
            "--clock-is-right", help="With --expire: the clock was ahead, and what is of a time to come is not."
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do what --expire and --collect would do.")] = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Rewrite small files of tables into few large ones with the same rows; or move and delete files."""
    if clock_is_right and not expire:
        raise typer.BadParameter("--clock-is-right goes with --expire.")
    if trash or restore_trash or expire or collect:
        if tables or cold or thaw:
            raise typer.BadParameter("--expire, --collect, --trash and --restore take no tables, --cold and --thaw.")
        with open_here(ctx, MAINTAINER) as lake:
            if restore_trash:
                restore(lake, restore_trash)
            elif trash:
                say_trash(lake, as_json=as_json)
            else:
                clean(
                    lake,
                    expire=expire,
                    collect=collect,
                    clock_is_right=clock_is_right,
                    dry_run=dry_run or not yes,
                    as_json=as_json,
                )
        return
    if (cold or thaw) and (tables or (cold and thaw) or (thaw and dry_run)):
        raise typer.BadParameter("--cold takes no tables, and --thaw one table and neither others nor --dry-run.")
    if thaw:
        with open_here(ctx, MAINTAINER) as lake, working(f"bringing back the files of {thaw}"):
            back = lake.thaw(thaw)
        emit_json(tell_moved(back)) if as_json else say_thawed(back)
        return
    if cold:
        with open_here(ctx, MAINTAINER) as lake, working("moving files to cold storage"):
            cooled = lake.move_cold(dry_run=dry_run)
        emit_json(tell_cooled(cooled)) if as_json else say_cooled(cooled, dry_run=dry_run)
        return
    with open_here(ctx) as lake:
        _compact(lake, tables, dry_run=dry_run, as_json=as_json)


def _compact(lake: Lake, tables: list[str] | None, *, dry_run: bool, as_json: bool) -> None:
    with working("looking at files" if dry_run else "rewriting files"):
        done = lake.compact(tables or None, dry_run=dry_run)
    if done.publication is not None:
        follow_features(lake)
    if as_json:
        emit_json(_tell(done))
        return
    _say(done)
    if dry_run and any(each.state == "due" for each in done.tables):
        hint("Nothing was done. Next: `lagoa maintain`.")


def _tell(done: Compaction) -> dict[str, object]:
    return {
        "tables": [{**asdict(each), "table": str(each.table)} for each in done.tables],
        "publication": None if done.publication is None else tell_publication(done.publication),
    }


def _say(done: Compaction) -> None:
    if not done.tables:
        say("No table has files to rewrite.")
        return
    emit_table(
        ("table", "files", "to rewrite", "size", "manifests", "done"),
        (
            (
                str(each.table),
                number(each.files),
                number(each.rewritten),
                size(each.bytes),
                number(each.manifests),
                _told(each),
            )
            for each in done.tables
        ),
        right=("files", "to rewrite", "size", "manifests"),
    )
    if done.publication is not None:
        say_published(done.publication)


def _told(table: TableCompaction) -> str:
    return {
        "due": "not yet",
        "compacted": f"now {number(table.written or 0)}, with the same rows",
        "overtaken": "no: main has changed these files meanwhile",
        "refused": f"no: {table.reason}",
    }[table.state]
