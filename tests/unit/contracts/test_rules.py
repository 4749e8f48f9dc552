from __future__ import annotations

import re
import uuid
from datetime import date
from pathlib import Path

import duckdb
import pytest
from effort import many
from hypothesis import given, settings
from hypothesis import strategies as st

from lagoa.contracts.columns import check_pattern
from lagoa.contracts.contract import Column, Contract
from lagoa.contracts.formats import FORMATS, STATES
from lagoa.contracts.rules import RowRule, row_rules
from lagoa.domain.tables import TableName

SQL_TYPES = {"string": "VARCHAR", "long": "BIGINT", "int": "INTEGER"}


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as opened:
        opened.execute("SET threads = 1")
        yield opened


def rules_of(column: Column) -> tuple[RowRule, ...]:
    return row_rules(Contract(TableName.parse("a.b"), "1", Path("a/b.odcs.yaml"), "", (column,)))


def broken(connection, column: Column, values: list[object]) -> list[bool]:
    """Return for each value whether the column's one rule is broken, as DuckDB says; never null."""
    (rule,) = rules_of(column)
    kind = SQL_TYPES.get(column.type, column.type)
    name = column.name.replace('"', '""')
    query = (
        f'SELECT {rule.violated} FROM (SELECT unnest($values::{kind}[]) AS "{name}", '
        f"generate_subscripts($values, 1) AS i) ORDER BY i"
    )
    found = [row[0] for row in connection.execute(query, {"values": values}).fetchall()]
    assert len(found) == len(values)
    assert all(value is True or value is False for value in found)
    return found


CASES = {
    "required": (Column("a", "string", required=True), ["", "x"], [None]),
    "enum of text": (Column("a", "string", enum=("SP", "it's")), ["SP", "it's", None], ["sp", "", "SP "]),
    "enum of numbers": (Column("a", "long", enum=(1, -2)), [1, -2, None], [0, 2]),
    "enum of booleans": (Column("a", "boolean", enum=(True,)), [True, None], [False]),
    "enum of dates": (Column("a", "date", enum=("2026-01-02",)), ["2026-01-02", None], ["2026-01-03"]),
    "pattern": (Column("a", "string", pattern="^[0-9a-f]{4}$"), ["00ff", None], ["00f", "00FF", "x00ff", "00ff\n", ""]),
    "pattern found inside": (Column("a", "string", pattern="b'"), ["ab'c", None], ["ac", ""]),
    "minimum": (Column("a", "long", minimum=0), [0, 1, None], [-1]),
    "maximum": (Column("a", "double", maximum=1.5), ["1.5", "-9", None, "-inf"], ["1.6", "nan", "inf"]),
    "minimum of floats": (Column("a", "float", minimum=0), ["0", None], ["-0.5", "nan"]),
    "exclusive limits": (
        Column("a", "decimal(10, 2)", exclusive_minimum=0.1, exclusive_maximum=1),
        ["0.11", "0.99", None],
        ["0.1", "1", "-5"],
    ),
    "a range of dates": (
        Column("a", "date", minimum="2016-01-01", maximum="2018-12-31"),
        ["2016-01-01", "2018-12-31", None],
        ["2015-12-31", "2019-01-01"],
    ),
    "a range of timestamps": (
        Column("a", "timestamp", minimum="2016-01-01 00:00:00", exclusive_maximum="2017-01-01 00:00:00"),
        ["2016-01-01", "2016-12-31 23:59:59.999999", None],
        ["2017-01-01", "2015-12-31 23:59:59"],
    ),
    "a range of moments": (
        Column("a", "timestamptz", minimum="2016-01-01 00:00:00+00:00"),
        ["2016-01-01 00:00:00+00", "2015-12-31 22:00:00-03", None],
        ["2016-01-01 00:00:00+03"],
    ),
    "a range of times": (Column("a", "time", maximum="12:00:00"), ["12:00", None], ["12:00:01"]),
    "length": (Column("a", "string", min_length=1, max_length=3), ["a", "ção", None], ["", "abcd"]),
    "length of wide characters": (Column("a", "string", max_length=2), ["日本", "é"], ["日本語"]),
    "a name with quotes": (Column('a"; DROP TABLE b; --', "long", minimum=0), [1], [-1]),
    "email": (
        Column("a", "string", format="email"),
        ["a@b.co", "jo.ao+x@mail.com.br", "a_b@x-y.org", None],
        ["a@b", "a b@c.de", "@b.co", "a@.co", "a@b..co", "a@b.c", "a@b.co\n", "", "a@@b.co", "a@-b.co"],
    ),
    "uuid": (
        Column("a", "string", format="uuid"),
        ["123e4567-e89b-12d3-a456-426614174000", "123E4567-E89B-12D3-A456-426614174000", None],
        ["123e4567e89b12d3a456426614174000", "123e4567-e89b-12d3-a456-42661417400g", ""],
    ),
    "uri": (
        Column("a", "string", format="uri"),
        ["https://x.org/a?b=c#d", "mailto:a@b.co", "urn:isbn:1", None],
        ["x.org", "//x.org", "1ttp://x", "http://a b", "http:", ""],
    ),
    "hostname": (
        Column("a", "string", format="hostname"),
        ["localhost", "a-b.example.org", "1.org", None],
        ["-a.org", "a-.org", "a..b", "a_b", "", "a.", f"{'x' * 64}.org"],
    ),
    "ipv4": (
        Column("a", "string", format="ipv4"),
        ["10.0.0.1", "255.255.255.255", None],
        ["256.1.1.1", "1.1.1", "01.1.1.1", ""],
    ),
    "ipv6": (
        Column("a", "string", format="ipv6"),
        ["::", "::1", "1::", "fe80::1:2", "1:2:3:4:5:6:7:8", "2001:DB8::ff00:42:8329", None],
        [":", "1:2:3:4:5:6:7", "1::2::3", "12345::", "1:2:3:4:5:6:7:8:9", "g::", ":::", ""],
    ),
    "date": (
        Column("a", "string", format="date"),
        ["2024-02-29", "0001-01-01", None],
        ["2023-02-29", "2024-2-1", "24-02-01", "2024-02-01 00:00:00", "today", "infinity", ""],
    ),
    "cpf": (
        Column("a", "string", format="cpf"),
        ["529.982.247-25", "52998224725", "111.444.777-35", None],
        ["529.982.247-26", "529.982.247-15", "11111111111", "5299822472", "529982247-25", " 52998224725", "abc", ""],
    ),
    "cnpj": (
        Column("a", "string", format="cnpj"),
        ["11.222.333/0001-81", "11222333000181", "12.ABC.345/01DE-35", "12ABC34501DE35", None],
        [
            "11.222.333/0001-82",
            "11.222.333/0001-91",
            "12abc34501de35",
            "00000000000000",
            "1122233300018",
            "12ABC34501DEA5",
            "",
        ],
    ),
    "cep": (
        Column("a", "string", format="cep"),
        ["01310-100", "01310100", None],
        ["1310-100", "01310 100", "01310-1000", ""],
    ),
    "uf": (Column("a", "string", format="uf"), ["SP", "DF", None], ["sp", "XX", ""]),
}


@pytest.mark.parametrize(("column", "good", "bad"), CASES.values(), ids=CASES)
def test_a_row_that_breaks_the_rule_is_told_from_one_that_keeps_it(connection, column, good, bad):
    assert broken(connection, column, [*good, *bad]) == [False] * len(good) + [True] * len(bad)


def test_every_kind_of_rule_and_every_format_has_a_row_that_breaks_it():
    kinds = {rules_of(column)[0].kind for column, _, bad in CASES.values() if bad}
    assert kinds == {"required", "enum", "pattern", "format", "range", "length"}
    assert {column.format for column, _, bad in CASES.values() if bad and column.format} == set(FORMATS)


def test_a_column_has_one_rule_of_a_kind_with_reason_and_threshold():
    column = Column(
        "state", "string", required=True, enum=("SP", "RJ"), pattern="^[A-Z]", format="uf", min_length=2, max_length=2
    )
    found = {rule.id: (rule.kind, rule.column, rule.reason, rule.threshold) for rule in rules_of(column)}
    assert found == {
        "required/state": ("required", "state", "state is missing", "not null"),
        "enum/state": ("enum", "state", "state is none of SP, RJ", "SP, RJ"),
        "pattern/state": ("pattern", "state", 'state does not match "^[A-Z]"', '"^[A-Z]"'),
        "format/state": (
            "format",
            "state",
            "state is not a state of Brazil such as SP",
            "a state of Brazil such as SP",
        ),
        "length/state": ("length", "state", "state is not >= 2 and <= 2 characters long", ">= 2 and <= 2 characters"),
    }
    (price,) = rules_of(Column("price", "double", minimum=0, exclusive_maximum=10))
    assert (price.id, price.reason, price.threshold) == ("range/price", "price is not >= 0 and < 10", ">= 0 and < 10")
    (many,) = rules_of(Column("uf", "string", enum=STATES))
    assert many.reason == "uf is none of AC, AL, AM, AP, BA, CE, DF, ES and 19 more"


def test_rules_are_of_the_contracts_own_columns_in_their_order():
    columns = (Column("b", "long", required=True), Column("a", "long", required=True, minimum=0), Column("c", "long"))
    contract = Contract(TableName.parse("a.b"), "1", Path("b.odcs.yaml"), "", columns)
    assert [rule.id for rule in row_rules(contract)] == ["required/b", "required/a", "range/a"]


def check_digit(digits: list[int], weights: list[int]) -> int:
    rest = sum(digit * weight for digit, weight in zip(digits, weights, strict=True)) % 11
    return 0 if rest < 2 else 11 - rest


def is_cpf(text: str) -> bool:
    """Check a CPF as the Receita Federal describes it, in plain Python."""
    if not re.fullmatch(r"[0-9]{11}|[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}", text):
        return False
    digits = [int(character) for character in text if character.isdigit()]
    if len(set(digits)) == 1:
        return False
    first = check_digit(digits[:9], list(range(10, 1, -1)))
    return digits[9:] == [first, check_digit([*digits[:9], first], list(range(11, 1, -1)))]


def is_cnpj(text: str) -> bool:
    """Check a CNPJ, of digits or of letters and digits, in plain Python."""
    plain = re.sub("[./-]", "", text)
    form = r"[0-9A-Z]{2}\.[0-9A-Z]{3}\.[0-9A-Z]{3}/[0-9A-Z]{4}-[0-9]{2}"
    if not re.fullmatch("[0-9A-Z]{12}[0-9]{2}", plain) or (text != plain and not re.fullmatch(form, text)):
        return False
    if len(set(plain)) == 1:
        return False
    values = [ord(character) - ord("0") for character in plain]
    first = check_digit(values[:12], [5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2])
    return values[12:] == [first, check_digit([*values[:12], first], [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2])]


def cpf_of(nine: str) -> str:
    digits = [int(character) for character in nine]
    first = check_digit(digits, list(range(10, 1, -1)))
    return f"{nine}{first}{check_digit([*digits, first], list(range(11, 1, -1)))}"


def cnpj_of(twelve: str) -> str:
    values = [ord(character) - ord("0") for character in twelve]
    first = check_digit(values, [5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2])
    return f"{twelve}{first}{check_digit([*values, first], [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2])}"


DIGITS = st.text("0123456789", min_size=9, max_size=9)
CPFS = st.one_of(
    DIGITS.map(cpf_of),
    DIGITS.map(cpf_of).map(lambda cpf: f"{cpf[:3]}.{cpf[3:6]}.{cpf[6:9]}-{cpf[9:]}"),
    st.text("0123456789", min_size=11, max_size=11),
    st.sampled_from("0123456789").map(lambda digit: digit * 11),
    st.text("0123456789.-/ x", max_size=15),
)
TWELVE = st.text("0123456789ABCXYZ", min_size=12, max_size=12)
CNPJS = st.one_of(
    TWELVE.map(cnpj_of),
    TWELVE.map(cnpj_of).map(lambda c: f"{c[:2]}.{c[2:5]}.{c[5:8]}/{c[8:12]}-{c[12:]}"),
    st.text("0123456789", min_size=14, max_size=14),
    st.text("0123456789AZ./-", max_size=19),
)


@settings(max_examples=40, deadline=None)
@given(values=st.lists(CPFS, min_size=1, max_size=20))
def test_cpf_agrees_with_plain_python(connection, values):
    assert broken(connection, Column("a", "string", format="cpf"), values) == [not is_cpf(value) for value in values]


@settings(max_examples=40, deadline=None)
@given(values=st.lists(CNPJS, min_size=1, max_size=20))
def test_cnpj_agrees_with_plain_python(connection, values):
    assert broken(connection, Column("a", "string", format="cnpj"), values) == [not is_cnpj(value) for value in values]


def is_date(text: str) -> bool:
    try:
        return bool(re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text)) and bool(date.fromisoformat(text))
    except ValueError:
        return False


DATES = st.one_of(
    st.dates().map(date.isoformat),
    st.tuples(st.integers(1, 9999), st.integers(0, 13), st.integers(0, 32)).map(
        lambda day: "{:04}-{:02}-{:02}".format(*day)
    ),
    st.text("0123456789-", max_size=11),
)


@settings(max_examples=40, deadline=None)
@given(values=st.lists(DATES, min_size=1, max_size=20))
def test_date_agrees_with_plain_python(connection, values):
    assert broken(connection, Column("a", "string", format="date"), values) == [not is_date(value) for value in values]


@settings(max_examples=30, deadline=None)
@given(values=st.lists(st.one_of(st.uuids().map(str), st.text(max_size=40)), min_size=1, max_size=20))
def test_uuid_agrees_with_plain_python(connection, values):
    def is_uuid(text: str) -> bool:
        try:
            return str(uuid.UUID(text)) == text.lower()
        except ValueError:
            return False

    values = [value.replace("\0", "") for value in values]
    assert broken(connection, Column("a", "string", format="uuid"), values) == [not is_uuid(value) for value in values]


@settings(max_examples=30, deadline=None)
@given(values=st.lists(st.text(max_size=30).map(lambda text: text.replace("\0", "")), min_size=1, max_size=10))
@pytest.mark.parametrize("name", FORMATS)
def test_no_text_makes_a_format_fail(connection, name, values):
    broken(connection, Column("a", "string", format=name), values)


@settings(max_examples=many(30), deadline=None)
@given(
    low=st.none() | st.integers(-5, 5),
    high=st.none() | st.integers(-5, 5),
    values=st.lists(st.none() | st.integers(-7, 7), min_size=1),
)
def test_ranges_agree_with_plain_python(connection, low, high, values):
    column = Column("a", "long", minimum=low, exclusive_maximum=high)
    if low is None and high is None:
        assert rules_of(column) == ()
        return
    wanted = [v is not None and ((low is not None and v < low) or (high is not None and v >= high)) for v in values]
    assert broken(connection, column, values) == wanted


@settings(max_examples=many(30), deadline=None)
@given(values=st.lists(st.text("a'\"\\;-é\n ", max_size=5), min_size=1, unique=True))
def test_values_of_an_enum_are_quoted_whatever_they_hold(connection, values):
    column = Column("a", "string", enum=tuple(values))
    assert not any(broken(connection, column, values))
    assert all(broken(connection, column, [f"{value}x" for value in values if f"{value}x" not in values]))


PATTERNS = st.recursive(
    st.sampled_from(["a", "[ab]", "[^b]", r"\d", r"\.", ".", "é", r"\b", "'"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "{2,}", "*?"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        ),
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]}|{pair[1]})"),
    ),
    max_leaves=6,
)


@settings(max_examples=many(50), deadline=None)
@given(
    # Anchors at the ends and flags for the whole: DuckDB 1.5.5 takes a^ for a, and RE2 finds no A by a|(?i:a).
    pattern=st.tuples(st.sampled_from(["", "^", "(?i)", "(?i)^"]), PATTERNS, st.sampled_from(["", "$"])).map("".join),
    values=st.lists(st.text("aAb1.'", max_size=6), min_size=1, max_size=8),
)
def test_patterns_that_contracts_may_hold_run_in_duckdb_as_in_python(connection, pattern, values):
    check_pattern(pattern)
    found = broken(connection, Column("a", "string", pattern=pattern), values)
    assert found == [re.search(pattern, value, re.ASCII) is None for value in values]


@pytest.mark.parametrize(
    "pattern",
    [
        r"^a\\1$",
        r"[\]*+]",
        "[]*+]",
        "[[:alpha:]*+]",
        r"a{2,999}",
        r"\(\?=",
        "a+?",
        "(?P<n>a)",
        r"[*+?]+",
        r"\*+",
        r"x\++",
    ],
)
def test_patterns_that_only_look_forbidden(connection, pattern):
    check_pattern(pattern)
    connection.execute("SELECT regexp_matches('x', $pattern)", {"pattern": pattern})
