"""Nested types that get the fields of others."""

# ruff: noqa: E501 - one case a line

from __future__ import annotations

import pytest

from lagoa.contracts.widening import extended


@pytest.mark.parametrize(
    ("was", "found", "wanted", "paths"),
    [
        ("struct<a: int>", "struct<b: long, a: long>", "struct<a: int, b: long>", ["b"]),
        ("struct<a: int, b: date>", "struct<a: int>", "struct<a: int, b: date>", []),
        ("list<struct<a: int>>", "list<struct<a: int, b: date>>", "list<struct<a: int, b: date>>", ["element.b"]),
        ("map<string, struct<a: int>>", "map<string, struct<`b-c`: int>>", "map<string, struct<a: int, `b-c`: int>>", ["value.b-c"]),
        ("struct<s: struct<a: int>, t: int>", "struct<s: struct<b: int>, u: int>", "struct<s: struct<a: int, b: int>, t: int, u: int>", ["s.b", "u"]),
        ("struct<a: int>", "struct<A: int>", "struct<a: int>", []),
        ("struct<a: int>", "map<string, int>", "struct<a: int>", []),
        ("list<string>", "list<struct<a: int>>", "list<string>", []),
        ("string", "struct<a: int>", "string", []),
    ],
)  # fmt: skip
def test_new_fields_come_after_those_that_are_there(was, found, wanted, paths):
    assert extended(was, found) == (wanted, paths)


def test_values_inside_are_widened_only_where_that_is_wanted():
    was, found = "struct<a: int, b: decimal(4, 2), c: string>", "struct<a: long, b: decimal(9, 2), c: long>"
    assert extended(was, found) == (was, [])
    assert extended(was, found, widen=True) == ("struct<a: long, b: decimal(9, 2), c: string>", [])
