"""What a table's layout would have to be for the queries of the log to read less, measured on its files."""

# ruff: noqa: S608 - names are quoted

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, Literal

from lagoa.catalog.readable import table_at
from lagoa.domain.bloom import BLOOM_TYPES
from lagoa.domain.sql_names import name_in_sql, table_in_sql
from lagoa.domain.suggestions import did_you_mean_name
from lagoa.domain.tables import TableName
from lagoa.errors import TableNotFound
from lagoa.usage.columns import TableUse, table_use
from lagoa.usage.log import logged_queries
from lagoa.usage.row_groups import lookups, row_groups, share

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from pyiceberg.table import StaticTable

    from lagoa.context import LakeContext
    from lagoa.usage.columns import ColumnUse
    from lagoa.usage.row_groups import Lookups

_VALUES = 100
"""So many values of a column are looked for in the files."""

_ROW_GROUP = 122_880
"""Rows of a row group, as DuckDB writes them."""

_LEAST_GAIN = 0.5
"""An order is proposed if filters read at most this share of what they read now."""

_PARTITION_BYTES = 32 * 2**20
"""A partition has at least so many, else its files are small."""

_PARTS = (("year", "year"), ("month", "month"), ("day", "day"))


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change of the contract.

    Attributes:
        what: the property: `partition`, `sort` or `bloom`.
        value: what it would be set to.
        column: the column whose filters gain by it.
        queries: of the log that filter by that column.
        now: the share of the table's bytes that a filter by one of its values reads now.
        then: the share that is expected.
    """

    what: Literal["partition", "sort", "bloom"]
    value: tuple[str, ...]
    column: str
    queries: int
    now: float
    then: float


@dataclass(frozen=True, slots=True)
class Advice:
    """What the log says about a table.

    Attributes:
        table: the table.
        days: of the log that were looked at.
        size: bytes of its files.
        use: how queries used it.
        shares: of each column that is filtered by, the share of the bytes that a filter by one of its values reads.
        proposals: changes of its contract, the one that most queries gain by first.
    """

    table: TableName
    days: int
    size: int
    use: TableUse
    shares: Mapping[str, float]
    proposals: tuple[Proposal, ...]


def advise(context: LakeContext, table: str, ref: str, days: int) -> Advice:
    """Return what the queries of the last days would gain by another partition or order of a table, or bloom filters.

    Which files and row groups a filter reads is found by values of the table itself: a random choice of them is looked
    for in the bounds of each row group, and in the column as some of the files have it. They stay in this process.

    Raises:
        TableNotFound, RefNotFound: there is no such table at the ref, or no such ref.
    """
    name = TableName.parse(table)
    pointers = context.pointers(ref, {name.layer})
    if name not in pointers:
        raise TableNotFound(name, ref, did_you_mean_name(name, pointers))
    since = context.clock() - timedelta(days=days)
    use = table_use(logged_queries(context.settings, since), name, context.contracts)
    state = table_at(context.storage, pointers[name])
    groups, size = row_groups(state)
    filtered = {column: each for column, each in use.columns.items() if each.filtered}
    values = _values(context, name, pointers[name], list(filtered)) if groups else {}
    shares = {column: share(groups, column, found) for column, found in values.items()}
    expected = _Expected(context, name, pointers[name], size, state)
    looked = {
        column: lookups(state, groups, column, found)
        for column, found in values.items()
        if filtered[column].equal and expected.can_be_filtered(column)
    }
    shares |= {column: min(shares[column], found.now) for column, found in looked.items()}
    proposals = _proposals(expected, filtered, shares, looked)
    return Advice(name, days, size, use, shares, tuple(sorted(proposals, key=_gain)))


def _proposals(
    expected: _Expected, used: Mapping[str, ColumnUse], shares: Mapping[str, float], looked: Mapping[str, Lookups]
) -> list[Proposal]:
    """Return the best layout, and bloom filters of the columns that have no good of it."""
    blooms = [each for column, found in looked.items() if (each := expected.bloom(column, used[column], found))]
    can_have = {each.column for each in blooms}
    layouts = [each for column, now in shares.items() if (each := expected.best(column, used[column], now))]
    # An order that the table has for the sake of other columns stays.
    kept = [each for each in layouts if each.what != "sort" or each.column not in can_have or not expected.has_order]
    chosen = _one_each(sorted(kept, key=_gain))
    helped = {each.column for each in chosen}
    left = sorted((each for each in blooms if each.column not in helped), key=_gain)
    columns = (*expected.filtered, *(each.column for each in left))
    return [*chosen, *(replace(each, value=columns) for each in left)]


def _gain(proposal: Proposal) -> tuple[float, str]:
    return -proposal.queries * (proposal.now - proposal.then), proposal.column


def _one_each(proposals: Sequence[Proposal]) -> list[Proposal]:
    """Keep the first of each property: a table has one order and one partitioning."""
    kinds = {each.what: each for each in reversed(proposals)}
    return [each for each in proposals if kinds[each.what] is each]


def _values(context: LakeContext, table: TableName, pointer: str, columns: Sequence[str]) -> dict[str, pa.Array]:
    """Return a random choice of each column's values; none of a column that has no others than null."""
    found = {}
    with context.engine.session({table: pointer}) as session:
        for column in columns:
            name = name_in_sql(column)
            sql = (
                f"SELECT {name} FROM {table_in_sql(table)} WHERE {name} IS NOT NULL "
                f"USING SAMPLE reservoir({_VALUES} ROWS) REPEATABLE (1)"
            )
            values = session.query(sql).arrow().column(0).combine_chunks()
            if len(values):
                found[column] = values
    return found


class _Expected:
    """What filters would read under another layout.

    Attributes:
        filtered: the columns of which the contract asks for bloom filters.
    """

    def __init__(self, context: LakeContext, table: TableName, pointer: str, size: int, state: StaticTable) -> None:
        self._context, self._table, self._pointer, self._size = context, table, pointer, size
        self._types = {each.name.lower(): str(each.field_type) for each in state.schema().fields}
        contract = context.contracts.get(table)
        self._sort = contract.sort if contract is not None else ()
        self.filtered = contract.bloom if contract is not None else ()

    @property
    def has_order(self) -> bool:
        """Whether the contract sorts the table."""
        return bool(self._sort)

    def can_be_filtered(self, column: str) -> bool:
        """Return whether engines look for a column's values in bloom filters."""
        return self._types[column] in BLOOM_TYPES

    def bloom(self, column: str, use: ColumnUse, found: Lookups) -> Proposal | None:
        """Return that the files get bloom filters of a column; None if filters by its values would gain little."""
        if column in self.filtered or not found.pays or found.filtered > found.now * _LEAST_GAIN:
            return None
        return Proposal("bloom", (column,), column, use.equal, found.now, found.filtered)

    def best(self, column: str, use: ColumnUse, now: float) -> Proposal | None:
        """Return the layout by which filters of a column read least; None if none is much better than now."""
        name = name_in_sql(column)
        kind = self._types[column]
        parts = _PARTS if kind == "date" or kind.startswith("timestamp") else ()
        counts = ", ".join(f"count(DISTINCT date_trunc('{part}', {name}))" for _, part in parts)
        with self._context.engine.session({self._table: self._pointer}) as session:
            sql = f"SELECT count(*), approx_count_distinct({name}){', ' if parts else ''}{counts}"
            rows, distinct, *numbers = session.query(f"{sql} FROM {table_in_sql(self._table)}").fetchall()[0]
        # A value's rows lie together then, and in row groups that they share with their neighbours.
        sort = min(1.0, (rows / max(distinct, 1) + _ROW_GROUP) / max(rows, 1))
        order = (column, *(each for each in self._sort if each.split()[0].lower() != column))
        found = [Proposal("sort", order, column, use.filtered, now, sort)]
        for (transform, _), number in zip(parts, numbers, strict=True):
            if number > 1 and self._size / number >= _PARTITION_BYTES:
                found.append(Proposal("partition", (f"{transform}({column})",), column, use.filtered, now, 1 / number))
        least = min(found, key=attrgetter("then"))
        return least if least.then <= now * _LEAST_GAIN else None
