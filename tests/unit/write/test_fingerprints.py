"""Fingerprints carry their function, and are compared by the function that made them."""

from __future__ import annotations

import duckdb
import pytest

from lagoa.write.fingerprints import GIVEN, STORED, digest_of, function_of, given_rows, same, stored_rows

HASH = "a" * 64


class Session:
    """What the functions need of a session."""

    def __init__(self) -> None:
        self.query = duckdb.connect().execute


def fingerprint_of(rows: str, columns: tuple[str, ...] = ("id", "name")) -> str:
    return stored_rows(Session(), f"(VALUES {rows}) AS t(id, name)", columns)


ROWS = "(1, 'a'), (2, 'b'), (2, 'b'), (NULL, NULL)"
OTHERS = [
    "(1, 'a'), (2, 'b'), (NULL, NULL)",
    "(1, 'a'), (2, 'b'), (2, 'b'), (2, 'b')",
    "(1, 'b'), (2, 'a'), (2, 'b'), (NULL, NULL)",
    "(1, 'a'), (2, 'b'), (2, 'b'), (NULL, '')",
    "(1, 'a'), (2, 'b'), (2, 'b'), (0, NULL)",
    "(1, 'a'), (3, 'b'), (1, 'b'), (NULL, NULL)",
    "(1, 'a'), (1, 'a'), (2, 'b'), (NULL, NULL)",
]


@pytest.mark.parametrize("rows", OTHERS)
def test_other_rows_have_another_fingerprint(rows):
    assert fingerprint_of(rows) != fingerprint_of(ROWS)
    assert given_rows(Session(), f"(VALUES {rows})") != given_rows(Session(), f"(VALUES {ROWS})")


def test_the_order_of_the_rows_does_not_matter():
    other = "(NULL, NULL), (2, 'b'), (1, 'a'), (2, 'b')"
    assert fingerprint_of(other) == fingerprint_of(ROWS)
    assert given_rows(Session(), f"(VALUES {other})") == given_rows(Session(), f"(VALUES {ROWS})")


def test_only_the_given_columns_count():
    assert fingerprint_of("(1, 'a')", ("id",)) == fingerprint_of("(1, 'b')", ("id",)) != fingerprint_of("(1, 'a')")
    assert fingerprint_of("('a', 'b')") != fingerprint_of("('b', 'a')")


def test_no_rows_have_a_fingerprint_without_a_source():
    empty = stored_rows(Session(), "(SELECT * FROM (VALUES (1)) AS t(id) WHERE false)", ["id"])
    assert stored_rows(Session(), None, ["id"]) == empty


def test_each_carries_its_function():
    assert function_of(fingerprint_of(ROWS)) == STORED
    assert function_of(given_rows(Session(), "(VALUES (1))")) == function_of(HASH) == GIVEN
    assert function_of(f"sha256:{HASH}") == "sha256"


@pytest.mark.parametrize(
    ("kept", "given", "equal"),
    [
        (f"sha256:{HASH}", f"sha256:{HASH}", True),
        (HASH, f"sha256:{HASH}", True),
        (HASH, f"rows-1:{HASH}", True),
        (f"sha256:{HASH}", HASH, True),
        (HASH, f"rows-2:{HASH}", False),
        (f"rows-1:{HASH}", f"sha256:{HASH}", False),
        ("their own", "their own", True),
        ("their own", "another", False),
        ("v1:x", "x", False),
    ],
)
def test_a_fingerprint_without_a_function_is_of_the_first_version(kept, given, equal):
    assert same(kept, given) is equal
    assert same(given, kept) is equal


def test_the_digest_is_what_stands_behind_the_function():
    assert digest_of(f"rows-1:{HASH}") == digest_of(HASH) == HASH
