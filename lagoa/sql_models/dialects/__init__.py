"""A model's statement in the SQL of another engine: with the rows that DuckDB gives, or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from lagoa.domain.engines import EngineName
from lagoa.errors import ModelError
from lagoa.sql_models.columns import DIALECT, line_of
from lagoa.sql_models.dialects.target import WRITTEN, Refused, Target, family, family_of, scale, shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlglot import exp

    from lagoa.contracts import Contract, Contracts
    from lagoa.sql_models import Model

ENGINES: tuple[EngineName, ...] = get_args(EngineName)
"""The engines beside DuckDB that models are written for."""


def for_engine(model: Model, engine: EngineName, contracts: Contracts) -> str:
    """Return a model's statement in an engine's SQL; its columns have the types of the contract.

    The session must be in UTC, and Spark's in ANSI mode.

    Raises:
        ModelError: with the line of a construct with which the engine would give other rows.
    """
    sql, faults = _written(model, engine, contracts)
    if faults:
        raise faults[0]
    return sql


def engine_faults(model: Model, engine: EngineName, contracts: Contracts) -> list[ModelError]:
    """Return, by line, each construct of a model with which the engine would give other rows."""
    return _written(model, engine, contracts)[1]


def select_for(file: Path, text: str, engine: EngineName, contracts: Contracts) -> str:
    """Return a SELECT of Lagoa's own, such as one that measures a check, in an engine's SQL.

    The session must be as for a model.

    Args:
        file: what it was made for, for errors.
        text: the SELECT, in DuckDB's SQL; its columns may be without names.
        engine: the engine.
        contracts: the columns of the tables that it reads, with their types.

    Raises:
        ModelError: there is no such column, or the engine would give another result.
    """
    from lagoa.sql_models.sql import resolved_select

    sql, faults = _translated(resolved_select(file, text, contracts), engine, contracts, file)
    if faults:
        raise faults[0]
    return sql


def _written(model: Model, engine: EngineName, contracts: Contracts) -> tuple[str, list[ModelError]]:
    from lagoa.sql_models.sql import read_model

    query = read_model(model.file, model.text, contracts).resolved
    return _translated(query, engine, contracts, model.file, contracts[model.table])


def _translated(
    query: exp.Query, engine: EngineName, contracts: Contracts, file: Path, result: Contract | None = None
) -> tuple[str, list[ModelError]]:
    """Return a resolved query in an engine's SQL, and what the engine would do differently, by line.

    Its columns get the types of the contract of its result, if there is one.
    """
    from lagoa.sql_models.dialects.aggregates import split_averages
    from lagoa.sql_models.dialects.queries import expand_all, inline_windows
    from lagoa.sql_models.dialects.types import annotate

    inline_windows(query)
    expand_all(query)
    annotate(query, contracts)
    for node in query.walk():
        node.meta[WRITTEN] = node.sql(DIALECT, comments=False)
    work = _Work(Target(engine), file)
    if result is not None:
        work.cast_columns(query, result)
    split_averages(query)
    made = work.convert(query)
    faults = sorted(work.faults, key=lambda each: each.line or 0)
    return ("" if faults else made.sql(engine, identify=True, comments=False, pretty=True)), faults


class _Work:
    """One statement on its way into another engine's SQL."""

    def __init__(self, to: Target, file: Path) -> None:
        self._to, self._file = to, file
        self.faults: list[ModelError] = []

    def convert(self, node: exp.Expr) -> exp.Expr:
        """Apply the rules to what a node contains and then to itself; return what stands in its place."""
        from sqlglot import exp

        before = len(self.faults)
        for child in list(node.iter_expressions()):
            self.convert(child)
        if isinstance(node, exp.Condition) and len(self.faults) > before:
            return node  # what is refused in it says enough
        line = _near_line(node)
        try:
            made = self._apply(node)
        except Refused as error:
            self.faults.append(ModelError(self._file, line, f"{self._to}: {error.reason}.", error.advice))
            return node
        if made is not node:
            kind, written = node.type, node.meta.get(WRITTEN)
            if node.parent is not None:
                node.replace(made)
            made.meta[WRITTEN] = written
            if kind is not None:
                made.type = kind
        return made

    def _apply(self, node: exp.Expr) -> exp.Expr:
        from lagoa.sql_models.dialects.allowed import ADVICE, OTHER, allowed

        name = type(node).__name__
        if name not in allowed():
            raise Refused(f"{shown(node)} is not known to give the same rows", ADVICE.get(name, OTHER))
        parts, rule = allowed()[name]
        unknown = sorted(key for key, value in node.args.items() if value not in (None, False, []) and key not in parts)
        if unknown:
            reason = f"{shown(node)} with {', '.join(unknown)} is not known to give the same rows"
            raise Refused(reason, OTHER)
        return rule(node, self._to) if rule is not None else node

    def cast_columns(self, query: exp.Query, contract: Contract) -> None:
        """Cast the columns of the result to the contract's types, where no value can change by that."""
        from sqlglot import exp

        from lagoa.formats.shared.values import sql_type

        kinds = {
            column.name: exp.DataType.build(sql_type(column.type), dialect=DIALECT) for column in contract.all_columns
        }
        names = [each.lower() for each in query.named_selects]
        for select in _sides(query):
            for name, column in zip(names, select.selects, strict=False):
                if name in kinds:
                    self._cast_column(name, column, kinds[name])

    def _cast_column(self, name: str, column: exp.Expr, kind: exp.DataType) -> None:
        from sqlglot import exp

        value = column.unalias()
        if value.type is None or kind == value.type or family(value) == family_of(kind) == "other":
            return
        if not _widens(value, kind):
            advice = f"Cast it in the model: CAST(… AS {kind.sql(DIALECT)})."
            message = f"{name} is {value.type.sql(DIALECT)}, and {kind.sql(DIALECT)} in the contract."
            self.faults.append(ModelError(self._file, _near_line(column), f"{self._to}: {message}", advice))
            return
        cast = exp.Cast(this=value.copy(), to=kind.copy())
        cast.type = kind.copy()
        value.replace(cast)


def _sides(query: exp.Query) -> Iterator[exp.Query]:
    """Yield each SELECT whose rows are among those of the result."""
    from sqlglot import exp

    if isinstance(query, exp.SetOperation):
        yield from _sides(query.left)
        yield from _sides(query.right)
    elif isinstance(query, exp.Subquery):
        yield from _sides(query.this)
    else:
        yield query


def _widens(value: exp.Expr, kind: exp.DataType) -> bool:
    """Return whether a cast at the write changes no value: it fails where one does not fit."""
    source, target = family(value), family_of(kind)
    if source == target == "decimal":
        return scale(value.type)[1] <= scale(kind)[1]
    return source in ("null", target) or (source, target) in {
        ("int", "double"),
        ("int", "decimal"),
        ("date", "timestamp"),
    }


def _near_line(node: exp.Expr) -> int | None:
    """Return the line of a node, or of the nearest thing around it that has one."""
    at: exp.Expr | None = node
    while at is not None:
        if (line := line_of(at)) is not None:
            return line
        at = at.parent
    return None
