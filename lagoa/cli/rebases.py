"""What a rebase does, as text and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lagoa.cli.console import emit_table, say, short
from lagoa.domain.lists import counted

if TYPE_CHECKING:
    from lagoa.publish.rebase import RebaseResult
    from lagoa.publish.rebase_plan import TableRebase


def tell_rebase(result: RebaseResult) -> dict[str, Any]:
    """Return a rebase as JSON."""
    return {
        "branch": result.branch,
        "onto": result.onto,
        "commit": result.commit,
        "tables": {
            str(each.table): {"how": each.how, "writes": each.writes, "dropped": list(each.dropped)}
            for each in result.tables
        },
    }


def say_rebase(result: RebaseResult) -> None:
    """Print what becomes of each table, and where the branch is."""
    if result.tables:
        emit_table(("table", "becomes"), ((str(each.table), _told(each)) for each in result.tables))
    if result.commit is not None:
        say(f"{result.branch} is at {short(result.commit)}, on main at {short(result.onto)}.")


def _told(table: TableRebase) -> str:
    done = {
        "kept": "as it is on the branch: main did not change it",
        "replayed": f"{counted(table.writes, 'write')} done again on main's state",
        "built": "its model runs again",
        "ours": "as it is on the branch",
        "theirs": "as it is on main",
    }[table.how]
    left_out = f"; left out, as main has it: {', '.join(table.dropped)}" if table.dropped else ""
    return f"{done}{left_out}"
