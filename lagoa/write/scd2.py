"""SCD2: a table becomes the versions that follow from observations; see `lagoa.contracts.scd2`.

The input is all observations, and the versions of a key depend only on them. Only the differences are written,
copy-on-write.
"""

# ruff: noqa: S608 - names are quoted
from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lagoa.contracts.scd2 import (
    CURRENT,
    DELETED,
    FROM,
    business_key,
    observations_sql,
    selected_columns,
    single_versions_sql,
    versions_sql,
)
from lagoa.domain.sql_names import name_in_sql
from lagoa.errors import WriteError
from lagoa.write.copy_on_write import read_part, replaced_files, rows_by_file
from lagoa.write.target import FileChanges

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyiceberg.table.metadata import TableMetadata

    from lagoa.contracts import Contract
    from lagoa.domain.ports.engine import SqlSession
    from lagoa.write.incoming import Incoming
    from lagoa.write.sources import SessionQuery
    from lagoa.write.target import Target

_OBSERVED, _SEVERAL = "_lagoa_observed", "_lagoa_several"
_VERSIONS, _NEW = "_lagoa_versions", "_lagoa_new"


def history_rows(
    rows: SessionQuery, target: Target, contract: Contract, incoming: Incoming | None = None
) -> FileChanges:
    """Make the table the history of the given observations, which must be complete.

    Args:
        rows: the observations.
        target: the table.
        contract: the table's contract.
        incoming: where the observations are kept as received.

    Raises:
        WriteError: a key or a time is null; a row does not fit the table.
    """
    session = rows.session
    _check_columns(rows, target, contract)
    try:
        versions = stage_observations(rows, target.metadata, contract)
        kept = incoming.keep(session, target, f"SELECT * FROM {_OBSERVED}") if incoming else ()
        if not target.tasks:
            files = session.write(versions, target.metadata)
            added = sum(file.record_count for file in files)
            return FileChanges(files, rows_added=added, key=contract.key, incoming=kept)
        session.stage(_VERSIONS, versions, target.metadata)
        return replace(_difference(session, target, contract), incoming=kept)
    finally:
        for name in (_OBSERVED, _SEVERAL, _VERSIONS, _NEW):
            session.query(f"DROP TABLE IF EXISTS {name}")


def stage_observations(rows: SessionQuery, metadata: TableMetadata, contract: Contract) -> str:
    """Store observations in the session, in the table's types; return SQL for the versions that follow from them.

    Raises:
        WriteError: a key or a time is null; a row does not fit the table.
    """
    session = rows.session
    session.stage(_OBSERVED, observations_sql(contract, rows.sql), metadata, parameters=rows.parameters)
    _refuse_nulls(session, contract)
    if _all_by_delivery(session, contract):
        return versions_sql(contract, _OBSERVED)
    names = list(map(name_in_sql, business_key(contract)))
    several = f"SELECT {', '.join(names)} FROM {_OBSERVED} GROUP BY ALL HAVING count(*) > 1"
    session.query(f"CREATE OR REPLACE TEMP TABLE {_SEVERAL} AS {several}").fetchall()
    if not session.query(f"SELECT 1 FROM {_SEVERAL} LIMIT 1").fetchall():  # usually a first load
        return single_versions_sql(contract, _OBSERVED)
    same = " AND ".join(f"o.{name} = s.{name}" for name in names)
    part = f"(SELECT o.* FROM {_OBSERVED} AS o {{}} JOIN {_SEVERAL} AS s ON {same})"
    once = single_versions_sql(contract, part.format("ANTI"))
    return f"{versions_sql(contract, part.format('SEMI'))} UNION ALL {once}"


def _check_columns(rows: SessionQuery, target: Target, contract: Contract) -> None:
    """Refuse a deletion marker that is not configured, and columns that clash with the generated ones."""
    wanted = selected_columns(contract)
    found = rows.session.columns(rows.sql, rows.parameters)
    unknown = [name for name in found if name not in wanted]
    missing = [name for name in wanted if name not in found]
    if unknown or missing:
        what = f"have no column {missing[0]!r}" if missing else f"have an unknown column {unknown[0]!r}"
        advice = f"Observations have the columns {', '.join(wanted)}."
        if DELETED in unknown:
            advice += " To mark deletions, set `deletions: marker` in lagoa.scd2."
        raise WriteError(target.name, f"the observations {what}.", advice)


def _refuse_nulls(session: SqlSession, contract: Contract) -> None:
    counts = ", ".join(f"count(*) FILTER ({name_in_sql(name)} IS NULL)" for name in contract.key)
    for name, nulls in zip(contract.key, session.query(f"SELECT {counts} FROM {_OBSERVED}").fetchall()[0], strict=True):
        if nulls:
            raise WriteError(
                contract.table,
                f"{name!r} is null in {nulls:,} observation{'s' if nulls > 1 else ''}.",
                "An observation needs its key and its time. Nothing was written.",
            )


def _all_by_delivery(session: SqlSession, contract: Contract) -> bool:
    """Return whether keys may be missing from a later delivery, so that no key can be processed separately."""
    if contract.scd2 is None or contract.scd2.deletions != "missing":
        return False
    first, last = session.query(f"SELECT min({FROM}), max({FROM}) FROM {_OBSERVED}").fetchall()[0]
    return bool(first != last)


def _difference(session: SqlSession, target: Target, contract: Contract) -> FileChanges:
    part = read_part(session, target, target.tasks)
    same = _same(contract, target.columns)
    gone = rows_by_file(session, part, f"AS o ANTI JOIN {_VERSIONS} AS n ON {same}")
    new = f"SELECT n.* FROM {_VERSIONS} AS n ANTI JOIN {part.sql} AS o ON {same}"
    session.query(f"CREATE OR REPLACE TEMP TABLE {_NEW} AS {new}").fetchall()
    counts = ", ".join(f"(SELECT count(*) FROM {name})" for name in (_NEW, _VERSIONS, f"{part.sql} AS o"))
    added, after, before = session.query(f"SELECT {counts}").fetchall()[0]
    old = replaced_files(session, target, part, gone)
    if before - old.rows + added != after:  # a version exists twice: another writer added it
        files = session.write(f"SELECT * FROM {_VERSIONS}", target.metadata)
        return FileChanges(files, [task.file for task in target.tasks], after, before, key=contract.key)
    if not (added or old.rows):
        return FileChanges(key=contract.key)
    stay = ""
    if old.source:
        columns = ", ".join(f"o.{name_in_sql(name)}" for name in target.columns)
        stay = f" UNION ALL SELECT {columns} FROM {old.source} AS o SEMI JOIN {_VERSIONS} AS n ON {same}"
    files = session.write(f"SELECT * FROM {_NEW}{stay}", target.metadata)
    return FileChanges(files, old.files, added, old.rows, key=contract.key)


def _same(contract: Contract, columns: Sequence[str]) -> str:
    """Return the condition that two rows are the same version; key columns are never null."""
    terms = [
        f"o.{name_in_sql(name)} {'=' if name in (*contract.key, CURRENT) else 'IS NOT DISTINCT FROM'} "
        f"n.{name_in_sql(name)}"
        for name in columns
    ]
    return " AND ".join(terms)
