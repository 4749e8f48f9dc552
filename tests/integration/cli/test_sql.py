"""`lagoa sql`."""

from __future__ import annotations

import csv
import io

from command_line import lagoa, ok


def test_sql_as_table_json_and_csv(loaded):
    query = "select id, name, city, null as nothing, born from bronze.people order by id"
    table = ok(loaded, "sql", query).out.splitlines()
    assert table[0].split() == ["id", "name", "city", "nothing", "born"]
    assert table[1].split() == ["1", "João", "Belém,", "PA", "NULL", "1990-05-17"]
    told = ok(loaded, "sql", query, "--json").json()
    assert told["rows"][1] == [2, "Anna", None, None, "1985-01-02"]
    assert not told["truncated"]
    rows = list(csv.reader(io.StringIO(ok(loaded, "sql", query, "--csv").out)))
    assert rows[1] == ["1", "João", "Belém, PA", "", "1990-05-17"]
    assert ok(loaded, "sql", "-", "--json", stdin="select 41 + 1 as n -- from a pipe").json()["rows"] == [[42]]


def test_sql_is_bounded_and_says_so(loaded):
    many = "select unnest(generate_series(1, 120)) as n"
    short = ok(loaded, "sql", many)
    assert len(short.out.splitlines()) == 51
    assert "first 50 rows; there are more" in short.err
    assert len(ok(loaded, "sql", many, "--limit", 70).out.splitlines()) == 71
    assert len(ok(loaded, "sql", many, "--csv").out.splitlines()) == 121
    assert len(ok(loaded, "sql", many, "--limit", 5, "--csv").out.splitlines()) == 6
    cut = ok(loaded, "sql", many, "--limit", 5, "--json").json()
    assert (len(cut["rows"]), cut["truncated"]) == (5, True)
    assert not ok(loaded, "sql", many, "--limit", 120, "--json").json()["truncated"]
    exact = ok(loaded, "sql", many, "--limit", 120)
    assert "there are more" not in exact.err


def test_sql_values_that_json_has_no_word_for(loaded):
    query = (
        "select 'nan'::double as a, [1.5, 'inf'::double] as b, 1.10::decimal(4,2) as c, '\\xFF'::blob as d, true as e"
    )
    assert ok(loaded, "sql", query, "--json").json()["rows"] == [["nan", [1.5, "inf"], "1.10", "ff", True]]
    assert ok(loaded, "sql", query, "--csv").out.splitlines()[1] == 'nan,"[1.5, ""inf""]",1.10,ff,true'


def test_sql_refuses_what_is_not_a_select(loaded):
    for query in (
        "drop table bronze.people",
        "select * from read_csv('/etc/passwd')",
        "",
        "select 1; select 2",
        "nonsense",
    ):
        done = lagoa(loaded, "sql", query)
        assert done.code == 1, query
        assert done.err.startswith("Error: ")
        assert "Traceback" not in done.err
    assert lagoa(loaded, "sql", "select 1", "--json", "--csv").code == 2
