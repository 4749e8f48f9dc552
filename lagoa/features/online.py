"""The online store follows main: the newest features of each entity, all from one published commit."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from lagoa.domain.feature_values import LIST, feature_type, list_to_json, stored_in_sql
from lagoa.domain.features import OnlineRow, entity_key
from lagoa.domain.lists import counted
from lagoa.domain.refs import MAIN
from lagoa.domain.sql_names import name_in_sql, table_in_sql
from lagoa.domain.tables import TableName
from lagoa.errors import FeatureError, FeaturesGone, OnlineStateLost, RefNotFound, TableNotFound
from lagoa.features.moments import AND_ONE, column_type, moments_in_sql
from lagoa.features.offline import TablesAt
from lagoa.publish.moves import was_published

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from lagoa.context import LakeContext
    from lagoa.domain.features import Definitions, FeatureView, OnlineView, Standing
    from lagoa.domain.ports.features import OnlineFeatures

_T = TypeVar("_T")
_TRIES = 5
_ROWS_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class Materialized:
    """What a materialization did.

    Attributes:
        state: the state of the online store after it.
        written: entities that were written, by view.
        kept: the views whose rows are of the same table as before, and were not written again.
        seconds: how long it took.
        left_out: the views that the commit has no table of, or other columns, and are not online; each with the reason.
    """

    state: Standing
    written: dict[str, int]
    kept: tuple[str, ...]
    seconds: float
    left_out: dict[str, str] = field(default_factory=dict)


def materialize(context: LakeContext, ref: str = MAIN, *, leave_out: bool = False) -> Materialized:
    """Let the online store have the newest features of each entity at a published commit.

    All views change at once, and an entity that the tables lack now is gone. Views whose table and definition are the
    same are not read again; nothing is done if that is true of all, but that the store then stands at the commit.

    Args:
        context: the lake's.
        ref: `main`, or another name of a commit that main is or was at.
        leave_out: whether a view that the commit has no table of, or other columns, is not online from then on; else it
            is an error, and nothing changes.

    Raises:
        FeatureError: nothing was applied; the commit was never published; a column is missing or changed its type.
        FeaturesGone: there is no such commit.
        TableNotFound: the commit has no table of a view.
        FeaturesUnavailable: the store does not answer, or cannot be written.
        OnlineStateLost: others materialized during every try.
    """
    began = time.perf_counter()
    return at_one_state(lambda: _materialize(context, ref, began, leave_out=leave_out))


def at_one_state(work: Callable[[], _T]) -> _T:
    """Return what `work` returns; where the online store has another state meanwhile, it is done again as a whole.

    Raises:
        OnlineStateLost: so it was at every try.
    """
    for attempt in range(1, _TRIES + 1):
        try:
            return work()
        except OnlineStateLost:
            if attempt == _TRIES:
                raise
    raise AssertionError  # pragma: no cover - the loop returns or raises


def _materialize(context: LakeContext, ref: str, began: float, *, leave_out: bool) -> Materialized:
    store = context.online
    definitions = applied(store)
    before = store.standing()
    tables = tables_at(context, ref)
    if not was_published(context.catalog, tables.commit):
        raise FeatureError(
            f"The commit {tables.commit[:12]} ({ref})",
            "it was never published, and the online store has published features alone",
            "Publish it first, or read it offline: `lagoa feature get --ref`.",
        )
    kept: dict[str, OnlineView] = {}
    new: list[LatestRows] = []
    left_out: dict[str, str] = {}
    for view in definitions.views.values():
        if not view.online:
            continue
        try:
            latest = LatestRows(view, tables)
        except (FeatureError, TableNotFound) as error:
            if not leave_out:
                raise
            left_out[view.name] = str(error)
            continue
        online = before.views.get(view.name) if before else None
        if online is not None and online.key == view.key and context.metadata.same_rows(online.pointer, latest.pointer):
            kept[view.name] = online
        else:
            new.append(latest)
    same = before is not None and before.commit == tables.commit and before.views.keys() == kept.keys()
    if before is not None and same and not new:
        state = before
    else:
        state = store.replace(before.number if before else 0, tables.commit, kept, new)
    written = {each.view.name: state.views[each.view.name].entities for each in new}
    return Materialized(state, written, tuple(kept), time.perf_counter() - began, left_out)


def tables_at(context: LakeContext, ref: str) -> TablesAt:
    """Return the tables of the commit whose features are requested.

    Raises:
        FeaturesGone: there is no such commit; it says which features there are.
    """
    try:
        return TablesAt(context, ref)
    except RefNotFound as error:
        raise FeaturesGone(ref, error.reason, _left(context)) from error


def _left(context: LakeContext) -> str:
    """Return in words which features there are."""
    now = context.pointers(MAIN)
    definitions, state = context.online.definitions(), context.online.standing()
    views = list(definitions.views.values()) if definitions else []
    there = sum(TableName.parse(view.table) in now for view in views)
    main = f"main has the tables of {there} of the {counted(len(views), 'feature view')}"
    return f"{main}; online are the features of {state.commit[:12]}." if state else f"{main}; none are online."


def follow(context: LakeContext, *, leave_out: bool = False) -> Materialized | None:
    """Let the online store follow main; None if no features were applied. See `materialize`."""
    definitions = context.online.definitions()
    if definitions is None or not any(each.online for each in definitions.views.values()):
        return None
    return materialize(context, leave_out=leave_out)


def applied(store: OnlineFeatures) -> Definitions:
    """Return the applied definitions; raises `FeatureError` before the first."""
    definitions = store.definitions()
    if definitions is None or not definitions.views:
        raise FeatureError("The feature repository", "nothing of it was applied", "Run `lagoa feature apply` first.")
    return definitions


@dataclass(frozen=True)
class LatestRows:
    """The newest row of each entity of a view; see `lagoa.domain.ports.features.NewView`.

    Attributes:
        view: the definition.
        tables: the commit.
        pointer: of the view's table there.
    """

    view: FeatureView
    tables: TablesAt
    pointer: str = field(init=False)

    def __post_init__(self) -> None:
        """Look for the table, and for the columns that the view reads."""
        table = TableName.parse(self.view.table)
        object.__setattr__(self, "pointer", self.tables.pointer(table))
        check_columns(self.view, self.tables.types(table), "was applied as")

    def rows(self) -> Iterator[OnlineRow]:
        """Yield one row an entity."""
        table = TableName.parse(self.view.table)
        lists = [position for position, each in enumerate(self.view.features) if each.type.endswith(LIST)]
        width = len(self.view.keys)
        with self.tables.session([table]) as session:
            for batch in session.query(self._query(table)).reader(_ROWS_AT_ONCE):
                columns = [batch.column(position).to_pylist() for position in range(batch.num_columns)]
                for position in lists:
                    columns[width + 1 + position] = [list_to_json(each) for each in columns[width + 1 + position]]
                for row in zip(*columns, strict=True):
                    yield OnlineRow(entity_key(row[:width]), row[width], row[width + 1 :])

    def _query(self, table: TableName) -> str:
        view, types = self.view, self.tables.types(table)
        keys = [name_in_sql(column) for _, column in view.keys]
        moment = moments_in_sql(types, view.table, view.timestamp, view.zone)
        features = [stored_in_sql(each.type, name_in_sql(each.column)) for each in view.features]
        order = f", {name_in_sql(view.created)} DESC NULLS LAST" if view.created else ""
        by = f"PARTITION BY {', '.join(keys)} " if keys else ""
        present = " AND ".join(f"{each} IS NOT NULL" for each in [*keys, name_in_sql(view.timestamp)])
        return (
            f"SELECT {', '.join([*keys, moment, *features])} FROM {table_in_sql(table)} WHERE {present} "  # noqa: S608
            f"QUALIFY row_number() OVER ({by}ORDER BY {name_in_sql(view.timestamp)} DESC{order}{AND_ONE}) = 1"
        )


def check_columns(view: FeatureView, types: Mapping[str, str], said: str = "is declared as") -> None:
    """Check that a table has the columns of a view, of the types that it says.

    Args:
        view: the view.
        types: the Iceberg types of the columns of its table.
        said: how the view came to its types.

    Raises:
        FeatureError: a column is missing, has another type, or is no moment.
    """
    for (name, column), declared in zip(view.keys, view.key_types, strict=True):
        kind = column_type(types, column, view.table)
        whole = {feature_type(kind), declared} == {"INT32", "INT64"}  # their keys are the same
        if view.online and feature_type(kind) != declared and not whole:
            raise FeatureError(
                f"The join key {name} of {view.name}",
                f"it {said} {declared}, and {view.table}.{column} is {kind} ({feature_type(kind)})",
                "Give its entity that type.",
            )
    for column in filter(None, (view.timestamp, view.created)):
        moments_in_sql(types, view.table, column, view.zone)
    for feature in view.features:
        kind = column_type(types, feature.column, view.table)
        found = feature_type(kind)
        if found != feature.type and (found or view.online):  # Feast has types that are offline alone
            raise FeatureError(
                f"The feature {view.name}:{feature.name}",
                f"it {said} {feature.type}, and {view.table}.{feature.column} is {kind} ({found or 'none of Feast'})",
                "Give it that type: change its view, and look at `lagoa feature plan`.",
            )
