"""Follows a SELECT from its tables to its columns, to prove that rows of an increment make only rows of that increment.

A table that comes in increments has a mark: the column that determines a row's increment. Whatever joins, groups, ranks
or deduplicates must do so within one value of a mark; then a SELECT over the rows of some increments returns their part
of the SELECT over all rows. What cannot be analysed is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lagoa.domain.tables import TableName
from lagoa.errors import ModelError
from lagoa.sql_models.columns import DIALECT, line_of
from lagoa.sql_models.marks import conjuncts, has_free_column, is_mark, is_windowed, own_nodes, unique_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from sqlglot import exp
    from sqlglot.optimizer.scope import Scope

    from lagoa.contracts.intervals import Grain
    from lagoa.sql_models.marks import Marks

ADVICE = "Change the SELECT so that each increment is independent, or set lagoa.materialization to full."


def listed(inputs: Mapping[TableName, str]) -> str:
    """Return the tables that come in increments with their marks, for messages."""
    return " or ".join(f"{table}.{column}" for table, column in inputs.items())


@dataclass(frozen=True, slots=True)
class Rows:
    """What is known about the rows of a table or SELECT.

    Attributes:
        cut: whether they come in increments; other rows are the same for each increment.
        marks: their columns, by position and name, that determine a row's increment.
    """

    cut: bool
    marks: Mapping[int, str] = field(default_factory=dict)


@dataclass
class Decomposition:
    """The way from a SELECT's tables to its columns.

    Attributes:
        file: the file of the SELECT.
        inputs: the tables that come in increments, each with its mark.
        grain: of the increments; None for batches.
        followed: those of these tables that were followed, by the id of their node.
    """

    file: Path
    inputs: Mapping[TableName, str]
    grain: Grain | None
    followed: dict[int, TableName] = field(default_factory=dict)

    def check_all_followed(self, query: exp.Query) -> None:
        """Refuse a table in increments that the SELECT reads where it was not followed, or does not read."""
        from sqlglot import exp

        for table in query.find_all(exp.Table):
            name = self._input(table)
            if name is not None and id(table) not in self.followed:
                raise self._refused(table, f"{name} is read in a place that cannot be analysed")
        for name in self.inputs:
            if name not in self.followed.values():
                message = f"the contract's lagoa.incremental names {name}, which the SELECT does not read."
                raise ModelError(self.file, None, message, "Fix the contract.")

    def rows(self, scope: Scope) -> Rows:
        """Return what is known about the rows of a SELECT."""
        from sqlglot import exp

        node = scope.expression
        if isinstance(node, exp.SetOperation):
            return self._set_operation(scope, node)
        if isinstance(node, exp.Select):
            return self._select(scope, node)
        return Rows(cut=False)  # a series, VALUES, or a lateral SELECT, whose inputs are not followed

    def _set_operation(self, scope: Scope, node: exp.SetOperation) -> Rows:
        from sqlglot import exp

        left, right = (self.rows(side) for side in scope.set_operation_scopes)
        if not (left.cut or right.cut):
            return Rows(cut=False)
        self._refuse_limit(node)
        what = node.key.upper()
        if node.args.get("by_name"):
            raise self._refused(node, f"{what} BY NAME cannot be analysed")
        union = isinstance(node, exp.Union)
        if (not left.cut and (union or isinstance(node, exp.Except))) or (union and not right.cut):
            raise self._refused(node, f"the rows of one side of {what} are in no increment")
        sides = [side.marks.keys() for side in (left, right) if side.cut]
        both = set(sides[0]).intersection(*sides)
        if not both and not (union and not node.args.get("distinct")):
            raise self._refused(node, f"{what} compares rows of several increments")
        return Rows(cut=True, marks={place: name for place, name in unique_names(node).items() if place in both})

    def _select(self, scope: Scope, node: exp.Select) -> Rows:
        marks = self._joined(scope, node)
        for inner in scope.subquery_scopes:
            if self.rows(inner).cut:
                message = "this subquery reads all increments of its input"
                raise self._refused(inner.expression, message)
        if marks is None:
            return Rows(cut=False)
        self._refuse_limit(node)
        self._check_grouping(node, marks)
        self._check_windows(node, marks)
        self._check_distinct(node, marks)
        selects = node.selects
        made = {place: n for place, n in unique_names(node).items() if is_mark(selects[place], marks, self.grain)}
        return Rows(cut=True, marks=made)

    def _joined(self, scope: Scope, node: exp.Select) -> Marks | None:
        """Return the marks of everything after FROM; None if nothing there comes in increments."""
        source = node.args.get("from_")
        if source is None:
            return None
        marks = self._source(scope, source.this)
        for join in node.args.get("joins") or []:
            marks = self._join(node, join, marks, self._source(scope, join.this))
        return marks

    def _source(self, scope: Scope, node: exp.Expr) -> Marks | None:
        from sqlglot import exp

        alias = node.alias_or_name
        source = scope.sources.get(alias)
        if isinstance(source, exp.Table):
            name = self._input(source)
            if name is None:
                return None
            self.followed[id(source)] = name
            if node.args.get("pivots") or node.args.get("joins") or node.alias_column_names:
                raise self._refused(node, f"what is made from {name} here cannot be analysed")
            return frozenset({(alias.lower(), self.inputs[name])})
        if source is None:  # a series; `check_all_followed` finds a table in it that comes in increments
            return None
        rows = self.rows(source)
        if rows.cut and (node.args.get("pivots") or node.args.get("joins")):
            raise self._refused(node, f"what is made from {alias} here cannot be analysed")
        return frozenset((alias.lower(), name) for name in rows.marks.values()) if rows.cut else None

    def _input(self, table: exp.Table) -> TableName | None:
        name = TableName((table.db.lower(),), table.name.lower())
        return name if name in self.inputs else None

    def _join(self, node: exp.Select, join: exp.Join, left: Marks | None, right: Marks | None) -> Marks | None:
        if left is None and right is None:
            return None
        side, kind = (str(join.args.get(name) or "").upper() for name in ("side", "kind"))
        method = str(join.args.get("method") or "").upper()
        if left is not None and right is not None:
            return self._join_both(node, join, left, right)
        whole = left if left is not None or kind in {"SEMI", "ANTI"} else right
        kept = {"LEFT": left, "RIGHT": right, "FULL": None}.get(side, whole)
        if kept is None:
            message = f"a {side or kind} JOIN returns rows that are in no increment"
            raise self._refused(join, message)
        if method and (method != "ASOF" or right is not None):
            raise self._refused(join, f"a {method} JOIN reads all increments")
        return kept

    def _join_both(self, node: exp.Select, join: exp.Join, left: Marks, right: Marks) -> Marks:
        from sqlglot import exp

        side, kind = (str(join.args.get(name) or "").upper() for name in ("side", "kind"))
        inner = not side and kind in {"", "INNER", "CROSS"}
        conditions = [join.args.get("on"), node.args["where"].this if inner and node.args.get("where") else None]
        for term in [term for each in conditions if each is not None for term in conjuncts(each)]:
            if isinstance(term, exp.EQ | exp.NullSafeEQ):
                ends = (term.this, term.expression)
                for one, other in (ends, ends[::-1]):
                    if is_mark(one, left, self.grain) and is_mark(other, right, self.grain):
                        outer = {"LEFT": left, "RIGHT": right, "FULL": frozenset()}
                        return outer.get(side, left if kind in {"SEMI", "ANTI"} else left | right)
        raise self._refused(
            join, "rows of several increments are joined", "Join on the columns that determine the increment."
        )

    def _check_grouping(self, node: exp.Select, marks: Marks) -> None:
        from sqlglot import exp

        group = node.args.get("group")
        if group is not None:
            keys = list(group.expressions)
            if group.args.get("all"):
                keys = [each for each in node.selects if not each.find(exp.AggFunc)]
            plain = not any(group.args.get(name) for name in ("rollup", "cube", "grouping_sets", "totals"))
            if not (plain and self._any_mark(keys, marks)):
                raise self._refused(group, "a group contains rows of several increments", self._within("group by"))
            return
        found: exp.Expr | None = next((each for each in own_nodes(node, exp.AggFunc) if not is_windowed(each)), None)
        if found is None and not has_free_column(node):
            found = next(own_nodes(node, exp.Anonymous), None)
        found = found or node.args.get("having")
        if found is not None:
            message = f"{found.sql(DIALECT)[:60]} uses rows of several increments"
            raise self._refused(found, message, self._within("group by"))

    def _check_windows(self, node: exp.Select, marks: Marks) -> None:
        from sqlglot import exp

        named = {each.name.lower(): each for each in node.args.get("windows") or []}
        for window in own_nodes(node, exp.Window):
            parts = list(window.args.get("partition_by") or [])
            base = named.get(str(window.alias).lower()) if window.args.get("alias") else None
            while base is not None:
                parts += base.args.get("partition_by") or []
                base = named.get(str(base.alias).lower()) if base.args.get("alias") else None
            if not self._any_mark(parts, marks):
                message = "a window contains rows of several increments"
                raise self._refused(window, message, self._within("partition by"))

    def _check_distinct(self, node: exp.Select, marks: Marks) -> None:
        distinct = node.args.get("distinct")
        if distinct is None:
            return
        on, made = distinct.args.get("on"), {each.alias_or_name.lower(): each for each in node.selects}
        kept = node.selects if on is None else [made.get(each.sql(DIALECT).lower(), each) for each in on.expressions]
        if not self._any_mark(kept, marks):
            raise self._refused(node, "DISTINCT compares rows of several increments", self._within("select"))

    def _refuse_limit(self, node: exp.Query) -> None:
        if node.args.get("limit") or node.args.get("offset"):
            raise self._refused(node.args.get("limit") or node.args["offset"], "LIMIT reads all increments")

    def _any_mark(self, expressions: Iterable[exp.Expr], marks: Marks) -> bool:
        return any(is_mark(each, marks, self.grain) for each in expressions)

    def _within(self, clause: str) -> str:
        return f"Add {listed(self.inputs)} to its {clause}, or set lagoa.materialization to full."

    def _refused(self, node: exp.Expr, message: str, advice: str = ADVICE) -> ModelError:
        return ModelError(self.file, line_of(node), f"{message}.", advice)
