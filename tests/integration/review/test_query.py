"""The result of a user's query, read several times and shown in a notebook; the other values that a notebook shows."""

from __future__ import annotations

import pyarrow as pa
import pytest
from small_lake import PEOPLE

from lagoa.errors import RefNotFound

ATTACK = "<script>alert('x')</script>&\"<img src=x onerror=alert(1)>"


@pytest.fixture
def people(small):
    """A lake in which three people are published, one of them with an attack for a name."""
    small.contract("bronze.people", PEOPLE, source={"format": "csv", "delimiter": ","})
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
    assert repr(publication).endswith(f"bronze.people; {len(publication.report.results)} checks, 6 passed>")
    assert repr(people.audit_of("main").receipt).startswith("<Receipt ")
    assert repr(people.sql("select 1 as a, 2 as b")) == "<Result: 2 columns: a, b>"
    assert len(repr(people.sql(f"select {', '.join(f'{n} as column_{n}' for n in range(500))}"))) < 400


def test_results_are_one_short_line_in_a_session(people, small):
    with people.run("load") as run:
        written = run.append("bronze.pets", small.pets(1, 2), batch="b1")
        assert repr(written) == "<WriteResult bronze.pets: 2 rows added>"
        assert repr(run.append("bronze.pets", small.pets(1, 2), batch="b1")).endswith("bronze.pets: loaded before>")
        assert repr(run.delete("bronze.pets", "id = 2")).endswith("bronze.pets: 0 rows added, 1 removed>")
        assert repr(run.transform()) == "[<ModelResult gold.counts: 1 row written, full>]"
        assert repr(run.transform()) == "[<ModelResult gold.counts: up to date>]"
        (state,) = [each for each in people.branches() if each.name == run.name]
        assert repr(state) == f"<BranchState '{run.name}' at {run.head[:12]}: 3 commits not on main>"
        commit = people.resolve(run.name)
        assert repr(commit).startswith(f"<Commit {commit.id[:12]}, 20")
        assert repr(commit).endswith(f" UTC, ana: '{commit.message}'>")
        assert repr(people.ref("main")) == f"<RefInfo branch 'main' at {people.resolve('main').id[:12]}>"
        assert repr(people.describe_table("bronze.pets", run.name)).startswith(
            "<TableState bronze.pets: 3 columns, 1 row"
        )
        assert repr(list(people.tables())) == "[<TableName bronze.people>]"
        report = run.audit()
        assert repr(report.result("bronze.pets/key/id")).startswith("<CheckResult passed, bronze.pets/key/id: ")
        (record,) = people.check_history("bronze.pets/key/id", every=True)
        assert repr(record).startswith(f"<CheckRecord of {run.name} ({run.head[:12]}): <CheckResult passed, ")
        assert repr(people.contract_diff(["bronze.pets"], run.name)) == "[<ContractDiff bronze.pets: same>]"
        assert repr(people.check_contracts()).startswith("<Consistency: 3 contracts, 1 model, 0 tests, ")
        assert repr(people.test_models()) == "<ModelTestReport: 0 tests, 0 failed, 1 model without tests>"
        assert repr(people.plan(ref=run.name)).endswith(": 0 files, 0 models, 0 checks>")
        assert repr(run.plan_publication()).startswith(f"<PublicationPlan of '{run.name}': 2 tables, ")
    assert repr(run) == f"<Run '{run.name}': kept, main does not have all of it>"


def test_a_run_says_after_its_block_what_became_of_its_branch(people, small):
    with people.run("load") as run:
        run.append("bronze.pets", small.pets(1))
        run.publish()
    for use in (
        run.audit,
        run.publish,
        run.transform,
        lambda: run.head,
        lambda: run.append("bronze.pets", small.pets(2)),
    ):
        with pytest.raises(
            RefNotFound, match=r"`with` block has ended, which deleted it since main has all of it.*"
        ) as e:
            use()
        assert "`with lake.run(…) as branch:`" in e.value.advice
    run = people.run("load")
    with pytest.raises(ValueError, match="broken") as raised:
        broken(run, small.pets(2))
    opened = f"`lake.branch('{run.name}')` opens it, `lagoa branch delete {run.name}` deletes it."
    assert raised.value.__notes__ == [f"The branch is kept: {opened}"]
    assert people.branch(run.name).head == run.head, "it works as before"
    with pytest.raises(ValueError, match="broken") as raised:
        broken(people.run("load"))
    assert not hasattr(raised.value, "__notes__"), "nothing was done on it, so it is deleted"


def broken(run, pets=None):
    with run:
        if pets:
            run.append("bronze.pets", pets)
        raise ValueError("broken")


def test_a_lake_and_a_branch_in_a_notebook(people, small):
    (small.root / "people.csv").write_text("id,name,age\n7,eva,3\nx,rui,4\n")
    html = people._repr_html_()
    assert "<td>bronze.people</td><td>3</td><td>7</td>" in html
    assert f"main at {people.resolve('main').id[:12]}, 1 branch beside it" in html
    with people.run("load") as run:
        loaded = run.ingest(small.root / "people.csv", "bronze.people")
        assert repr(loaded) == "<IngestResult bronze.people from 'people.csv': 1 row added, 1 in quarantine>"
        html = run._repr_html_()
        assert "<td>bronze.people</td><td>4</td><td>7</td>" in html
        assert "1 commit not on main; 2 tables changed" in html
        (refused,) = people.refused_records("bronze.people", run.name)
        assert repr(refused) == "<RefusedRecord 2 of 'people.csv', waiting: type/id>"
        done = run.discard_quarantine("bronze.people", "no person")
        assert repr(done).startswith(
            "<FateResult discard of bronze.people: 1 record, 0 accepted, 1 discarded, 0 waiting"
        )
        run.publish()
    assert run._repr_html_() is None
    assert repr(run) == f"<Run '{run.name}': main has all of it, deleted>"
    people.close()
    assert people._repr_html_() is None
