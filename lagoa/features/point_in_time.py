"""The join of rows of entities with what was known of them at a moment.

First the moment of the row that counts is found for each row of an entity, from the keys and moments alone; then the
features of just these rows are read. So a table with many features is read in its narrow columns only, but for what is
returned.
"""

# ruff: noqa: S608 - names are quoted; numbers and names of Lagoa's own are the rest

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lagoa.domain.sql_names import name_in_sql, table_in_sql
from lagoa.features.moments import AND_ONE, column_type, moments_in_sql, near_moment_in_sql

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lagoa.domain.features import FeatureView
    from lagoa.domain.tables import TableName

ROW, MOMENT = "_lagoa_row", "_lagoa_moment"
"""Columns of the rows of entities: their number, and their moment in microseconds."""

ENTITIES = "_lagoa_entities"
"""The table of the rows of entities in a session."""

_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Features of one view that are joined.

    Attributes:
        view: the view.
        table: its table.
        types: the Iceberg types of that table's columns.
        features: names of the features, each with its name in the result.
        keys: for each join key of the view, the column of the rows of entities that has it.
        unique: whether the table has one row an entity and moment for certain.
    """

    view: FeatureView
    table: TableName
    types: Mapping[str, str]
    features: Sequence[tuple[str, str]]
    keys: Mapping[str, str]
    unique: bool

    @property
    def moment(self) -> str:
        """SQL of the moment of the table's rows."""
        return moments_in_sql(self.types, self.view.table, self.view.timestamp, self.view.zone)

    @property
    def created(self) -> str:
        """SQL of the moment at which the table's rows were written."""
        return moments_in_sql(self.types, self.view.table, self.view.created, self.view.zone)

    def near(self, least: int | None, greatest: int | None) -> list[str]:
        """Return conditions by which files can be skipped."""
        kind = column_type(self.types, self.view.timestamp, self.view.table)
        return near_moment_in_sql(self.view.timestamp, kind, least, greatest)


@dataclass(frozen=True, slots=True)
class ViewJoin:
    """The join with one view, as statements that are run one after the other.

    Attributes:
        wanted: the features.
        number: of the join among those of one result.
        moments: the least and the greatest moment of the rows of entities; None if they have none.
        by_knowledge: whether a row of a table counts only from the moment at which it was written.
        few: whether the rows of entities are few beside those of the tables.
    """

    wanted: Wanted
    number: int
    moments: tuple[int, int] | None
    by_knowledge: bool
    few: bool

    @property
    def _ttl(self) -> int:
        return round(self.wanted.view.ttl_s * _MICROSECONDS)

    def _rows(self, least: int | None, greatest: int | None) -> str:
        """Return the rows of the table between two moments, as what follows a SELECT list; none without an end."""
        bounds = ["false"] if greatest is None else self.wanted.near(least, greatest)
        present = f"{name_in_sql(self.wanted.view.timestamp)} IS NOT NULL"
        return f"FROM {table_in_sql(self.wanted.table)} AS t WHERE {' AND '.join([*bounds, present])}"

    @property
    def _wanted_rows(self) -> str:
        """The rows that may count; of few entities only theirs, as sorting the others would be most of the work."""
        least, greatest = self.moments or (None, None)
        rows = self._rows(least - self._ttl if least is not None and self._ttl else None, greatest)
        if not self.few or not self.wanted.view.keys:
            return rows
        same = [
            f"e.{name_in_sql(self.wanted.keys[key])} = t.{name_in_sql(column)}" for key, column in self.wanted.view.keys
        ]
        return f"{rows} AND EXISTS (SELECT 1 FROM {ENTITIES} AS e WHERE {' AND '.join(same)})"

    def matched(self) -> str:
        """Return the statement of the table with the moment of the row that counts, for each row of an entity."""
        view = self.wanted.view
        keys = [f"{name_in_sql(column)} AS k{position}" for position, (_, column) in enumerate(view.keys)]
        on = [f"e.{name_in_sql(self.wanted.keys[key])} = f.k{position}" for position, (key, _) in enumerate(view.keys)]
        alive = f" WHERE f.moment >= e.{MOMENT} - {self._ttl}" if self._ttl else ""
        known, since = (self._known(keys), "known") if self.by_knowledge else (self._all(keys), "moment")
        return (
            f"CREATE TEMP TABLE _lagoa_matched_{self.number} AS SELECT e.{ROW} AS row, f.* "
            f"FROM {ENTITIES} AS e ASOF JOIN ({known}) AS f ON {' AND '.join([*on, f'e.{MOMENT} >= f.{since}'])}{alive}"
        )

    def limits(self) -> str:
        """Return the query of the least and the greatest moment of the rows that count; no others are read again."""
        return f"SELECT min(moment), max(moment) FROM _lagoa_matched_{self.number}"

    def _all(self, keys: Sequence[str]) -> str:
        """Return the rows, each known from its moment on."""
        return f"SELECT {', '.join([*keys, f'{self.wanted.moment} AS moment'])} {self._wanted_rows}"

    def _known(self, keys: Sequence[str]) -> str:
        """Return the rows with the moment at which each became the newest of its entity that is known.

        A row is known from its own moment and from when it was written, whichever is later. One that a row known
        before goes before, by its moment and then by when it was written, never counts.
        """
        names = [f"k{position}" for position in range(len(keys))]
        by = f"PARTITION BY {', '.join(names)} " if names else ""
        moment, written = self.wanted.moment, self.wanted.created
        rows = [*keys, f"{moment} AS moment", f"{written} AS written", f"greatest({moment}, {written}) AS known"]
        is_written = f"{name_in_sql(self.wanted.view.created)} IS NOT NULL"
        each = ", ".join([*names, "known"])
        return (
            f"SELECT * FROM (SELECT {', '.join(rows)} {self._wanted_rows} AND {is_written}) "
            f"QUALIFY row(moment, written) >= max(row(moment, written)) OVER ({by}ORDER BY known) "
            f"AND row_number() OVER (PARTITION BY {each} ORDER BY moment DESC, written DESC) = 1"
        )

    def read(self, least: int | None, greatest: int | None) -> str:
        """Return the query of the features of the rows that count, given the `limits` of these.

        Its first column is the number of the row of an entity; those of which nothing is known are left out.
        """
        wanted, view = self.wanted, self.wanted.view
        columns = {each.name: each.column for each in view.features}
        features = [f"f.{name_in_sql(columns[name])} AS {name_in_sql(given)}" for name, given in wanted.features]
        rows, on = [f"{wanted.moment} AS _lagoa_moment"], ["f._lagoa_moment = m.moment"]
        on += [f"f.{name_in_sql(column)} = m.k{position}" for position, (_, column) in enumerate(view.keys)]
        if self.by_knowledge:
            rows.append(f"{wanted.created} AS _lagoa_written")
            on.append("f._lagoa_written = m.written")
        order = f" ORDER BY f.{name_in_sql(view.created)} DESC NULLS LAST{AND_ONE}" if view.created else ""
        once = "" if wanted.unique else f" QUALIFY row_number() OVER (PARTITION BY m.row{order}) = 1"
        return (
            f"SELECT {', '.join(['m.row', *features])} "
            f"FROM _lagoa_matched_{self.number} AS m "
            f"JOIN (SELECT *, {', '.join(rows)} {self._rows(least, greatest)}) AS f ON {' AND '.join(on)}{once}"
        )
