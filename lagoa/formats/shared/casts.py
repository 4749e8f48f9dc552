"""A value of a contract's type as SQL, and the conditions under which what a file contains cannot become one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from lagoa.domain.sql_names import TYPES, nested_in_sql, text_in_sql

if TYPE_CHECKING:
    from lagoa.contracts.iceberg_types import IcebergType


class Bad(str):
    """A condition in SQL under which a value is refused.

    Attributes:
        received: what the file has, as SQL, for the reason; empty if the reason does not show it.
        advice: what the reason says besides the value and the type; it may be empty.
    """

    __slots__ = ("advice", "received")

    received: str
    advice: str

    def __new__(cls, condition: str, received: str = "", advice: str = "") -> Self:
        """Return the condition with what the reason says."""
        made = super().__new__(cls, condition)
        made.received, made.advice = received, advice
        return made


@dataclass(frozen=True)
class Value:
    """A value as SQL.

    Attributes:
        sql: the value in the contract's type, null where it cannot be made.
        bad: conditions under which a value in the file cannot become one of this type, over the file's value and the
            value made. They are evaluated one after the other, so a slower one runs for few values. Those that are
            `Bad` also say what the reason shows.
    """

    sql: str
    bad: tuple[str, ...] = ()


def unlike(text: str, made: str, grammar: str) -> str:
    """Return the condition that a text does not match a grammar; casts alone are too lenient.

    A value whose text is the one that was read has lost nothing: only the others need the slower grammar.
    """
    return (
        f"{text} IS NOT NULL AND CAST({made} AS VARCHAR) IS DISTINCT FROM {text} "
        f"AND NOT regexp_full_match({text}, {text_in_sql(grammar)})"
    )


def engine_type(kind: IcebergType) -> str:
    """Return the engine's name of a type."""
    if kind.parts:
        return nested_in_sql(kind.name, [(name, engine_type(part)) for name, part in kind.parts])
    return "BLOB" if kind.name == "fixed" else TYPES.get(kind.name, str(kind).upper())
