"""A lake to be backed up, lost and restored, and what must be the same afterwards."""

from __future__ import annotations

import os
import signal
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest

from lagoa.domain import faults

if TYPE_CHECKING:
    from collections.abc import Callable

    from lagoa.lake import Lake

TABLES = ("bronze.people", "bronze.pets", "gold.counts")


def deliver(lake: Lake, small: Any, *ids: int, prefix: str = "load") -> Any:
    """Load a person and a pet for each id on a branch of the delivery's own, run the model, publish."""
    branch = lake.create_branch(f"{prefix}/{ids[0]}")
    branch.append("bronze.people", small.people(*ids), batch=f"people {ids[0]}")
    branch.append("bronze.pets", small.pets(*ids, owner=ids[0]), batch=f"pets {ids[0]}")
    branch.transform()
    return branch.publish(f"Load {ids[0]}")


def rows(lake: Lake, ref: str) -> dict[str, list[Any]]:
    """Return the rows of each table at a ref."""
    there = {str(table) for table in lake.tables(ref)}
    return {table: lake.sql(f"SELECT * FROM {table} ORDER BY 1", ref).fetchall() for table in TABLES if table in there}


def held(lake: Lake, *, ids: bool = True) -> dict[str, Any]:
    """Return what a lake has: rows of refs and of commits of main, history, receipts; with ids of commits or not."""
    catalog = lake.context.catalog
    commits = list(catalog.log(catalog.ref("main").commit))
    publications = [asdict(each) for each in lake.publications()]
    for each in publications if not ids else ():
        for name in ("commit", "previous"):
            del each[name]
        del each["report"]["commit"], each["report"]["base"]
    return {
        "refs": [(ref.name, ref.kind, ref.commit if ids else "") for ref in lake.refs()],
        "rows": {ref.name: rows(lake, ref.name) for ref in lake.refs()},
        "history": [
            (each.id if ids else "", each.message, each.author, each.committed_at, rows(lake, f"main@{each.id}"))
            for each in commits
        ],
        "moments": [moment for moment, _ in catalog.moves("main")],
        "publications": publications,
    }


def killed(step: str, work: Callable[[], object]) -> None:
    """Do something in a process that is killed when it comes to a fault point."""
    child = os.fork()
    if not child:
        faults.set_hook(lambda name: os.kill(os.getpid(), signal.SIGKILL) if name == step else None)
        try:
            work()
        finally:
            os._exit(1)  # it was to be killed before
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def rarely(*values: Any) -> list[Any]:
    """Return parameters of which all but the first run with the slow tests."""
    return [values[0], *(pytest.param(value, marks=pytest.mark.slow) for value in values[1:])]
