"""What is affected by a change of some tables and columns: everything that reads them, directly or through models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from lagoa.domain.tables import TableName
    from lagoa.lineage.columns import SelectColumns
    from lagoa.lineage.readers import Columns, LakeReaders, ReaderKind
    from lagoa.sql_models import Model


@dataclass(frozen=True, slots=True)
class Affected:
    """Something that reads what changed.

    Attributes:
        kind: what it is.
        name: its name; that of its table for a model, the id for a check.
        owner: who answers for it; may be empty.
        through: the changed tables that it reads, each with the columns that it reads and that changed; None if that
            is all of them, as where rows came or went.
        stale: whether it is a model whose table was built from the state before, and is not built again.
        url: where an exposure is found; may be empty.
        what: what kind of exposure it is; else empty.
    """

    kind: ReaderKind
    name: str
    owner: str
    through: Mapping[TableName, tuple[str, ...] | None]
    stale: bool = False
    url: str = ""
    what: str = ""


def downstream(
    readers: LakeReaders, changed: Mapping[TableName, Columns], written: Collection[TableName]
) -> list[Affected]:
    """Return everything that reads what changed: models in their order, then the others by kind and name.

    A model's table that was not written counts as changed in those columns that are made of changed ones.

    Args:
        readers: who reads what.
        changed: the columns of each table whose values differ; None for all, as where rows came or went.
        written: all tables that were written, also with the same rows.
    """
    state = dict(changed)
    found = []
    for table, model in readers.models.items():
        inputs = [each for each in model.inputs if each in state]
        if not inputs:
            continue
        made = readers.columns(table)
        through = {each: _met(state[each], _read_by(model, made, each)) for each in inputs}
        through = {each: met for each, met in through.items() if met is None or met}
        if not through:
            continue
        built = table in written
        if not built:
            state[table] = _outputs(made, through)
        if built or state[table] is None or state[table]:  # else nothing of its table is made of what changed
            found.append(Affected("model", str(table), readers.owner(table), _sorted(through), stale=not built))
    for reader in sorted(readers.others, key=lambda each: (each.kind, each.name)):
        met = {each: _met(state[each], columns) for each, columns in reader.reads.items() if each in state}
        through = {each: columns for each, columns in met.items() if columns is None or columns}
        if through:
            found.append(
                Affected(reader.kind, reader.name, reader.owner, _sorted(through), url=reader.url, what=reader.what)
            )
    return found


def _read_by(model: Model, made: SelectColumns | None, table: TableName) -> Columns:
    """Return the columns of a table that a model reads."""
    if made is not None:
        return made.by_table().get(table, frozenset())
    if model.function is not None:
        given = [each.columns for each in model.function.inputs.values() if each.table == table]
        return frozenset().union(*given) if all(given) else None
    return None


def _met(changed: Columns, read: Columns) -> Columns:
    """Return the columns that changed and are read; where rows came or went, everything that reads the table is met."""
    if changed is None:
        return None
    return changed if read is None else changed & read


def _outputs(made: SelectColumns | None, through: Mapping[TableName, Columns]) -> Columns:
    """Return the columns of a model's table that may differ, given what changed in its inputs."""
    if made is None or any(columns is None for columns in through.values()):
        return None
    changed = frozenset((table, column) for table, columns in through.items() for column in columns or ())
    if changed & made.rows:
        return None
    return frozenset(name for name, sources in made.columns.items() if sources & changed)


def _sorted(through: Mapping[TableName, Columns]) -> dict[TableName, tuple[str, ...] | None]:
    return {table: None if columns is None else tuple(sorted(columns)) for table, columns in sorted(through.items())}
