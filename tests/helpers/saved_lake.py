"""A lake to be backed up, lost and restored, and what must be the same afterwards."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
