"""`lagoa backup`."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Annotated

import typer

from lagoa.cli.console import emit_json, emit_table, hint, moment, number, say, size
from lagoa.cli.errors import EXIT_ERROR
from lagoa.cli.followed import follow_lake
from lagoa.cli.options import JsonOption, lake_settings
from lagoa.cli.progress import working
from lagoa.domain.lists import counted
from lagoa.domain.roles import PUBLISHER

backup = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Backups of the lake: create, verify, restore, prune."
)

_LISTED = 20
_PLACE = "A folder, or s3://BUCKET/PREFIX; by default the setting backup.to."


@backup.command("create")
def backup_create(  # noqa: PLR0913 - options of the command
    ctx: typer.Context,
    to: Annotated[str | None, typer.Argument(metavar="TO", help=_PLACE)] = None,
    *,
    full: Annotated[
        bool, typer.Option("--full", help="Copy every file, also those that earlier backups have.")
    ] = False,
    since: Annotated[
        str, typer.Option("--since", metavar="BACKUP", help="Build on this backup; by default the newest one.")
    ] = "",
    following: Annotated[
        bool, typer.Option("--follow", help="Go on until it is ended: a backup whenever something was written.")
    ] = False,
    every: Annotated[
        int, typer.Option("--every", metavar="SECONDS", min=1, help="With --follow, seconds between two looks.")
    ] = 60,
    as_json: JsonOption = False,
) -> None:
    """Save refs, commits, journal, receipts, records of models and the files they need; writers may go on meanwhile.

    Files that an earlier backup there has are not copied again.
    """
    from lagoa.backup.create import create_backup
    from lagoa.backup.places import place_named

    if full and since:
        raise typer.BadParameter("--full builds on no backup: leave --since out.")
    if following and (full or since):
        raise typer.BadParameter("--follow builds on the newest backup: leave --full and --since out.")
    settings = lake_settings(ctx)
    place = place_named(settings, to)
    if following:
        follow_lake(settings, place, every, as_json=as_json)
        return
    with working("reading the catalog") as tell:
        made = create_backup(settings, place, full=full, since=since, tell=tell)
    if as_json:
        emit_json(asdict(replace(made, items={}, lists=(), state={})))
    else:
        say(
            f"Backup {made.id} in {place}: {counted(made.refs, 'ref')}, {counted(made.commits, 'commit')}, "
            f"{counted(made.files, 'file')} ({size(made.bytes)})."
        )
        say(f"{counted(made.copied, 'file')} copied ({size(made.copied_bytes)}) in {made.seconds:.1f} s.")
        for name in made.missing[:_LISTED]:
            say(f"missing: {name}")
        if made.missing:
            hint(
                f"{counted(len(made.missing), 'file')} of the lake cannot be found: `lagoa doctor` names their tables."
            )
    if made.missing:
        raise typer.Exit(EXIT_ERROR)


@backup.command("verify")
def backup_verify(
    ctx: typer.Context,
    source: Annotated[str | None, typer.Argument(metavar="FROM", help=_PLACE)] = None,
    as_json: JsonOption = False,
) -> None:
    """Read every file of every backup there, and name those that are missing or were changed."""
    from lagoa.backup.places import place_named
    from lagoa.backup.verify import verify_backups

    settings = lake_settings(ctx)
    place = place_named(settings, source)
    with working("reading the backups") as tell:
        found = verify_backups(settings, place, tell)
    if as_json:
        emit_json(asdict(found))
    else:
        for fault in found.faults:
            say(f"{fault.name} {fault.reason}; needed by {', '.join(fault.backups)}.")
        read = f"{counted(len(found.backups), 'backup')}, {counted(found.files, 'file')} ({size(found.bytes)})"
        if found.faults:
            hint(f"{counted(len(found.faults), 'fault')} in {read}. `lagoa backup create --full` copies all again.")
        else:
            say(f"All is as it was saved: {read}.")
    if found.faults:
        raise typer.Exit(EXIT_ERROR)


@backup.command("restore")
def backup_restore(
    ctx: typer.Context,
    source: Annotated[str | None, typer.Argument(metavar="FROM", help=_PLACE)] = None,
    *,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="Restore the state of this time (ISO 8601, else UTC).")
    ] = None,
    which: Annotated[
        str, typer.Option("--backup", metavar="BACKUP", help="Restore this backup; by default the newest one.")
    ] = "",
    missing: Annotated[
        bool, typer.Option("--missing", help="Keep the lake's commits, and put back lost files and records.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Restore a backup, or the state of a time, to an empty lake; nothing else may use it meanwhile."""
    from lagoa.backup.places import place_named
    from lagoa.backup.restore import restore_backup
    from lagoa.backup.roles import restore_as_roles

    if at and missing:
        raise typer.BadParameter("--missing changes no commits, so it has no --at.")
    settings = lake_settings(ctx)
    place = place_named(settings, source)
    with working("reading the backup") as tell:
        if missing or settings.role == PUBLISHER:  # who says to be the publisher has the files restored by others
            done = restore_backup(settings, place, at=_time(at), id_=which, missing=missing, tell=tell)
        else:
            done = restore_as_roles(settings, place, at=_time(at), id_=which, tell=tell)
    if as_json:
        told = asdict(replace(done, backup=replace(done.backup, items={}, lists=(), state={}), ids={}))
        del told["ids"]
        emit_json(told)
        return
    what = "Lost files and records of" if not done.refs else f"{counted(done.refs, 'ref')} of"
    say(f"{what} backup {done.backup.id} are back, as of {moment(done.at)}.")
    say(f"{counted(done.files, 'file')} copied, {number(done.there)} there already.")
    if done.new_ids:
        say(f"{counted(done.new_ids, 'commit')} have new ids here; the property lagoa.was of each has the former one.")
    if done.left_out:
        hint(f"{counted(done.left_out, 'record')} left out: another login wrote them, or there are others of their id.")
    hint("`lagoa doctor` checks the lake.")


@backup.command("prune")
def backup_prune(
    ctx: typer.Context,
    source: Annotated[str | None, typer.Argument(metavar="FROM", help=_PLACE)] = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Remove them; by default it is only shown.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove the backups that the setting backup.keep does not keep, and the files that no other one needs.

    The newest backup stays, and the newest one that is whole. Backups may be made meanwhile.
    """
    from lagoa.backup.places import place_named
    from lagoa.backup.prune import prune_backups

    settings = lake_settings(ctx)
    place = place_named(settings, source)
    with working("reading the backups") as tell:
        done = prune_backups(settings, place, dry_run=not yes, tell=tell)
    if as_json:
        emit_json(asdict(done))
        return
    gone = "would be removed" if done.dry_run else "removed"
    emit_table(
        ("backup", "made", "kept as"),
        ((point.id, moment(point.at), ", ".join(point.kept) or gone) for point in done.points),
    )
    removed = sum(not point.kept for point in done.points)
    say(f"{counted(removed, 'backup')} {gone}, with {counted(done.files, 'file')} ({size(done.bytes)}).")
    if done.unfinished:
        hint(f"{counted(done.unfinished, 'file')} of a backup that is not complete stay: it may be being made.")
    if done.dry_run and done.files:
        hint("Nothing was done. Give --yes to do it.")


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no time: give one such as 2026-11-20T18:00:00Z.") from error
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
