"""The rows that a model learns from: a SELECT over the tables of one commit, and features as they were known."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from lagoa.domain.features import Definitions, microseconds_of
from lagoa.domain.lists import counted
from lagoa.domain.suggestions import did_you_mean
from lagoa.domain.tables import TableName
from lagoa.errors import FeatureError, TrainingError
from lagoa.features.entity_rows import EntityRows
from lagoa.features.offline import TablesAt, features_at
from lagoa.features.online import applied
from lagoa.features.reading import wanted_features
from lagoa.training.digest import digest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    import pyarrow as pa

    from lagoa.context import LakeContext
    from lagoa.domain.ports.catalog import Pointers
    from lagoa.training.definition import Definition, Model

MOMENT, KNOWN = "_lagoa_moment", "_lagoa_known"
"""Columns of a set: the moment of each row, and from when on its label is known, in microseconds since 1970 (UTC)."""

_FIRST = microseconds_of(datetime(1, 1, 1, tzinfo=UTC))
_LAST = microseconds_of(datetime(9999, 12, 31, tzinfo=UTC) + timedelta(days=1, microseconds=-1))


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Rows of a model, sorted by its key.

    Attributes:
        table: the key, `MOMENT`, `KNOWN`, the label, columns of segments and baseline, and the features.
        features: names of the features.
        commit: that all of it was read from.
        tables: the pointer of each table that was read.
        views: the definitions of the feature views, as a document.
    """

    table: pa.Table
    features: tuple[str, ...]
    commit: str
    tables: Mapping[str, str]
    views: str

    def moments(self) -> np.ndarray:
        """Return the moment of each row."""
        found: np.ndarray = self.table[MOMENT].to_numpy()
        return found

    def labelled(self, label: str) -> TrainingSet:
        """Return the rows whose label is known."""
        import pyarrow.compute as pc

        rows = self.table.filter(pc.is_valid(self.table[label]))
        return TrainingSet(rows, self.features, self.commit, self.tables, self.views)

    def digest(self) -> str:
        """Return the hash of the rows."""
        return digest_of(self.table)


@dataclass(frozen=True, slots=True)
class Views:
    """The feature views that a model is joined with.

    Attributes:
        wanted: of each view, the features.
        definitions: of the views.
    """

    wanted: Mapping[str, Sequence[str]]
    definitions: Definitions

    def to_json(self) -> str:
        """Return a document that `from_json` reads."""
        return json.dumps({"wanted": {k: list(v) for k, v in self.wanted.items()}, **asdict(self.definitions)})

    @classmethod
    def from_json(cls, text: str) -> Views:
        """Read what `to_json` wrote."""
        document = json.loads(text)
        wanted = document.pop("wanted")
        return cls(wanted, Definitions.from_json(json.dumps(document)))


def views_of(context: LakeContext, definition: Definition) -> Views:
    """Return the feature views that a definition names, as they are applied now.

    Raises:
        FeatureError: nothing was applied, or a feature is unknown.
    """
    if not definition.features:
        return Views({}, Definitions(""))
    every = applied(context.online)
    wanted = wanted_features(every, definition.features)
    views = {name: every.views[name] for name in sorted(wanted)}
    return Views({name: wanted[name] for name in views}, Definitions(every.project, views))


class Selections:
    """The rows of SELECTs at one commit, each run once for all models that name it.

    Args:
        context: the lake's.
        tables: the commit.
        select: returns the rows of a SELECT over tables by another engine, or None if DuckDB is to do it.
    """

    def __init__(
        self,
        context: LakeContext,
        tables: TablesAt,
        select: Callable[[LakeContext, str, Pointers], pa.Table | None] = lambda *_: None,
    ) -> None:
        self._context = context
        self._elsewhere = select
        self._rows: dict[str, tuple[pa.Table, dict[str, str]]] = {}
        self.tables = tables

    def select(self, sql: str) -> tuple[pa.Table, dict[str, str]]:
        """Return the rows of a SELECT, and the pointer of each table that it reads.

        Raises:
            QueryError: it fails, or is no SELECT over tables of the lake.
            TableNotFound: the commit lacks a table.
        """
        if sql not in self._rows:
            read = {str(table): self.tables.pointer(table) for table in self._context.engine.tables_read(sql)}
            pointers = {TableName.parse(name): pointer for name, pointer in read.items()}
            found = self._elsewhere(self._context, sql, pointers)
            if found is None:
                with self._context.engine.session(pointers, confined=True) as session:
                    found = session.query(sql).arrow()
            self._rows[sql] = found, read
        rows, read = self._rows[sql]
        return rows, dict(read)


def training_set(model: Model, selections: Selections, views: Views) -> TrainingSet:
    """Build the rows of a model, also those whose label is not known yet.

    Args:
        model: the model.
        selections: of the commit.
        views: that it is joined with.

    Raises:
        TrainingError: a column is missing or of a type that cannot be used, or a key is null or not unique.
        QueryError: the SELECT fails.
        FeatureError, TableNotFound: the commit lacks what a feature view reads.
    """
    tables = selections.tables
    entities = entity_columns(model, views)
    rows, read = selections.select(model.sql)
    rows = _named(model, rows, list(entities.values()))
    rows, joined = _joined(tables, views, entities, rows)
    names = (*model.definition.columns, *joined)
    _check_fallbacks(model, views)
    rows = _sorted(model, rows)
    for view in views.definitions.views.values():
        read[view.table] = tables.pointer(TableName.parse(view.table))
    return TrainingSet(rows, names, tables.commit, dict(sorted(read.items())), views.to_json())


def entity_columns(model: Model, views: Views) -> dict[str, str]:
    """Return the column of the SELECT that has each join key."""
    keys = sorted({key for view in views.wanted for key, _ in views.definitions.views[view].keys})
    return {key: next((each for each, of in model.definition.entities.items() if of == key), key) for key in keys}


def _named(model: Model, rows: pa.Table, entities: Sequence[str]) -> pa.Table:
    """Return the columns that the definition names, with moments as numbers."""
    import pyarrow as pa

    found = model.definition
    wanted = [*found.key, *entities, found.label, *found.segments, *found.columns]
    wanted += [found.baseline] if found.baseline else []
    for name in (*wanted, found.moment, found.known):
        if name not in rows.column_names:
            reason = f"it has no column {name!r}.{did_you_mean(name, rows.column_names)}".rstrip(".")
            raise TrainingError(f"The SELECT of {found.rows}", reason, f"{model.name}.yaml names it.")
    columns = {name: rows[name] for name in wanted}
    for name, column in ((MOMENT, found.moment), (KNOWN, found.known)):
        columns[name] = _microseconds(found, rows[column], column)
    result = pa.table(columns)
    _check(model, result)
    return result


def _microseconds(definition: Definition, column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """Return moments as numbers; of a local time that comes twice the later, so that nothing is known too early."""
    import pyarrow as pa
    import pyarrow.compute as pc

    what = f"The column {name!r}"
    if not pa.types.is_timestamp(column.type) and not pa.types.is_date(column.type):
        raise TrainingError(what, f"it is {column.type}, and no moment", "Name a timestamp or date.")
    zone = None if pa.types.is_date(column.type) else column.type.tz
    try:
        column = column.cast(pa.timestamp("us", zone), safe=column.type != pa.timestamp("ns", zone))
        ends = pc.min_max(column.cast(pa.int64())).as_py()
        inside = ends["min"] is None or (ends["min"] >= _FIRST and ends["max"] <= _LAST)
    except pa.ArrowInvalid:  # the infinite date
        inside = False
    if not inside:
        advice = "Leave these rows out, or write null for a label that is never known."
        raise TrainingError(what, "it has moments outside the years 1 to 9999, such as infinity", advice)
    if zone is None:
        column = pc.assume_timezone(column, definition.zone, ambiguous="latest", nonexistent="latest")
    # The last local time of 9999, which stands for never, is later than any in UTC where clocks are behind it.
    found = pc.min_element_wise(column.cast(pa.int64()), _LAST, skip_nulls=False)
    return pc.max_element_wise(found, _FIRST, skip_nulls=False)


def _check(model: Model, rows: pa.Table) -> None:
    import pyarrow.compute as pc

    found = model.definition
    what = f"The rows of {found.rows}"
    if rows[MOMENT].null_count:
        raise TrainingError(
            what, f"{counted(rows[MOMENT].null_count, 'row')} without {found.moment}", "Leave them out."
        )
    unknown = pc.sum(pc.and_(pc.is_valid(rows[found.label]), pc.is_null(rows[KNOWN]))).as_py() or 0
    if unknown:
        reason = f"{counted(unknown, 'row')} with a label, and without {found.known}, from when on it is known"
        raise TrainingError(what, reason, "Say from when on each label is known.")
    early = pc.sum(pc.less(rows[KNOWN], rows[MOMENT])).as_py() or 0
    if early > rows.num_rows // 2:
        reason = f"{counted(early, 'label')} known before the moment of its row"
        raise TrainingError(what, reason, "Exchange `moment` and `known`, or look at the SELECT.")


def _check_fallbacks(model: Model, views: Views) -> None:
    known = [*model.definition.columns, *(f"{view}:{each}" for view, named in views.wanted.items() for each in named)]
    for name in model.definition.fallback:
        if name not in known:
            reason = f"it is none of the features.{did_you_mean(name, known)}".rstrip(".")
            advice = f"Name a column, or `view:feature`, in {model.name}.yaml."
            raise TrainingError(f"The fallback {name!r}", reason, advice)


def _joined(tables: TablesAt, views: Views, columns: Mapping[str, str], rows: pa.Table) -> tuple[pa.Table, list[str]]:
    """Return the rows with the features of views, and the names of these."""
    import pyarrow as pa

    if not views.wanted:
        return rows, []
    moments = rows[MOMENT].cast(pa.timestamp("us", "UTC"))
    entities = pa.table({**{column: rows[column] for column in columns.values()}, MOMENT: moments})
    wanted, names = [], []
    for view, features in views.wanted.items():
        of_view = [(each, f"{view}__{each}") for each in features]
        definition = views.definitions.views[view]
        wanted.append(tables.wanted(definition, of_view, {key: columns[key] for key, _ in definition.keys}))
        names += [name for _, name in of_view]
    result = features_at(tables, EntityRows(entities, MOMENT), wanted)
    for name in names:
        if name in rows.column_names:
            raise FeatureError(f"The feature {name}", "the SELECT has a column of this name", "Rename the column.")
        rows = rows.append_column(name, result[name])
    return rows, names


def _sorted(model: Model, rows: pa.Table) -> pa.Table:
    """Return the rows sorted by the key, which must identify them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    key = model.definition.key
    what = f"The rows of {model.definition.rows}"
    for name in key:
        kind = rows[name].type
        if pa.types.is_nested(kind) or pa.types.is_interval(kind):
            advice = "Name numbers, texts, dates or moments in `key`."
            raise TrainingError(what, f"the key {name} is a {kind}, which cannot identify a row", advice)
        nulls = pc.sum(pc.is_null(rows[name], nan_is_null=True)).as_py() or 0
        if nulls:
            raise TrainingError(what, f"the key {name} is null in {counted(nulls, 'row')}", "Fix it.")
    rows = rows.sort_by([(name, "ascending") for name in key]).combine_chunks()
    if rows.num_rows > 1:
        same = _repeated([rows[name].combine_chunks() for name in key])
        if same is not None:
            values = [rows[name][same].as_py() for name in key]
            reason = f"{', '.join(key)} = {', '.join(map(str, values))} comes more than once"
            raise TrainingError(what, reason, "One row a key: look at the joins, or name more columns in `key`.")
    return rows.replace_schema_metadata(None)


def _repeated(columns: Sequence[pa.Array]) -> int | None:
    """Return a row that has the key of the one before it; None if there is none."""
    import numpy as np
    import pyarrow.compute as pc

    same: Any = None
    for column in columns:
        array = column.combine_chunks() if hasattr(column, "num_chunks") else column
        equal = pc.equal(array.slice(1), array.slice(0, len(array) - 1)).to_numpy(zero_copy_only=False)
        same = equal if same is None else same & equal
    found = np.flatnonzero(same)
    return int(found[0]) + 1 if len(found) else None
