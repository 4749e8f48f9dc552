"""The comparison of rows in the benchmark of TPC-H: engines divide and average decimals to other digits, no more."""

from __future__ import annotations

from decimal import Decimal

import pytest

from benchmarks.stack_tpch import QUERIES, check_rows

ROWS = [("a", 1, 0.3333333333, Decimal("12.50")), ("b", 2, 7.0, Decimal("0.10")), ("b", 2, 8.0, Decimal("0.10"))]


def test_all_queries_are_there():
    assert list(QUERIES) == list(range(1, 23))


@pytest.mark.parametrize(
    "found",
    [
        ROWS,
        ROWS[::-1],
        [("a", 1, Decimal("0.33"), 12.5), *ROWS[1:]],
        [("a", 1, Decimal("0.3333"), Decimal("12.5")), *ROWS[1:]],
        [("a", 1, 0.3333333334, Decimal("12.5000")), *ROWS[1:]],
    ],
)
def test_the_same_rows_in_any_order_to_the_digits_that_both_have(found):
    check_rows("Trino", 1, ROWS, found)


@pytest.mark.parametrize(
    "found",
    [
        ROWS[1:],
        [*ROWS, ROWS[0]],
        [],
        [("c", 1, 0.3333333333, Decimal("12.50")), *ROWS[1:]],
        [("a", 3, 0.3333333333, Decimal("12.50")), *ROWS[1:]],
        [("a", 1, 0.33334, Decimal("12.50")), *ROWS[1:]],
        [("a", 1, Decimal("0.34"), Decimal("12.50")), *ROWS[1:]],
        [("a", 1, 0.3333333333, Decimal("12.51")), *ROWS[1:]],
        [("a", 1, 0.3333333333), *ROWS[1:]],
        [("a", 1, None, Decimal("12.50")), *ROWS[1:]],
    ],
)
def test_others_are_told(found):
    with pytest.raises(RuntimeError, match=r"query 5 has . rows on Spark, and 3 on DuckDB"):
        check_rows("Spark", 5, ROWS, found)
