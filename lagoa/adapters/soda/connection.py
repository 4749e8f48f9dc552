"""DuckDB's connection as Soda uses it, whose queries another engine answers where it gives the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lagoa.domain.ports.checks import Rows


class SharedConnection:
    """A connection and cursor in one, as DuckDB's are.

    Args:
        connection: DuckDB's.
        elsewhere: returns the rows of a query in DuckDB's SQL from another engine; None if DuckDB is to answer it.
    """

    def __init__(self, connection: Any, elsewhere: Callable[[str], Rows | None]) -> None:
        self._connection = connection
        self._elsewhere = elsewhere
        self._rows: Rows | None = None

    def execute(self, sql: str, *parameters: Any) -> SharedConnection:
        """Run a query on the engine that answers it."""
        self._rows = None if parameters else self._elsewhere(sql)
        if self._rows is None:
            self._connection.execute(sql, *parameters)
        return self

    def fetchall(self) -> Sequence[tuple[Any, ...]]:
        """Return the rows of the last query."""
        found: Sequence[tuple[Any, ...]] = self._connection.fetchall() if self._rows is None else self._rows
        return found

    def fetchone(self) -> tuple[Any, ...] | None:
        """Return the next row of the last query."""
        if self._rows is None:
            row: tuple[Any, ...] | None = self._connection.fetchone()
            return row
        row, self._rows = (self._rows[0], self._rows[1:]) if self._rows else (None, ())
        return row

    @property
    def description(self) -> list[tuple[Any, ...]]:
        """The columns of the last query, as DB-API has them; those of another engine have no names."""
        if self._rows is None:
            columns: list[tuple[Any, ...]] = self._connection.description
            return columns
        return [("", *(None,) * 6) for _ in self._rows[0]] if self._rows else []

    def __getattr__(self, name: str) -> Any:
        """Return what Soda asks of the connection beside queries."""
        return getattr(self._connection, name)
