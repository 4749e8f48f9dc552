"""What a person sees: numbers, sizes, times, tables."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from lagoa.cli import console


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "0"), (1_550_000, "1,550,000"), (-1234, "-1,234"), (0.25, "0.25"), (1234.5678, "1,234.57")]
)
def test_number(value, shown):
    assert console.number(value) == shown


@pytest.mark.parametrize(
    ("octets", "shown"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 * 1024**3, "5.0 GiB"), (2**50, "1024.0 TiB")],
)
def test_size(octets, shown):
    assert console.size(octets) == shown


@pytest.mark.parametrize(
    ("back", "shown"),
    [
        (timedelta(seconds=5), "5 s ago"),
        (timedelta(minutes=3), "3 min ago"),
        (timedelta(hours=2), "2 h ago"),
        (timedelta(days=1, hours=1), "1 day ago"),
        (timedelta(days=900), "900 days ago"),
        (timedelta(seconds=-3), "0 s ago"),
    ],
)
def test_age(back, shown):
    assert console.age(datetime.now(UTC) - back) == shown


def test_durations():
    assert console.seconds(0.4212) == "0.42 s"
    assert console.seconds(125) == "2 min 5 s"


def test_a_moment_has_its_zone():
    assert console.moment(datetime(2026, 11, 20, 18, tzinfo=UTC)).split()[-1] != "18:00:00"


def test_a_table_is_aligned_plain_and_whole_where_no_terminal_is(capsys):
    long = "x" * 300
    console.emit_table(
        ("name", "rows"), [("bronze.people", "5"), (long, "1,550,000"), ("[bold]não[/]", None)], right=("rows",)
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("name ")
    assert lines[0].endswith("     rows")
    assert lines[2] == f"{long}  1,550,000"
    assert lines[3] == "[bold]não[/]"
    assert len({len(line) for line in lines[:3]}) == 1


def test_control_characters_do_not_reach_the_terminal():
    assert console.one_line("a\nb\x1b[31m") == "a\\nb\\x1b[31m"
    assert console.one_line("São João, 日本") == "São João, 日本"


def test_json_holds_what_json_has_no_word_for(capsys):
    value = {
        "at": datetime(2026, 1, 2, tzinfo=UTC),
        "day": date(2026, 1, 2),
        "sum": Decimal("1.10"),
        "raw": b"\xff",
        "of": {1},
    }
    console.emit_json(value)
    out = capsys.readouterr().out
    assert json.loads(out) == {
        "at": "2026-01-02T00:00:00+00:00",
        "day": "2026-01-02",
        "sum": "1.10",
        "raw": "ff",
        "of": [1],
    }
