"""What is known about the rows that FROM and its joins return, before they are grouped."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lagoa.sql_models.columns import DIALECT
from lagoa.sql_models.drafting.nulls import without_nulls
from lagoa.sql_models.marks import conjuncts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from sqlglot import exp

    from lagoa.sql_models.drafting.facts import Key, Made, Rows

_MOST_KEYS = 20


@dataclass
class Joined:
    """The rows of everything after FROM.

    Attributes:
        sources: what is known of each source, by its name in the SELECT.
        keys: sets of columns, as `text` writes them, that have no values twice.
        outer: the sources whose columns are null where a join found no row.
        filled: the columns, as `text` writes them, that a condition leaves without nulls.
        equal: for columns that a condition makes equal to another, that one.
        joined_by: pairs of columns that joins compare, both ways.
    """

    sources: Mapping[str, Rows]
    keys: list[Key] = field(default_factory=list)
    outer: set[str] = field(default_factory=set)
    filled: set[str] = field(default_factory=set)
    equal: dict[str, str] = field(default_factory=dict)
    joined_by: set[tuple[str, str]] = field(default_factory=set)

    def column(self, node: exp.Column) -> Made | None:
        """Return what is known of a column; None if it is of no source."""
        rows = self.sources.get(node.table)
        return rows.columns.get(node.name.lower()) if rows else None

    def required(self, node: exp.Column) -> bool:
        """Return whether a column always has a value."""
        found = self.column(node)
        inside = found is not None and found.required and node.table not in self.outer
        return inside or self.text(node) in self.filled

    def text(self, node: exp.Expr) -> str:
        """Return an expression as text, the same for columns that are equal in all rows."""
        from sqlglot import exp

        node = self.unwrapped(node)
        if isinstance(node, exp.Column):
            return self.same(_raw(node))
        return node.sql(DIALECT)

    def same(self, text: str) -> str:
        """Return the first of the columns that are equal to one."""
        while text in self.equal:
            text = self.equal[text]
        return text

    def unwrapped(self, node: exp.Expr) -> exp.Expr:
        """Return an expression without parentheses; of the columns of USING, which become `coalesce`, the first."""
        from sqlglot import exp

        node = node.unalias().unnest()
        if isinstance(node, exp.Coalesce) and isinstance(node.this, exp.Column) and node.this.table not in self.outer:
            pairs = [(_raw(node.this), _raw(each)) for each in node.expressions if isinstance(each, exp.Column)]
            if len(pairs) == len(node.expressions) and self.joined_by.issuperset(pairs):
                return node.this
        return node

    def make_equal(self, terms: Iterable[exp.Expr]) -> None:
        """Take the columns that conditions make equal for the same."""
        for one, other in self.equalities(terms):
            if other is not None and (first := self.text(one)) != (second := self.text(other)):
                self.equal[second] = first

    def equalities(self, terms: Iterable[exp.Expr]) -> Iterator[tuple[exp.Column, exp.Column | None]]:
        """Yield columns with the column that they are equal to, both ways, or None for a value; both of one type."""
        from sqlglot import exp

        for term in terms:
            plain = term.unnest()
            if isinstance(plain, exp.Column):  # a condition by itself
                yield plain, None
            elif isinstance(plain, exp.EQ):
                ends = self.unwrapped(plain.this), self.unwrapped(plain.expression)
                for one, other in (ends, ends[::-1]):
                    if isinstance(one, exp.Column) and self._compares_as_is(one, other):
                        yield one, other if isinstance(other, exp.Column) else None

    def _compares_as_is(self, one: exp.Column, other: exp.Expr) -> bool:
        """Return whether values are compared without a cast, by which several may become one: '01' and '1'."""
        from sqlglot import exp

        kind = self._type(one)
        if isinstance(other, exp.Literal):
            return kind != "string" or bool(other.is_string)
        return isinstance(other, exp.Column) and (None in {kind, self._type(other)} or kind == self._type(other))

    def _type(self, node: exp.Column) -> str | None:
        """Return the type of a column, numbers that are compared exactly being of one; None if it is not known."""
        made = self.column(node)
        if made is None or made.origin is None or not made.origin.same:
            return None
        kind = made.origin.column.type
        return "long" if kind == "int" else kind


def _raw(node: exp.Column) -> str:
    return f"{node.table}.{node.name.lower()}"


def join_sides(node: exp.Select, sources: Mapping[str, Rows]) -> Joined:
    """Return what is known about the rows of a SELECT before they are grouped."""
    where = node.args["where"].this if node.args.get("where") else None
    terms = list(conjuncts(where)) if where is not None else []
    joined = Joined(sources)
    source = node.args.get("from_")
    if source is None:
        joined.keys.append(frozenset())
        return joined
    first = source.this.alias_or_name
    joined.keys += _keys_of(joined, source.this, terms)
    before = [first]
    for join in node.args.get("joins") or []:
        _join(joined, join, before, terms)
        before.append(join.this.alias_or_name)
    joined.make_equal(terms)
    inner = [join.args.get("on") for join in node.args.get("joins") or [] if not join.args.get("side")]
    joined.filled |= {joined.text(column) for column in without_nulls(where)}
    found = [column for each in inner for column in without_nulls(each)]
    joined.filled |= {joined.text(column) for column in found if column.table not in joined.outer}
    joined.keys = [] if node.args.get("laterals") else [frozenset(map(joined.same, key)) for key in joined.keys]
    return joined


def _keys_of(joined: Joined, node: exp.Expr, terms: Collection[exp.Expr]) -> list[Key]:
    """Return the keys of a source under conditions, its columns as `Joined.text` writes them.

    There are none for what is made from a source in its place.
    """
    name = node.alias_or_name
    if node.args.get("pivots") or node.args.get("joins") or name not in joined.sources:
        return []
    rows = joined.sources[name]
    keys = [*rows.keys, *_chosen(name, rows, terms)]
    return [frozenset(f"{name}.{column}" for column in key) for key in keys]


def _chosen(name: str, rows: Rows, terms: Iterable[exp.Expr]) -> Iterator[Key]:
    """Yield the keys that follow from conditions which choose one row of several: `n = 1`, `is_current`."""
    from sqlglot import exp

    for term in terms:
        for node, known in ((numbers_first(term), rows.numbered), (term.unnest(), rows.flagged)):
            if isinstance(node, exp.Column) and node.table == name and node.name.lower() in known:
                yield known[node.name.lower()]


def _join(joined: Joined, join: exp.Join, before: list[str], where: list[exp.Expr]) -> None:
    name = join.this.alias_or_name
    side, kind, method = (str(join.args.get(each) or "").upper() for each in ("side", "kind", "method"))
    on = join.args.get("on")
    terms = list(conjuncts(on)) if on is not None else []
    if kind in {"SEMI", "ANTI"}:
        return
    joined.joined_by |= {(_raw(one), _raw(other)) for one, other in joined.equalities(terms) if other is not None}
    joined.outer |= {"LEFT": {name}, "RIGHT": set(before), "FULL": {name, *before}}.get(side, set())
    if method == "ASOF":  # a row of the left side finds one row at most
        return
    if method or side == "FULL":
        joined.keys = []
        return
    keys = _keys_of(joined, join.this, where if side == "RIGHT" else [*terms, *where])
    fixed = _fixed(joined, [*terms, *where], name, before)
    once_right = any({joined.same(each) for each in key} <= fixed for key in keys)
    once_left = any({joined.same(each) for each in key} <= fixed for key in joined.keys)
    kept = [key for key in joined.keys if once_right and side != "RIGHT"]
    kept += [key for key in keys if once_left and side != "LEFT"]
    both = [one | other for one in joined.keys for other in keys] if not kept and not side else []
    joined.keys = [*kept, *both][:_MOST_KEYS]
    if not side:
        joined.make_equal(terms)


def _fixed(joined: Joined, terms: Iterable[exp.Expr], name: str, before: Collection[str]) -> set[str]:
    """Return the columns of each side of a join that have one value in what a row of the other side finds."""
    return {
        joined.text(one)
        for one, other in joined.equalities(terms)
        if (one.table == name and (other is None or other.table in before))
        or (one.table in before and (other is None or other.table == name))
    }


def numbers_first(term: exp.Expr) -> exp.Expr | None:
    """Return what a condition compares with the number one; None if it is another condition."""
    from sqlglot import exp

    plain = term.unnest()
    found = isinstance(plain, exp.EQ) and plain.expression.is_int and plain.expression.name == "1"
    return plain.this.unnest() if found else None
