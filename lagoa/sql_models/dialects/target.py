"""The engine that a statement is written for, and what rules need to write it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NoReturn, cast

from lagoa.sql_models.columns import DIALECT

if TYPE_CHECKING:
    from sqlglot import exp

    from lagoa.domain.engines import EngineName

Family = Literal[
    "int", "decimal", "double", "text", "boolean", "date", "timestamp", "timestamptz", "interval", "null", "other"
]

NUMBERS: frozenset[Family] = frozenset({"int", "decimal", "double"})
DAYS: frozenset[Family] = frozenset({"date", "timestamp"})

_FAMILIES: dict[str, Family] = {
    "TINYINT": "int", "SMALLINT": "int", "INT": "int", "BIGINT": "int", "INT128": "int", "DECIMAL": "decimal",
    "FLOAT": "double", "DOUBLE": "double", "VARCHAR": "text", "TEXT": "text", "BOOLEAN": "boolean", "DATE": "date",
    "TIMESTAMP": "timestamp", "TIMESTAMPNTZ": "timestamp", "TIMESTAMPTZ": "timestamptz", "INTERVAL": "interval",
}  # fmt: skip


WRITTEN = "written"
"""Where a node keeps how it stands in the model: the rules have changed what it contains when it is shown."""
_SHOWN = 60


class Refused(Exception):
    """A construct that an engine cannot run with DuckDB's rows.

    Attributes:
        reason: what differs, such as `median() is approximate in Trino`.
        advice: how to write it so that all three engines run it the same way.
    """

    def __init__(self, reason: str, advice: str) -> None:
        super().__init__(reason)
        self.reason, self.advice = reason, advice


@dataclass(frozen=True, slots=True)
class Target:
    """The engine that a statement is written for.

    Attributes:
        engine: its name.
    """

    engine: EngineName

    def __str__(self) -> str:
        return self.engine.capitalize()

    def say(self, template: str, **parts: exp.Expr) -> exp.Expr:
        """Return SQL of the engine, with an expression in the place of each `:name`."""
        from sqlglot import exp, parse_one

        made = parse_one(template, dialect=self.engine)
        for place in list(made.find_all(exp.Placeholder)):
            new = _closed(parts[place.name].copy())
            if place is made:
                return new
            place.replace(new)
        return made

    def pick(self, *, spark: str, trino: str, **parts: exp.Expr) -> exp.Expr:
        """Return the SQL of one of the engines, as `say` does."""
        return self.say(spark if self.engine == "spark" else trino, **parts)


def _closed(node: exp.Expr) -> exp.Expr:
    """Return an expression that stands in any place: in parentheses, if it has operators."""
    from sqlglot import exp

    operators = (exp.Binary, exp.Unary, exp.Between, exp.In, exp.AtTimeZone)
    if not isinstance(node, operators) or isinstance(node, (exp.Paren, exp.Func)):
        return node
    return exp.Paren(this=node)


def family(node: exp.Expr) -> Family:
    """Return the family of an expression's type; `other` if it is not known."""
    from sqlglot import exp

    if isinstance(node, exp.Null):
        return "null"
    return family_of(node.type) if node.type else "other"


def family_of(kind: exp.DataType) -> Family:
    """Return the family of a type."""
    return _FAMILIES.get(str(kind.this.value), "other")


def scale(kind: exp.DataType | None) -> tuple[int, int]:
    """Return precision and scale of a decimal."""
    precision, digits = (int(each.name) for each in kind.expressions) if kind and kind.expressions else (18, 3)
    return precision, digits


def type_of(node: exp.Expr) -> exp.DataType:
    """Return an expression's type; raises `Refused` if it is not known."""
    return node.type or refuse(f"the type of {shown(node)} is not known", "Cast it.")


def type_sql(node: exp.Expr) -> str:
    """Return an expression's type, as DuckDB spells it."""
    return node.type.sql(DIALECT) if node.type else "an unknown type"


def shown(node: exp.Expr) -> str:
    """Return an expression as it stands in the model, on one line of a message."""
    text = " ".join(str(node.meta.get(WRITTEN) or node.sql(DIALECT, comments=False)).split())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def require(node: exp.Expr, families: frozenset[Family], where: str, advice: str = "Cast it first.") -> None:
    """Make sure that an expression is of one of these families; raises `Refused`."""
    if family(node) not in families | {"null"}:
        raise Refused(f"{shown(node)} is {type_sql(node)}, which {where} does not take on every engine", advice)


def same_family(where: str, *nodes: exp.Expr) -> None:
    """Make sure that expressions are of one family, so that no engine casts them in its own way; raises `Refused`."""
    families = {family(node) for node in nodes} - {"null"}
    alike = len(families) <= 1 or families <= NUMBERS or families <= DAYS
    if not alike or "other" in families:
        kinds = sorted({type_sql(node) for node in nodes if family(node) != "null"})
        raise Refused(f"each engine casts {' and '.join(kinds)} in {where} in its own way", "Cast explicitly.")


def literal(node: exp.Expr | None, what: str) -> str:
    """Return the text of a literal text; raises `Refused` for anything else."""
    from sqlglot import exp

    if isinstance(node, exp.Literal) and node.is_string:
        return cast("str", node.this)
    raise Refused(f"{what} is not a text written out", "Write it as a literal.")


def number(node: exp.Expr | None, what: str, least: int = 0) -> int:
    """Return the value of a literal integer of at least `least`; raises `Refused` for anything else."""
    from sqlglot import exp

    if isinstance(node, exp.Literal) and not node.is_string and node.this.isdigit() and int(node.this) >= least:
        return int(node.this)
    raise Refused(f"{what} is not a whole number of at least {least}, written out", "Write it as such.")


def refuse(reason: str, advice: str) -> NoReturn:
    """Refuse a construct."""
    raise Refused(reason, advice)
