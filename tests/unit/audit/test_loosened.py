"""Which checks of the next state ask for less than those that guarded main."""

from __future__ import annotations

import json
from typing import Any

import pytest
from effort import many
from hypothesis import given, settings
from hypothesis import strategies as st

from lagoa.audit.loosened import loosened, tightened
from lagoa.domain.checks import CheckResult


def result(check: str, definition: Any = None, **fields: Any) -> CheckResult:
    text = "" if definition is None else json.dumps(definition)
    table = check.partition("/")[0]
    return CheckResult(check, table, "passed", 0.0, "= 0", "0 rows", 0.0, "k", definition=text, **fields)


def of(kind: str, before: Any, after: Any) -> tuple[str, ...]:
    found = loosened([result(f"a.b/{kind}", before)], [result(f"a.b/{kind}", after)], {"a.b"}, {})
    return tuple(each.removeprefix(f"a.b/{kind}: ") for each in found)


def soda(threshold: dict[str, Any], kind: str = "metric", **body: Any) -> list[Any]:
    return [kind, {"query": "select 1", **body, "threshold": threshold}, {"column": {}, "filter of the file": None}]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({"enum": ["a", "b"]}, {"enum": ["b", "c", "a"]}, "allows c, too"),
        ({"enum": ["a", "b"]}, {"enum": ["a"]}, ""),
        ({"enum": [1]}, {"enum": [*range(1, 9)]}, "allows 2, 3, 4, 5, 6 and 2 more, too"),
        ({"range": {">=": 0}}, {"range": {">=": -1}}, ">= -1 instead of >= 0"),
        ({"range": {">=": 0}}, {"range": {">": 0}}, ""),
        ({"range": {">": 0}}, {"range": {">=": 0}}, ">= 0 instead of > 0"),
        ({"range": {">": 0}}, {"range": {">=": 1}}, ""),
        ({"range": {">=": 0, "<=": 9}}, {"range": {">=": 1}}, "no longer <= 9"),
        ({"range": {"<": "2026-01-01"}}, {"range": {"<": "2027-01-01"}}, "< 2027-01-01 instead of < 2026-01-01"),
        ({"range": {">=": 0, ">": 5}}, {"range": {">=": 3}}, ">= 3 instead of > 5"),
        ({"length": {"<=": 5}}, {"length": {"<=": 4}}, ""),
        ({"length": {"<=": 5}}, {"length": {"<=": 6}}, "<= 6 instead of <= 5"),
        ({"limit": 0.01}, {"limit": 0.05}, "up to 5.00% instead of 1.00%"),
        ({"limit": 0.05}, {"limit": 0.01}, ""),
        ({"pattern": "^a"}, {"pattern": "a"}, "changed from ^a to a"),
        ({"foreign key": "a.c.id"}, {"foreign key": "a.d.id"}, "changed from a.c.id to a.d.id"),
        (soda({"must_be_less_than": 1}), soda({"must_be_less_than": 2}), "must_be_less_than 2 instead of 1"),
        (soda({"must_be_less_than": 2}), soda({"must_be_less_than": 1}), ""),
        (
            soda({"must_be_greater_than_or_equal": 5}),
            soda({"must_be_greater_than_or_equal": 4}),
            "must_be_greater_than_or_equal 4 instead of 5",
        ),
        (
            soda({"must_be_between": {"greater_than": 5, "less_than": 9}}),
            soda({"must_be_between": {"greater_than": 6, "less_than": 10}}),
            "must_be_between.less_than 10 instead of 9",
        ),
        (soda({"must_be": 1}), soda({"must_be": 2}), "must_be changed from 1 to 2"),
        (soda({"must_be": 1}), soda({"must_be_less_than": 2}), "changed"),
        (soda({}), soda({}, query="select 2"), "changed"),
        (soda({"level": "fail"}, name="x"), soda({"level": "warn"}, name="y"), ""),
    ],
)
def test_what_is_asked_is_compared(before: Any, after: Any, said: str) -> None:
    of_word = {"limit": ("row_count", "drift/c", "quarantine_share"), "foreign key": ("foreign_key/c",)}
    word = next(iter(before))
    kinds = ("soda/checks.metric",) if isinstance(before, list) else of_word.get(word, (f"{word}/c",))
    for kind in kinds:
        assert of(kind, before, after) == ((said,) if said else ())


def test_a_kind_that_is_gone_is_compared_word_by_word() -> None:
    assert of("nosuch/c", {"a": 1, "b": 2}, {"a": 1, "b": 3}) == ("changed from 2 to 3",)


def test_removed_checks_and_lower_severities_are_named() -> None:
    before = [result("a.b/key/id"), result("a.b/required/v"), result("a.c/key/id"), result("a.d/contract")]
    after = [result("a.b/required/v", severity="warn"), result("a.d/contract"), result("a.d/key/id")]
    assert loosened(before, after, {"a.b", "a.d"}, {}) == ("a.b/key/id: removed", "a.b/required/v: only warns now")


def test_a_renamed_column_keeps_its_checks() -> None:
    before = [result("a.b/enum/v", {"enum": ["x"]}), result("a.b/key/id+v"), result("a.b/required/w")]
    after = [result("a.b/enum/n", {"enum": ["x", "y"]}), result("a.b/key/id+n")]
    renames = {"a.b": {"v": "n", "w": "gone"}}
    assert loosened(before, after, {"a.b"}, renames) == ("a.b/enum/n: allows y, too", "a.b/required/w: removed")


def test_results_of_an_older_lagoa_tell_only_what_is_gone() -> None:
    assert of("enum/c", None, {"enum": ["a"]}) == ()


BOUNDS = st.dictionaries(st.sampled_from([">=", ">", "<=", "<"]), st.integers(-3, 3), min_size=1)


def allows(bounds: dict[str, int], value: float) -> bool:
    tests = {">=": value.__ge__, ">": value.__gt__, "<=": value.__le__, "<": value.__lt__}
    return all(tests[sign](float(bound)) for sign, bound in bounds.items())


@settings(max_examples=many(75), deadline=None)
@given(BOUNDS, BOUNDS)
def test_a_range_is_loosened_where_a_value_passes_that_did_not(before: dict[str, int], after: dict[str, int]) -> None:
    more = any(allows(after, at / 2) and not allows(before, at / 2) for at in range(-10, 11))
    if more:
        assert of("range/c", {"range": before}, {"range": after})
    assert not of("range/c", {"range": before}, {"range": before})


@settings(max_examples=50, deadline=None)
@given(st.sets(st.integers(0, 6), min_size=1), st.sets(st.integers(0, 6), min_size=1))
def test_a_list_of_values_is_loosened_where_one_comes_in(before: set[int], after: set[int]) -> None:
    assert bool(of("enum/c", {"enum": [*before]}, {"enum": [*after]})) is bool(after - before)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({"range": {">=": -1}}, {"range": {">=": 0}}, ("stricter",)),
        ({"range": {">=": 0}}, {"range": {">=": -1}}, ()),
        ({"range": {">=": 0}}, {"range": {">=": 0}}, ()),
        ({"enum": ["a", "b"]}, {"enum": ["a"]}, ("stricter",)),
        ({"enum": ["a", "b"]}, {"enum": ["a", "c"]}, ()),
    ],
)
def test_what_asks_for_more_is_told(before, after, said):
    kind = next(iter(before))
    was, now = result(f"a.b/{kind}/c", before), result(f"a.b/{kind}/c", after)
    found = tightened([was], [now], {"a.b"}, {})
    assert tuple(each.removeprefix(f"a.b/{kind}/c: ") for each in found) == said


def test_a_check_that_is_new_or_blocks_now_is_told():
    warns = result("a.b/required/c", severity="warn")
    blocks = result("a.b/required/c")
    assert tightened([warns], [blocks], {"a.b"}, {}) == ("a.b/required/c: blocks now",)
    assert tightened([blocks], [warns], {"a.b"}, {}) == ()
    assert tightened([], [blocks], {"a.b"}, {}) == ("a.b/required/c: new",)
    assert tightened([], [blocks], set(), {}) == ()  # of a new table
    assert tightened([blocks], [result("a.b/required/d")], {"a.b"}, {"a.b": {"c": "d"}}) == ()  # its column was renamed
