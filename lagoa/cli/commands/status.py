"""`lagoa status`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import typer

from lagoa.cli.console import age, emit_json, emit_pairs, hint, moment, number, say, short, size
from lagoa.cli.options import JsonOption, open_here
from lagoa.cli.progress import working
from lagoa.cli.refs import show_branches
from lagoa.domain.lists import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lagoa.backup.due import BackupState
    from lagoa.domain.receipts import Publication
    from lagoa.lake import Lake
    from lagoa.review.overview import BranchState
    from lagoa.review.sizes import TableSize

_LISTED = 5


def status(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """Show the lake at a glance: main, its last publication, branches, models, quarantine."""
    from lagoa.backup.due import backup_state
    from lagoa.prefect.server import LakeServer

    with open_here(ctx) as lake, working("looking at the lake"):
        states, branches = lake.sizes(), lake.branches()
        published = lake.publications(1)
        models = _models(lake)
        waiting = _waiting(lake, states)
        server = LakeServer(lake.settings.state_folder).running()
        backups = backup_state(lake.settings, lake.context.catalog)
        lake_is = {"name": lake.settings.name, "folder": lake.settings.root}
    last = published[0] if published else None
    if as_json:
        flows = {"flow_server": server.url if server else None}
        backup = {"backup": asdict(backups) if backups else None}
        emit_json(_tell(lake_is, states, branches, last, models, waiting) | flows | backup)
        return
    emit_pairs(
        [
            ("lake", f"{lake_is['name']} ({lake_is['folder']})"),
            ("main", _head(branches[0])),
            ("published", _publication(last)),
            ("tables", _tables([state for state in states if not _is_quarantine(state)])),
            ("models", _in_words(models)),
            ("quarantine", _quarantine(waiting) if lake.settings.sees_quarantine else "not for the role reader"),
            *([("backup", _backup(backups))] if backups else []),
            *([("flow runs", f"{server.url} (`lagoa flow down` ends this server)")] if server else []),
        ]
    )
    others = [branch for branch in branches if branch.name != "main"]
    if others:
        say("")
        show_branches(others)
    if not states:
        hint("Next: `lagoa contract infer FILE --table LAYER.TABLE`, then `lagoa ingest FILE --into LAYER.TABLE`.")


def _models(lake: Lake) -> dict[str, Any]:
    """Return the models that are stale on main, or why they cannot be read: a status has to say so, not to fail."""
    from lagoa.errors import ContractError, ModelError

    try:
        stale, total = lake.stale_models()
    except (ContractError, ModelError) as error:
        return {"total": None, "stale": [], "error": str(error)}
    return {"total": total, "stale": [str(table) for table in stale], "error": None}


def _is_quarantine(state: TableSize) -> bool:
    return state.table.layer == "quarantine"


def _head(main: BranchState) -> str:
    return f"{short(main.commit)}  {main.message}, {age(main.committed_at)}"


def _publication(last: Publication | None) -> str:
    if last is None:
        return "never"
    return f"{moment(last.published_at)}, {counted(len(last.report.results), 'check')}"


def _tables(states: Sequence[TableSize]) -> str:
    rows, octets = sum(state.rows or 0 for state in states), sum(state.bytes or 0 for state in states)
    return f"{counted(len(states), 'table')}, {counted(rows, 'row')}, {size(octets)}" if states else "none"


def _in_words(models: Mapping[str, Any]) -> str:
    stale = models["stale"]
    if models["error"]:
        return str(models["error"])
    if not stale:
        return f"{number(models['total'])}, all up to date" if models["total"] else "none"
    listed = ", ".join(stale[:_LISTED]) + (f" and {number(len(stale) - _LISTED)} more" if len(stale) > _LISTED else "")
    return f"{number(models['total'])}, {number(len(stale))} stale: {listed}"


def _waiting(lake: Lake, states: Sequence[TableSize]) -> dict[str, int]:
    """Return how many records wait in each quarantine table; those of tables that hold none are not looked for."""
    counts = {str(state.table): 0 for state in states if _is_quarantine(state)}
    if any(_is_quarantine(state) and state.rows != 0 for state in states):
        for refused in lake.quarantine():
            counts[str(refused.table.quarantine)] += refused.records
    return counts


def _quarantine(waiting: Mapping[str, int]) -> str:
    listed = ", ".join(f"{table} {number(n)}" for table, n in waiting.items() if n)
    return f"{counted(sum(waiting.values()), 'record')} waiting: {listed}" if listed else "empty"


def _backup(state: BackupState) -> str:
    if state.error:
        return f"cannot be read: {state.error}"
    said = f"{moment(state.at)} ({age(state.at)})" if state.at else "never"
    if state.behind:
        oldest = datetime.now(UTC) - timedelta(seconds=state.lag_s)
        said += f", without {counted(state.behind, 'publication')} since, the first {age(oldest)}"
    elif state.followed_at:
        said += f", followed: has all of {age(state.followed_at)}"
    if state.overdue:
        said += ", overdue: `lagoa backup create`"
    if not state.sound:
        said += ", damaged: `lagoa backup verify`"
    return said


def _tell(
    lake: Mapping[str, Any],
    states: Sequence[TableSize],
    branches: Sequence[BranchState],
    last: Publication | None,
    models: Mapping[str, Any],
    waiting: Mapping[str, int],
) -> dict[str, Any]:
    return {
        **lake,
        "main": branches[0].commit,
        "published_at": last.published_at if last else None,
        "receipt": last.receipt if last else None,
        "tables": len(states),
        "rows": sum(state.rows or 0 for state in states),
        "bytes": sum(state.bytes or 0 for state in states),
        "quarantine": dict(waiting),
        "models": dict(models),
        "branches": [asdict(branch) for branch in branches],
    }
