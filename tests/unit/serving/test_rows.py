"""Rows of requests: what is refused, with the field."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import date

import pytest
from effort import many
from hypothesis import given, settings
from hypothesis import strategies as st

from lagoa.serving.rows import (
    GREATEST,
    MOST_CHARACTERS,
    MOST_ROWS,
    Moment,
    Number,
    Refused,
    RowReader,
    Text,
    Whole,
    key_type,
)

READER = RowReader(
    "m",
    {
        "id": Text | Whole, "at": Moment, "price": Number | None, "class": Text, "a b": Number, "model_config": Number,
        "shop": key_type("STRING"), "number": key_type("INT32"),
    },
)  # fmt: skip
ROW = {
    "id": 7, "at": "2026-01-01T00:00:00", "price": 1, "class": "x", "a b": 2.5, "model_config": 0, "shop": "s",
    "number": 3,
}  # fmt: skip


def document(**changes):
    return json.dumps({**ROW, **changes}).encode()


def test_one_row_and_several_are_read_in_the_order_of_the_columns():
    (row,) = READER.read(json.dumps(dict(reversed(ROW.items()))).encode())
    assert (row[0], row[1].isoformat(), *row[2:]) == (7, "2026-01-01T00:00:00", 1.0, "x", 2.5, 0.0, "s", 3)
    (row,) = READER.read(document(price=None, shop=None, at="2026-01-01T00:00:00.123456-03:00", id="é"))
    assert (row[0], row[2], row[6], row[1].utcoffset().total_seconds()) == ("é", None, None, -3 * 3600)
    (row,) = READER.read(document(at="2026-02-01"))
    assert row[1] == date(2026, 2, 1)
    rows = READER.read(b" \n\t[" + document() + b"," + document(id=8) + b"]")
    assert [row[0] for row in rows] == [7, 8]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"price": "1,5"}, "price"),
        ({"price": "1" * 19}, "price"),
        ({"price": True}, "price"),
        ({"price": 1e19}, "price"),
        ({"price": -(10**400)}, "price"),
        ({"price": [1]}, "price"),
        ({"a b": None}, "a b"),
        ({"class": 5}, "class"),
        ({"class": "x" * (MOST_CHARACTERS + 1)}, "class"),
        ({"shop": 5}, "shop"),
        ({"number": 2**31}, "number"),
        ({"number": "3"}, "number"),
        ({"id": None}, "id"),
        ({"id": 2**63}, "id"),
        ({"id": 1.5}, "id"),
        ({"at": "yesterday"}, "at"),
        ({"at": 1700000000}, "at"),
        ({"at": "0001-01-01T00:00:00"}, "at"),
        ({"at": "9999-12-31T23:59:59"}, "at"),
        ({"at": None}, "at"),
        ({"extra": 1}, "extra"),
        ({"f0": 1}, "f0"),
    ],
)
def test_what_is_wrong_is_named_without_its_value(changes, field):
    with pytest.raises(Refused) as told:
        READER.read(document(**changes))
    assert {each.place[0] for each in told.value.faults} == {field}
    with pytest.raises(Refused) as told:
        READER.read(b"[" + document() + b"," + document(**changes) + b"]")
    assert {each.place[:2] for each in told.value.faults} == {(1, field)}
    assert str(told.value.faults[0]).startswith(f"rows[1].{field}: ")


@pytest.mark.parametrize("word", [b"NaN", b"Infinity", b"-Infinity", b"1e999"])
def test_numbers_are_finite(word):
    with pytest.raises(Refused) as told:
        READER.read(document(price=12345).replace(b"12345", word))
    assert told.value.faults[0].place[:1] in {("price",), ()}


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"7", b'"x"', b"[[1]]", b"\xff\xfe", b'{"id": "\\ud800"}', b"[" * 100_000, b"{}" * 2],
)
def test_what_is_no_row_is_refused(body):
    with pytest.raises(Refused) as told:
        READER.read(body)
    assert len(told.value.faults) <= 20


def test_rows_are_counted():
    many = [ROW] * MOST_ROWS
    assert len(READER.read(json.dumps(many).encode())) == MOST_ROWS
    with pytest.raises(Refused, match="1000"):
        READER.read(json.dumps([*many, ROW]).encode())


def test_missing_fields_are_named():
    with pytest.raises(Refused) as told:
        READER.read(b"{}")
    assert [each.place for each in told.value.faults] == [(name,) for name in ROW]


def test_the_schema_has_the_columns():
    schema = READER.schema()
    assert list(schema["properties"]) == list(ROW)
    assert schema["additionalProperties"] is False
    assert schema["required"] == list(ROW)


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.just("2026-01-01T00:00:00")
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*ROW, "x"]), inner)
)
NEAR = st.fixed_dictionaries(dict.fromkeys(ROW, SCALARS))


@settings(max_examples=many(150))
@given(value=JSON | NEAR | st.lists(NEAR, max_size=3), cut=st.integers(0, 200))
def test_whatever_comes_is_read_or_refused(value, cut):
    whole = json.dumps(value).encode()
    for body in (whole, whole[:cut], whole[cut:]):
        with suppress(Refused):
            for row in READER.read(body):
                assert len(row) == len(ROW)
                assert row[2] is None or abs(row[2]) <= GREATEST
