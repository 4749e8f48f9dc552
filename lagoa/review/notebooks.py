"""What a notebook shows of a lake and of a branch: their tables, as HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.domain.lists import counted
from lagoa.domain.notebooks import html_table, moment
from lagoa.domain.refs import CANDIDATE_PREFIX, MAIN
from lagoa.review.overview import branch_state, state_at, table_states

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lagoa.context import LakeContext
    from lagoa.review.overview import TableState

_COLUMNS = ("table", "rows", "columns", "written")


def lake_html(context: LakeContext) -> str:
    """Return the tables of `main` as HTML, and how many branches there are."""
    settings = context.settings
    refs = [ref for ref in context.catalog.refs() if not ref.name.startswith(CANDIDATE_PREFIX)]
    head = next(ref.commit for ref in refs if ref.name == MAIN)
    branches = counted(sum(ref.kind == "branch" for ref in refs) - 1, "branch", "branches")
    note = f"Lake {settings.name!r} in {settings.root}: main at {head[:12]}, {branches} beside it"
    return html_table(_COLUMNS, _rows(table_states(context, MAIN)), note)


def branch_html(context: LakeContext, name: str) -> str:
    """Return the tables that a branch changed as HTML, and how far it is from `main`."""
    catalog = context.catalog
    state = branch_state(context, name)
    changed = catalog.diff(catalog.merge_base(state.commit, catalog.ref(MAIN).commit), state.commit)
    pointers = catalog.tables(state.commit)
    tables = [state_at(context, table, pointers[table]) for table in sorted(changed) if table in pointers]
    note = f"Branch {name!r} at {state.commit[:12]}: {state.distance}; {counted(len(changed), 'table')} changed"
    return html_table(_COLUMNS, _rows(tables), note)


def _rows(tables: Iterable[TableState]) -> Iterable[tuple[object, ...]]:
    for table in tables:
        rows = "unknown" if table.rows is None else f"{table.rows:,}"
        yield table.table, rows, len(table.columns), moment(table.updated_at)
