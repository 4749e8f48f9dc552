"""Casts from text: what is taken, and that nothing is taken which would lose a part of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import duckdb
import pytest
from effort import many
from hypothesis import given, settings
from hypothesis import strategies as st

from lagoa.contracts.sources import Spelling
from lagoa.domain.sql_names import name_in_sql, text_in_sql
from lagoa.formats.shared.values import from_text

REFUSED = object()
at = datetime.fromisoformat


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    found = duckdb.connect()
    found.execute("SET TimeZone = 'America/Sao_Paulo'")  # no value may depend on it
    return found


def cast(
    connection: duckdb.DuckDBPyConnection, text: str | None, kind: str, decimal: str = ".", **spelling: Any
) -> Any:
    value = from_text("t", "v", kind, Spelling(decimal, **spelling))
    shown = "v AT TIME ZONE 'UTC'" if kind == "timestamptz" else "v"
    bad = " OR ".join(f"coalesce({each}, false)" for each in value.bad) or "false"
    found = connection.execute(
        f"SELECT {shown}, {bad} FROM (SELECT *, {value.sql} AS v FROM (SELECT ?::VARCHAR AS t))", [text]
    ).fetchone()
    assert found is not None
    assert found[1] in {True, False}
    return REFUSED if found[1] else found[0]


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("string", " as it is ", " as it is "),
        ("int", "12", 12),
        ("int", " -7 ", -7),
        ("int", "+7", 7),
        ("int", "0", 0),
        ("int", "-0", 0),
        ("int", "007", REFUSED),
        ("int", "+007", REFUSED),
        ("int", "-007", REFUSED),
        ("int", " 00 ", REFUSED),
        ("int", "00.0", REFUSED),
        ("long", "00000000", REFUSED),
        ("int", "3.0", 3),
        ("int", "3.5", REFUSED),
        ("int", "3.00", 3),
        ("int", "3.000", REFUSED),
        ("long", " -120.000 ", REFUSED),
        ("int", "1200.000", 1200),
        ("int", "0.000", 0),
        ("decimal(8, 2)", "12.000", REFUSED),
        ("decimal(8, 2)", "12.0000", Decimal("12.00")),
        ("decimal(8, 3)", "12.000", Decimal("12.000")),
        ("double", "12.000", 12.0),
        ("int", "1e3", REFUSED),
        ("int", "0x10", REFUSED),
        ("int", "1_000", REFUSED),
        ("int", "2147483648", REFUSED),
        ("int", "\u0661", REFUSED),
        ("int", "true", REFUSED),
        ("long", "9223372036854775807", 2**63 - 1),
        ("long", "9223372036854775808", REFUSED),
        ("decimal(6, 2)", "1234.5", Decimal("1234.50")),
        ("decimal(6, 2)", ".5", Decimal("0.50")),
        ("decimal(6, 2)", "1.2300", Decimal("1.23")),
        ("decimal(6, 2)", "1.239", REFUSED),
        ("decimal(6, 2)", "12345", REFUSED),
        ("decimal(6, 2)", "1e2", REFUSED),
        ("decimal(6, 2)", "0.50", Decimal("0.50")),
        ("decimal(6, 2)", "00.50", REFUSED),
        ("decimal(18, 0)", "012345678901234567", REFUSED),
        ("decimal(6, 2)", ".", REFUSED),
        ("double", "-1.5e3", -1500.0),
        ("double", " 2 ", 2.0),
        ("double", "nan", REFUSED),
        ("double", "inf", REFUSED),
        ("double", "1e400", REFUSED),
        ("double", "1_0", REFUSED),
        ("double", "01.5", REFUSED),
        ("double", "0.5", 0.5),
        ("double", "1e05", 100_000.0),
        ("double", "40939.112971807228", REFUSED),
        ("double", "40939.112971807226", 40939.112971807226),
        ("double", "0.10000000000000001", REFUSED),
        ("double", "123456789012345", 123456789012345.0),
        ("double", "9007199254740992", 9007199254740992.0),
        ("double", "9007199254740993", REFUSED),
        ("double", "1.50000000000000000000", 1.5),
        ("double", "100000000000000000000000", 1e23),
        ("double", "0.000000000000000000000000000001234", 1.234e-30),
        ("double", "4.94e-324", REFUSED),
        ("double", "5e-324", 5e-324),
        ("float", "3.14159265", REFUSED),
        ("float", "16777217", REFUSED),
        ("float", "16777216", 16777216.0),
        ("double", "1,5", REFUSED),
        ("float", "0.5", 0.5),
        ("float", "1e300", REFUSED),
        ("boolean", "true", True),
        ("boolean", "F", False),
        ("boolean", "2", REFUSED),
        ("boolean", "on", REFUSED),
        ("date", "2018-01-02", date(2018, 1, 2)),
        ("date", "2018-01-02 00:00:00", date(2018, 1, 2)),
        ("date", "2018-01-02 10:00:00", REFUSED),
        ("date", "2018-02-30", REFUSED),
        ("date", "2018-1-2", REFUSED),
        ("date", "2018-01-02abc", REFUSED),
        ("date", "infinity", REFUSED),
        ("date", "0044-03-15 (BC)", REFUSED),
        ("date", "0000-01-01", REFUSED),
        ("timestamp", "12018-01-01 00:00:00", REFUSED),
        ("timestamptz", "infinity", REFUSED),
        ("time", "10:11:12.5", time(10, 11, 12, 500_000)),
        ("time", "10:11", time(10, 11)),
        ("time", "10:11:12+02", REFUSED),
        ("timestamp", "2018-01-02 10:11:12", at("2018-01-02 10:11:12")),
        ("timestamp", "2018-01-02T10:11:12.123456", at("2018-01-02 10:11:12.123456")),
        ("timestamp", "2018-01-02", at("2018-01-02 00:00:00")),
        ("timestamp", "2018-01-02 10:11:12.123456000", at("2018-01-02 10:11:12.123456")),
        ("timestamp", "2018-01-02 10:11:12.1234567", REFUSED),
        ("timestamp", "2018-01-02 10:11:12Z", REFUSED),
        ("timestamp", "2018-01-02 10:11:12+02", REFUSED),
        ("timestamp", "2018-01-02 25:00:00", REFUSED),
        ("timestamp", "epoch", REFUSED),
        ("timestamptz", "2018-01-02 10:11:12", at("2018-01-02 10:11:12")),
        ("timestamptz", "2018-01-02T10:11:12Z", at("2018-01-02 10:11:12")),
        ("timestamptz", "2018-01-02 10:11:12-03:00", at("2018-01-02 13:11:12")),
        ("timestamptz", "2018-01-02 10:11:12 America/Sao_Paulo", REFUSED),
        ("timestamptz", "2018-01-02", at("2018-01-02 00:00:00")),
        ("timestamptz", "2018-01-02 10:11:12+05:45", at("2018-01-02 04:26:12")),
        ("timestamptz", "2018-01-02 10:11:12+0530", at("2018-01-02 04:41:12")),
        ("timestamptz", "2018-01-02 10:11:12-12", at("2018-01-02 22:11:12")),
        ("timestamptz", "2018-01-02 10:11:12+99:99", REFUSED),
        ("timestamptz", "2018-01-02 10:11:12+24:00", REFUSED),
        ("timestamptz", "2018-01-02 10:11:12+02:60", REFUSED),
        ("timestamptz", "2018-01-02 24:00:00Z", REFUSED),
        ("timestamp", "2018-01-02 24:00:00", REFUSED),
        ("time", "24:00", REFUSED),
        ("time", "24:00:00", REFUSED),
        ("double", "1e-400", REFUSED),
        ("double", "-0.0e9", 0.0),
        ("float", "1e-50", REFUSED),
        ("uuid", "550e8400-e29b-41d4-a716-446655440000", UUID("550e8400-e29b-41d4-a716-446655440000")),
        ("uuid", "{550e8400-e29b-41d4-a716-446655440000}", REFUSED),
    ],
)
def test_texts(connection: duckdb.DuckDBPyConnection, kind: str, text: str, expected: Any) -> None:
    assert cast(connection, text, kind) == expected


NUMBERS = ["int", "long", "float", "double", "decimal(9, 3)"]
KINDS = [
    "boolean",
    "int",
    "long",
    "float",
    "double",
    "decimal(9, 3)",
    "date",
    "time",
    "timestamp",
    "timestamptz",
    "uuid",
]


@pytest.mark.parametrize("kind", [*KINDS, "string"])
def test_null_stays_null(connection: duckdb.DuckDBPyConnection, kind: str) -> None:
    assert cast(connection, None, kind) is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", ["", " ", "x", "'; DROP TABLE t; --", "é", "0" * 400 + "x"])
def test_no_type_takes_any_text(connection: duckdb.DuckDBPyConnection, kind: str, text: str) -> None:
    assert cast(connection, text, kind) is REFUSED


@pytest.mark.parametrize("kind", ["binary", "fixed[4]", "list<int>", "map<string, int>", "struct<a: int>"])
def test_types_that_text_cannot_say(kind: str) -> None:
    with pytest.raises(ValueError, match="text cannot express"):
        from_text("t", "v", kind)


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("double", "1234,5", 1234.5),
        ("double", "1.234,5", REFUSED),
        ("double", "1234.5", REFUSED),
        ("decimal(6, 2)", "1,25", Decimal("1.25")),
        ("decimal(6, 2)", "1.25", REFUSED),
        ("int", "3,0", 3),
        ("int", "3,000", REFUSED),
        ("decimal(6, 2)", "3,000", REFUSED),
        ("decimal(6, 3)", "3,000", Decimal("3.000")),
        ("int", "3.0", REFUSED),
    ],
)
def test_a_comma_as_decimal_mark(connection: duckdb.DuckDBPyConnection, kind: str, text: str, expected: Any) -> None:
    assert cast(connection, text, kind, ",") == expected


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("int", "1.234", 1234),
        ("int", "1234", 1234),
        ("int", "-1.234.567", -1234567),
        ("int", " 1.234 ", 1234),
        ("int", "1.234,0", 1234),
        ("int", "1.23", REFUSED),
        ("int", "12.3456", REFUSED),
        ("int", "1234.567", REFUSED),
        ("int", "1..234", REFUSED),
        ("int", "1.234.", REFUSED),
        ("int", ".234", REFUSED),
        ("int", "0.123", REFUSED),
        ("int", "007", REFUSED),
        ("decimal(9, 2)", "1.231.567,81", Decimal("1231567.81")),
        ("decimal(9, 2)", "0,50", Decimal("0.50")),
        ("decimal(9, 2)", ",50", Decimal("0.50")),
        ("decimal(9, 2)", "1,234", REFUSED),
        ("decimal(9, 2)", "1.5", REFUSED),
        ("double", "856.680", 856680.0),
        ("double", "1.234,5e3", 1234500.0),
        ("double", "40.939,112971807228", REFUSED),
    ],
)
def test_points_between_thousands(connection: duckdb.DuckDBPyConnection, kind: str, text: str, expected: Any) -> None:
    assert cast(connection, text, kind, ",", thousands=".") == expected


@pytest.mark.parametrize("space", [" ", "\u00a0", "\u202f"])
def test_spaces_between_thousands(connection: duckdb.DuckDBPyConnection, space: str) -> None:
    assert cast(connection, f"1{space}234,5", "double", ",", thousands=" ") == 1234.5
    assert cast(connection, f"12{space}34", "int", ",", thousands=" ") is REFUSED


@pytest.mark.parametrize(
    ("unit", "text", "expected"),
    [
        ("R$", "R$ 1.234,50", Decimal("1234.50")),
        ("R$", "R$1.234,50", Decimal("1234.50")),
        ("R$", "-R$ 5,00", Decimal("-5.00")),
        ("R$", "R$ -5,00", Decimal("-5.00")),
        ("R$", "- R$ 5,00", Decimal("-5.00")),
        ("R$", "-R$ -5,00", REFUSED),
        ("R$", "R$\u00a07", Decimal("7.00")),
        ("R$", "7", Decimal("7.00")),
        ("R$", "7 R$", Decimal("7.00")),
        ("R$", "R$ 7 R$", REFUSED),
        ("R$", "US$ 7", REFUSED),
        ("R$", "R$", REFUSED),
        ("R$", "R$ 007", REFUSED),
        ("%", "12,5%", Decimal("12.50")),
        ("%", "12,5 %", Decimal("12.50")),
        ("%", "12,5 %%", REFUSED),
        ("km/h", "80km/h", Decimal("80.00")),
    ],
)
def test_units(connection: duckdb.DuckDBPyConnection, unit: str, text: str, expected: Any) -> None:
    assert cast(connection, text, "decimal(9, 2)", ",", thousands=".", unit=unit) == expected


@pytest.mark.parametrize(
    ("forms", "text", "expected"),
    [
        (("ddmmyyyy",), "31122024", date(2024, 12, 31)),
        (("ddmmyyyy",), "1122024", REFUSED),
        (("ddmmyyyy",), "2024-12-31", REFUSED),
        (("ddmmyyyy",), "00000000", REFUSED),
        (("mmddyyyy",), "12312024", date(2024, 12, 31)),
        (("mmddyyyy",), "31122024", REFUSED),
        (("dd/mm/yyyy", "yyyy-mm-dd"), "31/12/2024", date(2024, 12, 31)),
        (("dd/mm/yyyy", "yyyy-mm-dd"), "2024-12-31", date(2024, 12, 31)),
        (("dd/mm/yyyy", "ddmmyyyy"), "31122024", date(2024, 12, 31)),
        (("dd/mm/yyyy", "ddmmyyyy"), "12/31/2024", REFUSED),
        (("dd/mm/yyyy",), "31/12/24", REFUSED),
    ],
)
def test_forms_of_dates(
    connection: duckdb.DuckDBPyConnection, forms: tuple[Any, ...], text: str, expected: Any
) -> None:
    assert cast(connection, text, "date", date=forms) == expected


@settings(max_examples=many(60), deadline=None)
@given(value=st.decimals(-(10**12), 10**12, places=2), mark=st.sampled_from([".", " "]))
def test_thousands_that_are_grouped_rightly_are_read_back(
    connection: duckdb.DuckDBPyConnection, value: Decimal, mark: str
) -> None:
    text = f"{value:,}".translate(str.maketrans({",": mark, ".": ","}))
    assert cast(connection, text, "decimal(18, 2)", ",", thousands=mark) == value


@settings(max_examples=many(100), deadline=None)
@given(value=st.decimals(allow_nan=False, allow_infinity=False, min_value="-1e30", max_value="1e30"))
def test_a_double_has_the_digits_of_its_text(connection: duckdb.DuckDBPyConnection, value: Decimal) -> None:
    found = cast(connection, str(value), "double")
    assert found is REFUSED or Decimal(repr(found)) == value
    if len(value.as_tuple().digits) <= 15 and (not value or abs(value) > Decimal("1e-300")):
        assert found is not REFUSED


ZONES = st.integers(-12, 14).map(lambda hours: timezone(timedelta(hours=hours)))
SOUND = st.one_of(
    st.integers(-(2**63), 2**63 - 1).map(lambda value: ("long", str(value), value)),
    st.decimals(-99_999, 99_999, places=3).map(lambda value: ("decimal(9, 3)", str(value), value)),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda value: ("double", repr(value), value)),
    st.dates().map(lambda value: ("date", value.isoformat(), value)),
    st.times().map(lambda value: ("time", value.isoformat(), value)),
    st.datetimes().map(lambda value: ("timestamp", value.isoformat(" "), value)),
    st.datetimes(at("1900-01-02 00:00:00"), at("9000-01-01 00:00:00"), timezones=ZONES).map(
        lambda value: ("timestamptz", value.isoformat(), value.astimezone(UTC).replace(tzinfo=None))
    ),
    st.uuids().map(lambda value: ("uuid", str(value), value)),
    st.booleans().map(lambda value: ("boolean", str(value), value)),
)


@settings(max_examples=many(60), deadline=None)
@given(case=SOUND)
def test_what_python_writes_is_read_back(connection: duckdb.DuckDBPyConnection, case: tuple[str, str, Any]) -> None:
    kind, text, value = case
    assert cast(connection, text, kind) == value


def test_quoting() -> None:
    assert name_in_sql('a"b') == '"a""b"'
    assert text_in_sql("it's") == "'it''s'"
