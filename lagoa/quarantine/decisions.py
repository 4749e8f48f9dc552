"""Records about which two branches decided otherwise: both loaded the same batch, and each decided the fates itself."""

# ruff: noqa: S608 - names are quoted
from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.contracts.quarantine import RECORD_KEY, with_fates
from lagoa.domain.sql_names import table_in_sql
from lagoa.domain.tables import TableName

if TYPE_CHECKING:
    from lagoa.context import LakeContext

_THEN, _ONE, _OTHER = (TableName(("lagoa_decided",), name) for name in ("before", "one", "other"))
_DECISION = (
    "CASE WHEN fate IS NOT NULL OR fixed IS NOT NULL THEN "
    "{'fate': fate, 'batch': fate_batch, 'fixed': fixed} END AS decision"
)


def decided_otherwise(context: LakeContext, before: str | None, one: str, other: str) -> bool:
    """Return whether two states of a quarantine decided about the same record since another state, and differently.

    Args:
        context: the lake.
        before: pointer of the state that both are based on; None if both created the table.
        one: pointer of one of the two states.
        other: pointer of the other one.
    """
    tables = {_ONE: one, _OTHER: other} | ({_THEN: before} if before else {})
    key = ", ".join(RECORD_KEY)
    states = {
        table: f"SELECT {key}, {_DECISION} FROM ({with_fates(table_in_sql(table))})" for table in (_ONE, _OTHER, _THEN)
    }
    if before is None:
        states[_THEN] = f"SELECT * FROM ({states[_ONE]}) WHERE false"
    query = (
        f"SELECT 1 FROM ({states[_ONE]}) AS a JOIN ({states[_OTHER]}) AS b USING ({key}) "
        f"LEFT JOIN ({states[_THEN]}) AS t USING ({key}) "
        "WHERE a.decision IS DISTINCT FROM t.decision AND b.decision IS DISTINCT FROM t.decision "
        "AND a.decision IS DISTINCT FROM b.decision LIMIT 1"
    )
    with context.engine.session(tables) as session:
        return bool(session.query(query).fetchall())
