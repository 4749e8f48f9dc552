"""Fingerprints of batches: what tells whether a delivery that comes again is the same.

Each has the name of its function in front, such as `rows-1:9f86…`. A batch that came by an older function is compared
by that one, so that a change of the function never makes an unchanged batch look like another.
"""

# ruff: noqa: S608 - the names are this module's own
from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from lagoa.errors import LakeTooNew

if TYPE_CHECKING:
    from collections.abc import Callable

    from lagoa.domain.ports.engine import SqlSession

FILE = "sha256"
"""The function of files: SHA-256 of the bytes."""

ROWS = "rows-1"
"""The function of rows that Lagoa uses today."""

_TAGGED = re.compile(r"(?P<function>sha256|rows-[0-9]+):(?P<hash>.+)")


def rows_1(session: SqlSession, source: str) -> str:
    """Return a hash of the rows that a table of the session holds; their order does not count.

    Each row is hashed as text (MD5, of which the sums of both halves are kept), so equal rows of other types, such
    as an integer and a long, are the same content.
    """
    row = session.query(
        "SELECT count(*), sum(md5_number_lower(text)::HUGEINT), sum(md5_number_upper(text)::HUGEINT) "
        f"FROM (SELECT CAST(each AS VARCHAR) AS text FROM {source} AS each)"
    ).fetchall()[0]
    return hashlib.sha256(repr([str(value) for value in row]).encode()).hexdigest()


FUNCTIONS: dict[str, Callable[[SqlSession, str], str]] = {"rows-1": rows_1}
"""Every function of rows that a batch may have come by."""


class RowsFingerprint:
    """The fingerprint of rows in a session, by today's function or by an older one.

    Args:
        session: where they are.
        source: the table of the session that holds them.
    """

    def __init__(self, session: SqlSession, source: str) -> None:
        self._session = session
        self._source = source
        self._made: dict[str, str] = {}

    def __str__(self) -> str:
        return self._by(ROWS)

    def is_of(self, kept: str) -> bool:
        """Return whether a fingerprint that was kept is of these rows; raises `LakeTooNew`."""
        match = _TAGGED.fullmatch(kept)
        if match is None:  # of a version that put no function in front, or of a caller's own making
            return same(kept, self._by("rows-1"))
        if match["function"] == FILE:
            return False
        return self._by(match["function"]) == kept

    def _by(self, function: str) -> str:
        if function not in self._made:
            if function not in FUNCTIONS:
                raise LakeTooNew("A batch's fingerprint", _number(function), max(map(_number, FUNCTIONS)))
            self._made[function] = f"{function}:{FUNCTIONS[function](self._session, self._source)}"
        return self._made[function]


def _number(function: str) -> int:
    return int(function.rpartition("-")[2])


def same(kept: str, given: str) -> bool:
    """Return whether two fingerprints are equal; one without its function is of the first version of any."""
    if kept == given:
        return True
    a, b = _TAGGED.fullmatch(kept), _TAGGED.fullmatch(given)
    if (a is None) == (b is None):
        return False
    tagged, plain = (a, given) if a is not None else (b, kept)
    return tagged is not None and tagged["function"] in {FILE, "rows-1"} and tagged["hash"] == plain


def digest_of(fingerprint: str) -> str:
    """Return a fingerprint without the name of its function."""
    match = _TAGGED.fullmatch(fingerprint)
    return match["hash"] if match else fingerprint
