"""What `lagoa maintain --cold` and `--thaw` say."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lagoa.cli.console import emit_table, hint, number, say, size
from lagoa.domain.lists import counted

if TYPE_CHECKING:
    from lagoa.maintain.cold import Cooling, MovedFiles


def say_cooled(done: Cooling, *, dry_run: bool) -> None:
    """Say which files were moved to cold storage, or would be."""
    for layer, day in done.waiting.items():
        say(f"Files of {layer} may move from {day:%Y-%m-%d} on: the log of queries does not go back far enough yet.")
    if not done.tables:
        say("No files are there to move.")
        _say_kept(done)
        return
    emit_table(
        ("table", "files", "size"),
        ((str(each.table), number(each.files), size(each.bytes)) for each in done.tables),
        right=("files", "size"),
    )
    _say_kept(done)
    if dry_run:
        hint("Nothing was moved. Next: `lagoa maintain --cold`.")
    else:
        hint("They are read as before, slower. `lagoa maintain --thaw TABLE` brings those of a table back.")


def _say_kept(done: Cooling) -> None:
    for each in done.kept:
        say(
            f"{each.layer}: {size(each.bytes)} in {counted(each.files, 'file')}, of which {size(each.cold_bytes)} in "
            f"{counted(each.cold_files, 'file')} are cold."
        )


def say_thawed(done: MovedFiles) -> None:
    """Say which files came back."""
    if done.files:
        say(f"{done.table}: {counted(done.files, 'file')} came back ({size(done.bytes)}).")
    else:
        say(f"{done.table} has no cold files.")


def tell_cooled(done: Cooling) -> dict[str, Any]:
    """Return the same as JSON."""
    return {
        "tables": [tell_moved(each) for each in done.tables],
        "waiting": {layer: f"{day:%Y-%m-%d}" for layer, day in done.waiting.items()},
        "kept": [asdict(each) for each in done.kept],
    }


def tell_moved(done: MovedFiles) -> dict[str, Any]:
    """Return files that were moved as JSON."""
    return {"table": str(done.table), "files": done.files, "bytes": done.bytes}
