"""Fingerprints carry their function, and are compared by the function that made them."""

from __future__ import annotations

import pytest

from lagoa.errors import LakeTooNew
from lagoa.write import fingerprints
from lagoa.write.fingerprints import RowsFingerprint, digest_of, same

HASH = "a" * 64


class Rows:
    """A session whose rows have this hash by each function."""


@pytest.fixture
def functions():
    """Two functions of rows, the second of which is today's."""
    kept = dict(fingerprints.FUNCTIONS)
    fingerprints.FUNCTIONS.update({"rows-1": lambda *_: "one", "rows-2": lambda *_: "two"})
    yield
    fingerprints.FUNCTIONS.clear()
    fingerprints.FUNCTIONS.update(kept)


def test_a_batch_that_came_by_an_older_function_is_compared_by_that_one(functions):
    rows = RowsFingerprint(Rows(), "rows")
    assert rows.is_of("rows-1:one")
    assert rows.is_of("rows-2:two")
    assert not rows.is_of("rows-2:one")
    assert rows.is_of("one")  # of the first version, which put no function in front


def test_rows_are_no_file(functions):
    assert not RowsFingerprint(Rows(), "rows").is_of("sha256:one")


def test_a_function_of_a_newer_version_is_no_changed_batch(functions):
    with pytest.raises(LakeTooNew, match="format 7"):
        RowsFingerprint(Rows(), "rows").is_of("rows-7:whatever")


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
