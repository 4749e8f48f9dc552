"""Deliveries of rows: whether one was loaded before, and the fingerprint of one that comes without."""

# ruff: noqa: S608 - the names are this module's own
from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from lagoa.errors import BatchChanged
from lagoa.write.holds import BATCH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lagoa.domain.commits import Batch
    from lagoa.domain.ports.engine import SqlSession
    from lagoa.domain.tables import TableName


def loaded_before(properties: Mapping[str, str], table: TableName, batch: Batch) -> bool:
    """Return whether the table, by its properties, has this batch already.

    Raises:
        BatchChanged: it has one of this id with another content.
    """
    known = properties.get(BATCH + batch.id)
    if known is not None and known != batch.fingerprint:
        raise BatchChanged(table, batch.id, known, batch.fingerprint)
    return known is not None


def fingerprint_of(session: SqlSession, source: str) -> str:
    """Return a hash of the rows that a table of the session holds; their order does not count.

    Each row is hashed as text (MD5, of which the sums of both halves are kept), so equal rows of other types, such
    as an integer and a long, are the same content.
    """
    row = session.query(
        "SELECT count(*), sum(md5_number_lower(text)::HUGEINT), sum(md5_number_upper(text)::HUGEINT) "
        f"FROM (SELECT CAST(each AS VARCHAR) AS text FROM {source} AS each)"
    ).fetchall()[0]
    return hashlib.sha256(repr([str(value) for value in row]).encode()).hexdigest()
