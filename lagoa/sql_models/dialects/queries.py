"""The parts of a SELECT around its expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.sql_models.dialects.target import family, refuse, same_family

if TYPE_CHECKING:
    from sqlglot import exp

    from lagoa.sql_models.dialects.target import Target

_SIDES = {"", "LEFT", "RIGHT", "FULL"}


def inline_windows(query: exp.Query) -> None:
    """Write the windows that are named at the end of a SELECT where they are used, in place."""
    from sqlglot import exp

    for select in query.find_all(exp.Select):
        named = {each.name.lower(): each for each in select.args.get("windows") or []}
        if not named:
            continue
        for window in select.find_all(exp.Window):
            spec = (
                named.get(window.alias.lower()) if window.args.get("alias") and window not in named.values() else None
            )
            if spec is None:
                continue
            window.set("alias", None)
            for key in ("partition_by", "order", "spec"):
                value = spec.args.get(key)
                if value:
                    window.set(key, [each.copy() for each in value] if isinstance(value, list) else value.copy())
        select.set("windows", None)


def expand_all(query: exp.Query) -> None:
    """Write GROUP BY ALL and ORDER BY ALL with the expressions that they stand for, in place."""
    from sqlglot import exp

    for node in query.find_all(exp.Select):
        group = node.args.get("group")
        if group is not None and group.args.get("all"):
            keys = [each.unalias() for each in node.selects if not each.find(exp.AggFunc, exp.Window)]
            kept = [each.copy() for each in keys if not isinstance(each, exp.Literal)]
            node.set("group", exp.Group(expressions=kept) if kept else None)
    for part in query.find_all(exp.Query):
        order = part.args.get("order")
        if order is not None and [each.this.name.upper() for each in order.expressions] == ["ALL"]:
            (each,) = order.expressions
            order.set(
                "expressions", [exp.Ordered(**{**each.args, "this": exp.column(name)}) for name in part.named_selects]
            )


def select(node: exp.Select, to: Target) -> exp.Expr:
    """Write a SELECT: its unnest() and its semi joins in the form that all engines know."""
    from sqlglot import exp

    if node.args.get("limit") is not None and node.args.get("order") is None:
        refuse("LIMIT without ORDER BY takes other rows on each engine", "Write ORDER BY, up to a key.")
    _unnest(node, to)
    if to.engine == "trino":
        for join in list(node.args.get("joins") or []):
            if str(join.args.get("kind") or "").upper() in {"SEMI", "ANTI"}:
                found = exp.Exists(this=exp.select("1").from_(join.this.copy()).where(join.args["on"].copy()))
                negative = str(join.args["kind"]).upper() == "ANTI"
                join.pop()
                node.where(exp.Not(this=found) if negative else found, copy=False)
    return node


def _unnest(node: exp.Select, to: Target) -> None:
    """Write unnest() among the columns as a join, which drops rows with empty lists just so."""
    from sqlglot import exp

    found = [each for part in node.expressions for each in part.find_all(exp.Explode)]
    if not found:
        return
    if len(found) > 1:
        refuse("several unnest() in one SELECT are put side by side differently", "Use one, in a subquery each.")
    if node.args.get("group") is not None or any(each.find(exp.AggFunc, exp.Window) for each in node.expressions):
        refuse("unnest() beside aggregates differs", "Unnest in a subquery.")
    (each,) = found
    value = exp.column("value", table="_unnested")
    each.replace(value)
    source = to.say("UNNEST(:x)", x=each.this)
    source.set("alias", exp.TableAlias(this=exp.to_identifier("_unnested"), columns=[exp.to_identifier("value")]))
    if to.engine == "trino" and node.args.get("from_") is None:
        node.set("from_", exp.From(this=source))
        return
    node.append("joins", exp.Join(this=source, kind="CROSS"))


def join(node: exp.Expr, to: Target) -> exp.Expr:
    """Pass inner, outer, cross, semi and anti joins."""
    kind, side = str(node.args.get("kind") or "").upper(), str(node.args.get("side") or "").upper()
    if kind not in {"", "INNER", "OUTER", "CROSS", "SEMI", "ANTI"} or side not in _SIDES:
        refuse(f"no other engine has {kind or side} joins", "Join by window functions, such as row_number() = 1.")
    return node


def union(node: exp.SetOperation, to: Target) -> exp.Expr:
    """Pass UNION, EXCEPT and INTERSECT of columns of the same families."""
    if node.args.get("by_name"):
        refuse("no other engine has BY NAME", "Select the columns in the same order.")
    for one, other in zip(node.left.selects, node.right.selects, strict=False):
        left, right = one.unalias(), other.unalias()
        same_family(f"{node.key.upper()} ({one.alias_or_name})", left, right)
        if {family(left), family(right)} == {"decimal", "double"}:
            refuse(f"{one.alias_or_name} is a decimal on one side and a double on the other", "Cast it.")
    return node


def row(node: exp.Expr, to: Target) -> exp.Expr:
    """Pass the rows of VALUES, and no other rows of values."""
    from sqlglot import exp

    if not isinstance(node.parent, exp.Values):
        refuse("a row of values is compared differently", "Compare the columns one by one.")
    return node


def with_(node: exp.Expr, to: Target) -> exp.Expr:
    """Pass WITH; a recursive one differs in what it may contain."""
    if node.args.get("recursive"):
        refuse("WITH RECURSIVE differs", "Write the levels out, or use generate_series().")
    return node


def distinct(node: exp.Expr, to: Target) -> exp.Expr:
    """Pass DISTINCT; DISTINCT ON keeps one of several rows."""
    if node.args.get("on"):
        refuse("DISTINCT ON is DuckDB's alone", "Write QUALIFY row_number() OVER (PARTITION BY … ORDER BY …) = 1.")
    return node
