"""A user's SQL: one SELECT over the tables of one commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lagoa.domain.lists import counted
from lagoa.domain.notebooks import html_table
from lagoa.domain.suggestions import did_you_mean_name
from lagoa.errors import TableNotFound
from lagoa.usage.log import log_query

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd
    import pyarrow as pa

    from lagoa.context import LakeContext
    from lagoa.domain.ports.engine import QueryResult

_SHOWN = 20
"""Rows that a notebook shows."""


class Result:
    """The rows of one query over one commit. They can be read in any form, any number of times.

    `arrow`, `df` and `fetchall` keep what they read, so that they return the same rows again; another form runs the
    query again, on the same commit.
    """

    def __init__(self, run: Callable[[], QueryResult]) -> None:
        """Run the query; `run` does so each time that it is called."""
        self._run = run
        self._unread: QueryResult | None = run()
        self._stream: QueryResult | None = None
        self._kept: dict[str, Any] = {}
        self._columns = tuple(self._unread.columns)

    @property
    def columns(self) -> Sequence[str]:
        """Names of the columns."""
        return self._columns

    def arrow(self) -> pa.Table:
        """Return all rows as an Arrow table."""
        return self._whole("arrow")

    def df(self) -> pd.DataFrame:
        """Return all rows as a pandas DataFrame of its own: changes of it do not show in another one."""
        return self._whole("df").copy()

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return all rows as tuples."""
        return list(self._whole("fetchall"))

    def fetchmany(self, size: int) -> list[tuple[Any, ...]]:
        """Return the next `size` rows as tuples, fewer at the end. Nothing is kept: for results of any size."""
        if self._stream is None:
            self._stream = self._take()
        return self._stream.fetchmany(size)

    def reader(self, batch_size: int = 1_000_000) -> pa.RecordBatchReader:
        """Return all rows as a stream of Arrow batches. Nothing is kept: for results of any size."""
        return self._take().reader(batch_size)

    def __repr__(self) -> str:
        names = ", ".join(self._columns[:_SHOWN]) + (", …" if len(self._columns) > _SHOWN else "")
        return f"<Result: {counted(len(self._columns), 'column')}: {names}>"

    def _repr_html_(self) -> str:
        """Return the first rows as HTML, for a notebook."""
        if "shown" not in self._kept:
            self._kept["shown"] = self._run().fetchmany(_SHOWN + 1)
        rows = self._kept["shown"]
        more = f"The first {_SHOWN} rows; there are more." if len(rows) > _SHOWN else ""
        return html_table(self._columns, rows[:_SHOWN], more)

    def _whole(self, form: str) -> Any:
        if form not in self._kept:
            self._kept[form] = getattr(self._take(), form)()
        return self._kept[form]

    def _take(self) -> QueryResult:
        """Return a result that nobody has read from."""
        result, self._unread = self._unread or self._run(), None
        return result


def run_query(context: LakeContext, query: str, ref: str) -> Result:
    """Run a SELECT at a ref. The whole query reads one commit, whatever happens to the ref meanwhile.

    Raises:
        QueryError: anything but one SELECT over tables of the ref, or a query that fails.
        RefNotFound: there is no such ref.
        TableNotFound: the query names a table that does not exist at the ref.
        NotAllowed: it names a table that the role may not read.
    """
    tables = context.engine.tables_read(query)
    commit = context.resolve(ref, {table.layer for table in tables})  # also if no table is read: the ref must exist
    pointers = context.catalog.tables(commit.id) if tables else {}
    for table in sorted(tables):
        if table.is_quarantine:
            context.require_quarantine_access()
        if table not in pointers:
            raise TableNotFound(table, ref, did_you_mean_name(table, pointers))
    read = {table: pointers[table] for table in tables}
    result = Result(lambda: context.engine.session(read, confined=True).query(query))
    if tables:
        log_query(context, query, ref, read)
    return result
