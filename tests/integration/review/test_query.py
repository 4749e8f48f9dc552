"""The result of a user's query, read several times and shown in a notebook; the other values that a notebook shows."""

from __future__ import annotations

import pyarrow as pa
import pytest

ATTACK = "<script>alert('x')</script>&\"<img src=x onerror=alert(1)>"


@pytest.fixture
def people(small):
    """A lake in which three people are published, one of them with an attack for a name."""
    with small.open() as lake:
        dev = lake.create_branch("dev")
        dev.append("bronze.people", pa.concat_tables([small.people(1, 2), small.people(3, name=ATTACK, age=None)]))
        dev.publish()
        yield lake


def test_each_form_is_the_same_again(people):
    result = people.sql("select *, random() as chance from bronze.people order by id")
    frame = result.df()
    frame.loc[0, "name"] = "changed"
    assert result.df()["name"].tolist() == ["ana", "ana", ATTACK]
    assert result.df()["chance"].tolist() == frame["chance"].tolist()
    assert result.arrow().equals(result.arrow())
    assert result.arrow().num_rows == 3
    rows = result.fetchall()
    rows.clear()
    assert [row[0] for row in result.fetchall()] == [1, 2, 3]
    assert [row[3] for row in result.fetchall()] == [row[3] for row in result.fetchall()]
    assert result.reader().read_all().num_rows == 3
    assert result.reader().read_all().num_rows == 3


def test_what_is_read_piece_by_piece_goes_on_and_ends(people):
    result = people.sql("select id from bronze.people order by id")
    assert result.fetchmany(2) == [(1,), (2,)]
    assert result.df()["id"].tolist() == [1, 2, 3], "all of them, whatever was read before"
    assert result.fetchmany(2) == [(3,)]
    assert result.fetchmany(2) == []


def test_another_form_reads_the_same_commit(people, small):
    result = people.sql("select count(*) as n from bronze.people")
    assert result.fetchall() == [(3,)]
    more = people.create_branch("more")
    more.append("bronze.people", small.people(4))
    more.publish()
    assert result.df()["n"].tolist() == [3]
    assert people.sql("select count(*) from bronze.people").fetchall() == [(4,)]


def test_a_notebook_shows_escaped_html(people):
    attack = '"<b>bold</b>"'
    html = people.sql(f"select id, name as {attack}, age from bronze.people order by id")._repr_html_()
    assert "<script" not in html
    assert "<img" not in html
    assert "<b>" not in html
    assert "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;&amp;&quot;" in html
    assert "<em>NULL</em>" in html
    assert html.count("<tr>") == 4
    many = people.sql("select unnest(generate_series(1, 100)) as n")
    assert many._repr_html_().count("<tr>") == 21
    assert "there are more" in many._repr_html_()
    assert len(many.fetchall()) == 100
    long = people.sql("select repeat('x', 100000) as x")._repr_html_()
    assert len(long) < 1000


def test_an_audit_and_a_difference_in_a_notebook(people, small):
    dev = people.create_branch("twice")
    dev.append("bronze.people", small.people(3, name=ATTACK))
    report = dev.audit()
    html = report._repr_html_()
    assert html.index("bronze.people/key/id") < html.index("bronze.people/schema"), "what did not pass comes first"
    assert "1 failed" in repr(report)
    assert len(repr(report)) < 120
    found = people.diff("main", "twice")
    assert repr(found) == f"<LakeDiff {people.resolve('main').id[:12]}..{dev.head[:12]}: 1 table differs>"
    assert "bronze.people" in found._repr_html_()


def test_values_are_short_in_a_session(people, small):
    (publication,) = people.publications(1)
    assert repr(people) == f"<Lake 'pets' in {small.root}>"
    assert repr(people.branch("dev")) == "<Branch 'dev'>"
    assert repr(publication).startswith(f"<Publication {publication.commit[:12]}, 20")
    assert f"main moved to {publication.commit[:12]}, published 20" in publication._repr_html_()
    assert publication._repr_html_().count("<tr>") == 1 + len(publication.tables)
    assert repr(publication).endswith(f"bronze.people; {len(publication.report.results)} checks, 5 passed>")
    assert repr(people.audit_of("main").receipt).startswith("<Receipt ")
    assert repr(people.sql("select 1 as a, 2 as b")) == "<Result: 2 columns: a, b>"
    assert len(repr(people.sql(f"select {', '.join(f'{n} as column_{n}' for n in range(500))}"))) < 400
