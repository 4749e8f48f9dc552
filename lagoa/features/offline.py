"""Features as they were known, from the tables of one commit."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

from lagoa.domain.refs import Ref
from lagoa.domain.sql_names import name_in_sql
from lagoa.domain.suggestions import did_you_mean_name
from lagoa.domain.tables import TableName
from lagoa.errors import FeatureError, TableNotFound
from lagoa.features.point_in_time import ENTITIES, MOMENT, ROW, ViewJoin, Wanted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from lagoa.context import LakeContext
    from lagoa.domain.features import FeatureView
    from lagoa.domain.ports.catalog import Pointers
    from lagoa.features.entity_rows import EntityRows

COMMIT = "lagoa.commit"
"""In the metadata of a result: the commit that its features come from."""

_GIVEN = "_lagoa_given"
_FEW = 100_000


class TablesAt:
    """The tables of one commit that feature views read.

    Args:
        context: the lake's.
        ref: a ref; it is resolved once.

    Raises:
        RefNotFound, InvalidName: there is no such ref.
    """

    def __init__(self, context: LakeContext, ref: str) -> None:
        self._context = context
        self.ref = ref
        self._state = context.resolve(ref, ())
        self.commit = self._state.id
        self._pointers = context.catalog.tables(self.commit)

    def opened(self, context: LakeContext) -> TablesAt:
        """Return the same commit of a lake that was opened again."""
        again = copy(self)
        again._context = context
        return again

    @property
    def exact_ref(self) -> str:
        """A ref of the same commit that does not move."""
        return f"{Ref.parse(self.ref).name}@{self.commit}"

    def pointer(self, table: TableName) -> str:
        """Return where a table is; raises `TableNotFound`, `StateExpired`."""
        if table not in self._pointers:
            raise TableNotFound(table, self.ref, did_you_mean_name(table, self._pointers))
        self._context.refuse_expired(self.ref, self._state, {table.layer})
        return self._pointers[table]

    def types(self, table: TableName) -> dict[str, str]:
        """Return the Iceberg types of a table's columns; raises `TableNotFound`."""
        return dict(self._context.metadata.facts(self.pointer(table)).columns)

    def wanted(self, view: FeatureView, features: Sequence[tuple[str, str]], keys: Mapping[str, str]) -> Wanted:
        """Return features of a view, to be joined; see `Wanted`.

        Raises:
            TableNotFound: the commit has no table of the view.
            FeatureError: the table lacks a column of the view.
        """
        from lagoa.features.moments import column_type

        table = TableName.parse(view.table)
        types = self.types(table)
        for name, _ in features:
            feature = view.feature(name)
            if feature is None:
                raise FeatureError(
                    f"The feature view {view.name}", f"it has no feature {name!r}", "Look at its features."
                )
            column_type(types, feature.column, view.table)
        contract = self._context.contracts.get(table)
        identity = {column for _, column in view.keys} | {view.timestamp}
        unique = contract is not None and bool(contract.key) and set(contract.key) <= identity and not view.created
        return Wanted(view, table, types, features, keys, unique and types[view.timestamp] != "date")

    def session(self, tables: Sequence[TableName]) -> Any:
        """Open a session of the SQL engine with some tables."""
        read: Pointers = {table: self.pointer(table) for table in tables}
        return self._context.engine.session(read)


def features_at(
    tables: TablesAt, rows: EntityRows, wanted: Sequence[Wanted], *, by_knowledge: bool = False
) -> pa.Table:
    """Return the rows of entities with features as they were known at the moment of each row.

    Args:
        tables: the commit.
        rows: of entities.
        wanted: the features.
        by_knowledge: whether a row of a table counts only from when it was written, if its view says when that was.

    Returns:
        The given rows in their order with a column more for each feature, null where nothing was known or its time to
        live was over. The metadata of the schema has the commit under `COMMIT`.

    Raises:
        FeatureError: the rows lack a join key, or have a column of a feature's name.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    for each in wanted:
        rows.require(each.keys.values())
        for key, column in each.view.keys:
            rows.check_type(each.keys[key], each.types[column], f"{each.view.table}.{column}")
    _refuse_clashes(rows.table.column_names, [name for each in wanted for _, name in each.features])
    if not wanted:
        return rows.table.replace_schema_metadata({COMMIT: tables.commit})
    keys = {each.keys[key]: each.types[column] for each in wanted for key, column in each.view.keys}
    moments = rows.moments
    given = pa.table(
        {ROW: np.arange(len(moments)), MOMENT: moments, **{key: rows.key(key, kind) for key, kind in keys.items()}}
    )
    limits = pc.min_max(moments).as_py()
    bounds = None if limits["min"] is None else (limits["min"], limits["max"])
    few = len(moments) <= _FEW
    joins = [
        ViewJoin(each, number, bounds, by_knowledge and bool(each.view.created), few)
        for number, each in enumerate(wanted)
    ]
    result = rows.table
    with tables.session([each.table for each in wanted]) as session:
        session.register(_GIVEN, given)
        session.query(f"CREATE TEMP TABLE {ENTITIES} AS FROM {name_in_sql(_GIVEN)}").fetchall()
        for join in joins:
            session.query(join.matched()).fetchall()
            ((least, greatest),) = session.query(join.limits()).fetchall()
            known = session.query(join.read(least, greatest)).arrow()
            position = np.full(len(moments), -1)
            position[known.column(0).to_numpy()] = np.arange(known.num_rows)
            order = pa.array(position, mask=position < 0)
            for name, values in zip(known.column_names[1:], known.columns[1:], strict=True):
                result = result.append_column(name, values.take(order))
    return result.replace_schema_metadata({COMMIT: tables.commit})


def _refuse_clashes(columns: Sequence[str], features: Sequence[str]) -> None:
    clash = sorted({name for name in features if name in columns or features.count(name) > 1})
    if clash:
        raise FeatureError(
            "The result",
            f"it would have several columns {', '.join(map(repr, clash))}",
            "Use `full_feature_names=True`, or rename the column of the entity rows.",
        )
