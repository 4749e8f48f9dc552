"""A user's SQL: one SELECT over the tables of one commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.domain.suggestions import near_name
from lagoa.errors import TableNotFound

if TYPE_CHECKING:
    from lagoa.context import LakeContext
    from lagoa.domain.ports.engine import QueryResult


def run_query(context: LakeContext, query: str, ref: str) -> QueryResult:
    """Run a SELECT at a ref. The whole query reads one commit, whatever happens to the ref meanwhile.

    Raises:
        QueryError: anything but one SELECT over tables of the ref, or a query that fails.
        RefNotFound: there is no such ref.
        TableNotFound: the query names a table that does not exist at the ref.
        NotAllowed: it names a table that the role may not read.
    """
    tables = context.engine.tables_read(query)
    commit = context.resolve(ref)  # also if no table is read: the ref must exist
    pointers = context.catalog.tables(commit.id) if tables else {}
    for table in sorted(tables):
        if table.is_quarantine:
            context.require_quarantine_access()
        if table not in pointers:
            raise TableNotFound(table, ref, near_name(table, pointers))
    return context.engine.session({table: pointers[table] for table in tables}, confined=True).query(query)
