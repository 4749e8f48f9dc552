"""Everything that reads tables of a lake, as its files and the applied features say."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from lagoa.audit.expected import expected_checks
from lagoa.audit.kinds.soda import Soda
from lagoa.errors import LagoaError
from lagoa.lineage.columns import SelectColumns, select_columns
from lagoa.lineage.exposures import read_exposures
from lagoa.sql_models import Models, read_models
from lagoa.sql_models.sql import resolved_select
from lagoa.training.definition import model_names, read_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from lagoa.context import LakeContext
    from lagoa.contracts import Contract
    from lagoa.domain.features import Definitions, FeatureView
    from lagoa.domain.tables import TableName
    from lagoa.sql_models import Model

ReaderKind = Literal["model", "check", "feature view", "feature service", "trained model", "exposure"]

Columns = frozenset[str] | None
"""Names of columns; None for all of them, or if it is not certain which."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Something that reads tables.

    Attributes:
        kind: what it is.
        name: its name; that of its table for a model, the id for a check.
        reads: the columns of each table that it reads.
        owner: who answers for it; may be empty.
        url: where it is found; empty for all but exposures.
        what: what kind of exposure it is; else empty.
    """

    kind: ReaderKind
    name: str
    reads: Mapping[TableName, Columns]
    owner: str = ""
    url: str = ""
    what: str = ""


@dataclass(frozen=True, slots=True)
class LakeReaders:
    """Who reads what in a lake.

    Attributes:
        models: the models, each after those that it reads.
        others: everything else that reads tables, which are checks of more than one table, features, trained models and
            exposures.
        columns: returns what the columns of a model's table depend on; None if that is not certain.
        owner: returns who answers for a table; empty if its contract names nobody.
        problems: what could not be read, a sentence each.
    """

    models: Mapping[TableName, Model]
    others: tuple[Reader, ...]
    columns: Callable[[TableName], SelectColumns | None]
    owner: Callable[[TableName], str]
    problems: tuple[str, ...] = ()


@dataclass
class _Found:
    readers: list[Reader] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def lake_readers(context: LakeContext, tables: Mapping[TableName, str]) -> LakeReaders:
    """Return everything that reads tables of a lake; what cannot be read is named, and stops nothing.

    Args:
        context: the lake.
        tables: those that there are, for checks.
    """
    found = _Found()
    models = _models(context, found)
    applied: Definitions | None = None
    try:
        found.readers += _checks(context, tables)
    except LagoaError as error:
        found.problems.append(str(error))
    try:
        applied = context.online.definitions()
    except LagoaError as error:
        found.problems.append(str(error))
    found.readers += [*_features(applied), *_trained(context, found, applied), *_exposures(context, found)]

    def owner(table: TableName) -> str:
        contract = context.contracts.get(table)
        return contract.owner if contract else ""

    return LakeReaders(models, tuple(found.readers), _ModelColumns(context, models), owner, tuple(found.problems))


def _models(context: LakeContext, found: _Found) -> Mapping[TableName, Model]:
    """Return the models that can be used, in the order of their dependencies."""
    settings = context.settings
    try:
        models, faults = read_models(settings.models_folder, context.contracts, settings.cache("models"))
        found.problems += [str(fault) for fault in faults]
        return Models(models)
    except LagoaError as error:
        found.problems.append(str(error))
        return MappingProxyType({})


class _ModelColumns:
    """What the columns of models depend on; a model is parsed when that is asked."""

    def __init__(self, context: LakeContext, models: Mapping[TableName, Model]) -> None:
        self._context = context
        self._models = models

    def __call__(self, table: TableName) -> SelectColumns | None:
        model = self._models[table]
        if model.function is not None:
            return None
        contracts = self._context.contracts
        state = tuple(sorted((str(each), contracts[each].hash) for each in model.inputs))
        known = self._context.cache.of(("lineage", model.hash, state), lambda: self._parsed(model) or "unknown")
        return known if isinstance(known, SelectColumns) else None

    def _parsed(self, model: Model) -> SelectColumns | None:
        return _columns_of(self._context, model.file, model.text)


def _columns_of(context: LakeContext, file: Path, sql: str) -> SelectColumns | None:
    try:
        return select_columns(resolved_select(file, sql, context.contracts), context.contracts)
    except LagoaError:
        return None


def _checks(context: LakeContext, tables: Mapping[TableName, str]) -> Iterator[Reader]:
    """Yield the checks that read a table other than their own."""
    for check in expected_checks(context, tables):
        if not check.others - {check.table, check.table.quarantine}:
            continue
        owner = check.contract.owner if check.contract else ""
        reads: dict[TableName, Columns] = dict.fromkeys(check.reads)
        if isinstance(check, Soda):
            reads |= _of_queries(context, check)
        elif check.contract is not None:
            reads |= _referenced(check.contract, check.about)
        yield Reader("check", check.id, reads, owner)


def _of_queries(context: LakeContext, check: Soda) -> dict[TableName, Columns]:
    """Return the columns that the SQL of a check of a file reads of other tables; of its own table it may read all."""
    found: dict[TableName, Columns] = {}
    for query in check.entry.queries:
        columns = _columns_of(context, Path(check.file.path), query)
        if columns is None:
            return {}
        for table, names in columns.by_table().items():
            found[table] = (found.get(table) or frozenset()) | names
    return {table: names for table, names in found.items() if table not in {check.table, *check.entry.tables}}


def _referenced(contract: Contract, about: str) -> dict[TableName, Columns]:
    column = contract.column(about)
    if column is None or column.references is None:
        return {}
    table, name = column.references
    own = frozenset({about})
    return (
        {contract.table: own | {name}} if table == contract.table else {contract.table: own, table: frozenset({name})}
    )


def _features(applied: Definitions | None) -> Iterator[Reader]:
    """Yield the feature views and services that were applied last; Feast is not needed for that."""
    if applied is None:
        return
    for view in applied.views.values():
        yield Reader("feature view", view.name, _of_view(view, [each.name for each in view.features]), view.owner)
    for name, features in applied.services.items():
        yield Reader("feature service", name, _of_features(applied, features))


def _of_view(view: FeatureView, features: list[str]) -> dict[TableName, Columns]:
    from lagoa.domain.tables import TableName

    columns = {each.column for each in view.features if each.name in features}
    columns |= {column for _, column in view.keys} | {view.timestamp} | ({view.created} if view.created else set())
    return {TableName.parse(view.table): frozenset(columns)}


def _of_features(applied: Definitions, features: tuple[str, ...]) -> dict[TableName, Columns]:
    """Return the columns that features are read from, given as `view:feature`; those computed at a request included."""
    found: dict[TableName, Columns] = {}
    for each in features:
        view, _, name = each.partition(":")
        if view in applied.on_demand:
            parts = _of_features(applied, applied.on_demand[view].inputs)
        elif view in applied.views:
            parts = _of_view(applied.views[view], [name])
        else:
            continue
        for table, columns in parts.items():
            found[table] = (found.get(table) or frozenset()) | (columns or frozenset())
    return found


def _trained(context: LakeContext, found: _Found, applied: Definitions | None) -> Iterator[Reader]:
    """Yield the models of `ml/`: the tables that their SELECTs read, and those of their features."""
    folder = context.settings.ml_folder
    for name in model_names(folder):
        try:
            model = read_model(folder, name)
            sql = resolved_select(folder / model.definition.rows, model.sql, context.contracts)
        except LagoaError as error:
            found.problems.append(str(error))
            continue
        columns = select_columns(sql, context.contracts)
        reads: dict[TableName, Columns] = dict(columns.by_table()) if columns else _tables_of(folder, model.sql)
        named = tuple(_features_named(applied, model.definition.features)) if applied else ()
        for table, more in _of_features(applied, named).items() if applied else ():
            known = reads.get(table, frozenset())
            reads[table] = None if known is None else known | (more or frozenset())
        yield Reader("trained model", name, reads, model.definition.owner)


def _tables_of(folder: Path, sql: str) -> dict[TableName, Columns]:
    from lagoa.sql_models.sql import tables_named

    return dict.fromkeys(tables_named(folder, sql))


def _features_named(applied: Definitions, names: list[str]) -> Iterator[str]:
    """Yield features as `view:feature`: a name may be that of a service or a view, for all that it has."""
    for name in names:
        if name in applied.services:
            yield from applied.services[name]
        elif name in applied.views:
            yield from (f"{name}:{each.name}" for each in applied.views[name].features)
        else:
            yield name


def _exposures(context: LakeContext, found: _Found) -> Iterator[Reader]:
    exposures, faults = read_exposures(context.settings.exposures_folder, context.contracts)
    found.problems += [str(fault) for fault in faults]
    for each in exposures:
        yield Reader("exposure", each.name, each.reads, each.owner, each.url, each.kind)
