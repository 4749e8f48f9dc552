"""Fingerprints of batches, which determine whether a repeated delivery is the same.

Each is prefixed by the name of its hash function, such as `rows-1:9f86…`. A batch with an older function is compared
by that one, so that an unchanged batch never looks different after a change of the function.
"""

# ruff: noqa: S608 - names are quoted, sources are ours
from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from lagoa.domain.sql_names import names_in_sql

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lagoa.domain.ports.engine import SqlSession

FILE = "sha256"
"""The hash function of files: SHA-256 of the bytes."""

GIVEN = "rows-1"
"""The hash function of rows as they were given, by their text; it is the same in every version of the engine."""

STORED = "rows-2"
"""The hash function of rows as the table has them: eight times as fast, but by the engine's hash function of values.

Where it differs, the rows of the batch in the table decide; see `lagoa.write.deliveries`.
"""

_TAGGED = re.compile(r"(?P<function>sha256|rows-[0-9]+):(?P<hash>.+)")


def given_rows(session: SqlSession, source: str) -> str:
    """Return the fingerprint of rows as they were given; their order does not matter.

    Each row is hashed as text (MD5, with the halves summed separately), so equal rows of different types, such as an
    integer and a long, are the same content.

    Args:
        session: the session.
        source: SQL to select them from.
    """
    row = session.query(
        "SELECT count(*), sum(md5_number_lower(text)::HUGEINT), sum(md5_number_upper(text)::HUGEINT) "
        f"FROM (SELECT CAST(each AS VARCHAR) AS text FROM {source} AS each)"
    ).fetchall()[0]
    return _fingerprint(GIVEN, row)


def stored_rows(session: SqlSession, source: str | None, columns: Sequence[str]) -> str:
    """Return the fingerprint of rows in a table's types; their order does not matter.

    The engine hashes each row to 64 bits, twice: once with another value before the row's own. Both are summed in
    128 bits. If two deliveries differ in a text or in bytes, they have the same fingerprint by a chance of 2**-64; if
    only in numbers or moments, by less. It is no protection against somebody who makes up such rows.

    Args:
        session: the session.
        source: SQL to select them from; None if there are none.
        columns: names of the columns that count.
    """
    if source is None:
        return _fingerprint(STORED, (0, None, None))
    names = names_in_sql(columns)
    row = session.query(
        f"SELECT count(*), sum(hash({names})::HUGEINT), sum(hash(1, {names})::HUGEINT) FROM {source}"
    ).fetchall()[0]
    return _fingerprint(STORED, row)


def function_of(fingerprint: str) -> str:
    """Return the name of the function that made a fingerprint.

    One without a prefix is from a version that did not write it, or made by a caller.
    """
    match = _TAGGED.fullmatch(fingerprint)
    return match["function"] if match else GIVEN


def _fingerprint(function: str, sums: Sequence[int | None]) -> str:
    return f"{function}:{hashlib.sha256(repr([str(value) for value in sums]).encode()).hexdigest()}"


def same(kept: str, given: str) -> bool:
    """Return whether two fingerprints are equal; one without a prefix is of the first version of a function."""
    if kept == given:
        return True
    a, b = _TAGGED.fullmatch(kept), _TAGGED.fullmatch(given)
    if (a is None) == (b is None):
        return False
    tagged, plain = (a, given) if a is not None else (b, kept)
    return tagged is not None and tagged["function"] in {FILE, "rows-1"} and tagged["hash"] == plain


def digest_of(fingerprint: str) -> str:
    """Return a fingerprint without its prefix."""
    match = _TAGGED.fullmatch(fingerprint)
    return match["hash"] if match else fingerprint
