"""What `lagoa maintain` prints of an expiry, a collection and the trash."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lagoa.cli.console import emit_json, emit_table, hint, moment, number, say, size
from lagoa.cli.progress import working
from lagoa.domain.lists import counted

if TYPE_CHECKING:
    from lagoa.lake import Lake
    from lagoa.maintain.collection import Collection
    from lagoa.maintain.retention import Expiry

_SHOWN = 5


def clean(lake: Lake, *, expire: bool, collect: bool, clock_is_right: bool, dry_run: bool, as_json: bool) -> None:
    """Expire and collect, in this order, and print what was done or would be."""
    told: dict[str, Any] = {}
    if expire:
        with working("looking for what has expired"):
            expiry = lake.expire(dry_run=dry_run, clock_is_right=clock_is_right)
        told["expiry"] = asdict(expiry)
        if not as_json:
            _say_expiry(expiry)
    if collect:
        with working("looking for files that nothing needs"):
            collection = lake.collect(dry_run=dry_run)
        told["collection"] = asdict(collection)
        if not as_json:
            _say_collection(collection)
    if as_json:
        emit_json(told)
    elif dry_run:
        hint("Nothing was done. Give --yes to do it.")


def say_trash(lake: Lake, *, as_json: bool) -> None:
    """Print what is in the trash."""
    with working("reading the trash"):
        found = lake.trash()
    if as_json:
        emit_json([asdict(each) for each in found])
        return
    if not found:
        say("The trash is empty.")
        return
    emit_table(
        ("collection", "moved", "files", "size"),
        ((each.name, moment(each.moved_at), number(each.files), size(each.size)) for each in found),
        right=("files", "size"),
    )


def restore(lake: Lake, name: str) -> None:
    """Bring back what a collection moved into the trash."""
    with working("bringing files back"):
        count = lake.restore_trash(name)
    say(f"Brought back: {counted(count, 'file')}.")


def _say_expiry(done: Expiry) -> None:
    for name in done.refs:
        say(f"{name} {'would be' if done.dry_run else 'is'} deleted: its time is over.")
    kept = counted(done.kept, "commit")
    say(f"The rows of {kept} are kept; of {counted(done.expired, 'earlier state')} of main they are not.")
    for layer, states in done.layers.items():
        say(f"Of {counted(states, 'more state')} of main the tables of {layer} are not.")


def _say_collection(done: Collection) -> None:
    for each in done.deleted:
        say(f"Deleted {counted(each.files, 'file')} ({size(each.size)}) of {each.name}, which were in the trash.")
    say(f"The lake's tables have {counted(done.listed, 'file')}.")
    if done.waiting:
        say(f"Nothing needs {done.waiting:,} of them now; a collection after the grace period moves them.")
    if not done.garbage:
        return
    for place in done.sample[: min(_SHOWN, done.garbage)]:
        say(f"  {place}")
    if done.garbage > _SHOWN:
        say(f"  … and {done.garbage - _SHOWN:,} more")
    found = f"{counted(done.garbage, 'file')} ({size(done.garbage_bytes)})"
    say(f"To be moved: {found}." if done.dry_run else f"Moved into the trash, as {done.trash}: {found}.")
