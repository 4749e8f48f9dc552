"""Fingerprints of batches, which determine whether a repeated delivery is the same.

Each is prefixed by the name of its hash function, such as `rows-1:9f86…`. A batch with an older function is compared
by that one, so that an unchanged batch never looks different after a change of the function.
"""

# ruff: noqa: S608 - the names are constants of this module
from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from lagoa.errors import LakeTooNew

if TYPE_CHECKING:
    from collections.abc import Callable

    from lagoa.domain.ports.engine import SqlSession

FILE = "sha256"
"""The hash function of files: SHA-256 of the bytes."""

ROWS = "rows-1"
"""The current hash function of rows."""

_TAGGED = re.compile(r"(?P<function>sha256|rows-[0-9]+):(?P<hash>.+)")


def rows_1(session: SqlSession, source: str) -> str:
    """Return a hash of the rows of a table of the session; their order does not matter.

    Each row is hashed as text (MD5, with the halves summed separately), so equal rows of different types, such as an
    integer and a long, are the same content.
    """
    row = session.query(
        "SELECT count(*), sum(md5_number_lower(text)::HUGEINT), sum(md5_number_upper(text)::HUGEINT) "
        f"FROM (SELECT CAST(each AS VARCHAR) AS text FROM {source} AS each)"
    ).fetchall()[0]
    return hashlib.sha256(repr([str(value) for value in row]).encode()).hexdigest()


FUNCTIONS: dict[str, Callable[[SqlSession, str], str]] = {"rows-1": rows_1}
"""Every hash function of rows that a stored batch may have."""


class RowsFingerprint:
    """The fingerprint of rows in a session, by the current hash function or an older one.

    Args:
        session: the session.
        source: the table of the session with the rows.
    """

    def __init__(self, session: SqlSession, source: str) -> None:
        self._session = session
        self._source = source
        self._made: dict[str, str] = {}

    def __str__(self) -> str:
        return self._by(ROWS)

    def is_of(self, kept: str) -> bool:
        """Return whether a stored fingerprint is that of these rows; raises `LakeTooNew`."""
        match = _TAGGED.fullmatch(kept)
        if match is None:  # from a version without the prefix, or made by a caller
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
