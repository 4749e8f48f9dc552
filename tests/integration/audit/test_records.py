"""Audits that were kept: found again, followed over publications, written as a page."""

from __future__ import annotations

import html.parser
import math
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from lagoa.audit.records import RECEIPT
from lagoa.domain.checks import CheckResult
from lagoa.domain.refs import MAIN
from lagoa.errors import AuditFailed, AuditNotFound, InvalidName, QueryError, RefNotFound
from lagoa.review.pages.charts import Line

KEY = "bronze.people/key/id"


def live(lake, small):
    """Make two publications on a lake, and a branch `bad` whose publication is refused."""
    branch = lake.create_branch("dev")
    branch.append("bronze.people", small.people(1, 2), batch="p1")
    branch.publish("first")
    branch.append("bronze.people", small.people(3), batch="p2")
    branch.publish("second")
    bad = lake.create_branch("bad")
    bad.append("bronze.people", small.people(3, 4), batch="p3")
    with pytest.raises(AuditFailed):
        bad.publish()
    return lake


@pytest.fixture(scope="module")
def lived(shared):
    """A lake that has lived; for tests that leave it as it is."""
    with shared.open() as lake:
        yield live(lake, shared)


@pytest.fixture
def own(lake, small):
    """A lake that has lived, for a test of its own."""
    return live(lake, small)


def test_an_audit_is_found_by_ref_commit_branch_and_receipt(lived):
    second, first = lived.publications()
    of_main = lived.audit_of(MAIN)
    assert (of_main.receipt.commit, of_main.published_at, of_main.state) == (
        second.commit, second.published_at, "published",
    )  # fmt: skip
    for name in ("main~1", f"main@{first.commit}", first.commit, first.commit[:8], first.receipt, first.receipt[:10]):
        assert lived.audit_of(name).receipt.id == first.receipt, name
    assert lived.audit_of(f"main*{first.published_at.isoformat()}").receipt.id == first.receipt
    assert lived.audit_of("dev").receipt.id == second.receipt
    refused = lived.audit_of("bad")
    assert (refused.state, refused.published_at, refused.for_publication) == ("refused", None, True)
    assert lived.audit_of(refused.receipt.commit[:12]) == refused


def test_the_audit_of_a_branch_that_is_gone_is_found(own):
    refused = own.audit_of("bad")
    own.delete_ref("bad")
    assert own.audit_of("bad") == refused


def test_a_tag_means_its_commit_also_when_main_went_back_to_it(own):
    own.create_tag("v1", "main~1")
    tagged = own.audit_of("main~1")
    back = own.rollback("v1")
    assert own.audit_of(MAIN).receipt.id == back.receipt
    assert own.audit_of(MAIN).receipt.branch == "v1"
    assert own.audit_of("v1") == tagged


def test_what_was_looked_at_is_kept_until_it_is_looked_at_again(own, small):
    other = own.create_branch("other")
    other.append("bronze.people", small.people(9), batch="p9")
    report = other.audit()
    kept = own.audit_of("other")
    assert (kept.state, kept.report, kept.for_publication) == ("looked at", report, False)
    assert kept.receipt.tables.keys() == {"bronze.people"}
    assert kept.receipt.contracts.keys() == {"bronze.people"}
    again = other.audit()
    assert own.audit_of("other").receipt.id == kept.receipt.id
    assert own.audit_of(other.head).report == again


def test_an_audit_of_a_branch_that_was_worked_on_since_says_so(own, small):
    other = own.create_branch("other")
    other.append("bronze.people", small.people(8), batch="p8")
    other.audit()
    assert not own.audit_of("other").outdated
    other.append("bronze.people", small.people(9), batch="p9")
    assert own.audit_of("other").outdated
    refused = own.create_branch("refused")
    refused.append("bronze.people", small.people(3), batch="p7")
    with pytest.raises(AuditFailed):
        refused.publish()
    assert not own.audit_of("refused").outdated
    refused.append("bronze.people", small.people(4), batch="p8")
    kept = own.audit_of("refused")
    assert (kept.outdated, own.audit_of(kept.receipt.id).outdated) == (True, False)


def test_looking_at_a_publication_takes_nothing_from_its_receipt(lived):
    published = lived.audit_of(MAIN)
    lived.audit(MAIN)
    assert lived.audit_of(MAIN) == published
    assert lived.publications()[0].receipt == published.receipt.id


def test_where_no_audit_was_kept(lived, shared):
    lived.create_branch("new").append("bronze.people", shared.people(9), batch="p9")
    with pytest.raises(AuditNotFound, match="lagoa audit run new"):
        lived.audit_of("new")
    for unaudited in ("dev~1", lived.resolve("dev~1").id, "0" * 64):
        with pytest.raises(AuditNotFound):
            lived.audit_of(unaudited)
    with pytest.raises(RefNotFound):
        lived.audit_of("no-such")
    with pytest.raises(RefNotFound):
        lived.audit_of("f" * 12)
    with pytest.raises(InvalidName):
        lived.audit_of("a..b")


def test_a_receipt_whose_commit_is_gone_is_shown_all_the_same(own):
    kept = own.audit_of(MAIN).receipt
    strange = replace(kept, id="1" * 32, commit="2" * 64, prepared_at=kept.prepared_at + timedelta(days=1))
    own.context.receipts.prepare(strange)
    assert own.audit_of("1" * 32).state == "looked at"


def test_the_history_of_a_check(lived):
    second, first = lived.publications()
    found = lived.check_history(KEY)
    assert [(each.result.outcome, each.audit.receipt.commit) for each in found] == [
        ("passed", second.commit), ("passed", first.commit),
    ]  # fmt: skip
    assert [each.audit.published_at for each in found] == [second.published_at, first.published_at]
    every = lived.check_history(KEY, every=True)
    assert [(each.result.outcome, each.result.figure) for each in every] == [
        ("failed", 1),
        ("passed", 0),
        ("passed", 0),
    ]
    assert len(lived.check_history(KEY, limit=1)) == 1
    with pytest.raises(QueryError, match=r"nosuch.*lagoa audit show"):
        lived.check_history("nosuch")
    with pytest.raises(QueryError, match=r"Did you mean 'bronze\.people/key/id'\?"):
        lived.check_history("bronze.people/key/ids")


def test_a_lake_without_a_publication_has_no_history(lake):
    with pytest.raises(AuditNotFound, match="main"):
        lake.check_history(KEY)


def test_a_check_is_followed_from_the_publication_that_brought_it(own, small):
    branch = own.branch("dev")
    branch.append("bronze.pets", small.pets(1), batch="q1")
    commit = branch.publish().commit
    assert [each.audit.receipt.commit for each in own.check_history("bronze.pets/key/id")] == [commit]


def test_what_was_loosened_is_told(small):
    small.contract("bronze.people", {**PERSONAL, "age": {"physicalType": "int", "logicalTypeOptions": {"minimum": 0}}})
    with small.open() as lake:
        branch = lake.create_branch("dev")
        branch.append("bronze.people", small.people(1), batch="p1")
        branch.publish()
    small.contract("bronze.people", PERSONAL)
    with small.open() as lake:
        lake.branch("dev").append("bronze.people", small.people(2), batch="p2")
        lake.branch("dev").publish()
        kept = lake.audit_of("main")
        assert kept.receipt.loosened == ("bronze.people/range/age: removed",)
        words = Page(lake.audit_page(kept)).words
        assert words[words.index("Checks removed or loosened") + 1] == "bronze.people/range/age: removed"


class Page(html.parser.HTMLParser):
    """Reads a page: what it opens and closes, what it points to, its words."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.links += [value for name, value in attrs if name in {"href", "src", "action", "onclick", "srcset"}]
        if tag not in {"meta", "br", "circle", "polyline"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in {"circle", "polyline"}:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if data.strip():
            self.words.append(" ".join(data.split()))


def test_a_page_tells_what_failed_for_whom(lived):
    kept = lived.audit_of("bad")
    text = lived.audit_page(kept)
    page = Page(text)
    assert page.links == []
    assert not page.tags & {"script", "link", "img", "iframe", "object"}
    assert "url(" not in text
    assert "@import" not in text
    for word in ("✗ Failed", kept.receipt.commit, kept.receipt.id, kept.receipt.base, "ana", KEY, "✗ failed"):
        assert word in page.words, word
    assert "Owner: tests. Contract" in page.words
    assert "Blocks; owner: tests" in page.words
    assert "1 row that repeats the id of another row" in text
    assert "2 rows" in page.words
    assert {"caption", "thead", "th", "main"} <= page.tags
    assert text.count("<tr>") == 1 + 2 + 1 + len(kept.report.results) + 1 + 1


def test_a_page_draws_a_figure_that_changed(lived):
    text = lived.audit_page(lived.audit_of("bad"))
    (line,) = re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL)
    assert 'aria-label="Figures of the last 3: 0, 0, 1"' in line
    assert [float(each) for each in re.findall(r'<circle cx="[\d.]+" cy="([\d.]+)"', line)] == [20, 20, 4]
    assert text.count("the same in 3") == len(lived.audit_of("bad").report.results) - 1
    assert "<svg" not in lived.audit_page(lived.audit_of(MAIN))
    assert "first time" in lived.audit_page(lived.audit_of("main~1"))


def test_a_line_leaves_out_what_has_no_place():
    def results(*figures):
        return [CheckResult("t/c", "t", "passed", each, "< 9", "", 0.0, "") for each in figures]

    moment = datetime(2026, 11, 20, tzinfo=UTC)
    line = Line(results(None, 1.0, math.inf, 3.0, 2.0), [moment] * 5)
    assert [(x, y) for x, y, _, _ in line.points] == [(32.0, 20.0), (88.0, 4.0), (116.0, 12.0)]
    assert not line.flat
    assert Line(results(2.0, 2.0), [moment] * 2).flat
    assert [y for _, y, _, _ in Line(results(2.0), [moment]).points] == [12.0]
    assert Line(results(None, math.inf), [moment] * 2).points == []


def test_what_comes_from_data_and_people_is_escaped(own, small):
    evil = "<script>alert('x')</script>"
    branch = own.create_branch("evil")
    branch.replace("bronze.people", small.people(1, 1, name=evil + "x" * 100_000))
    context = replace(own.context, settings=own.settings.model_copy(update={"author": evil, "name": evil}))
    lake = type(own)(context)
    with pytest.raises(AuditFailed):
        lake.branch("evil").publish()
    text = lake.audit_page(lake.audit_of("evil"))
    assert "script" not in Page(text).tags
    assert text.count("&lt;script&gt;") == 4
    assert "xxx…" in text
    assert len(text) < 30_000


PERSONAL = {
    "id": "long*",
    "name": {"physicalType": "string", "classification": "personal"},
    "age": "int",
}
JOINED = """
checks:
  - failed_rows: {query: "select id, name as nick, age from bronze.people where name is not null"}
"""


def test_personal_values_are_hidden_unless_they_are_asked_for(small):
    small.contract("bronze.people", PERSONAL)
    small.checks("bronze.people", JOINED)
    with small.open() as lake:
        branch = lake.create_branch("dev")
        rows = {"id": [7, 7], "name": ["Zacarias", None], "age": pa.array([41, 41], pa.int32())}
        branch.append("bronze.people", pa.table(rows), batch="p1")
        with pytest.raises(AuditFailed):
            branch.publish()
        kept = lake.audit_of("dev")
        hidden, clear = Page(lake.audit_page(kept)).words, Page(lake.audit_page(kept, personal=True)).words
        assert "Zacarias" not in hidden
        assert (hidden.count("•••"), hidden.count("NULL"), hidden.count("41")) == (2, 1, 3)
        assert (clear.count("Zacarias"), clear.count("•••")) == (2, 0)
        assert any("personal values are hidden" in word for word in hidden)
        assert not any("personal values are hidden" in word for word in clear)
        assert lake.failing_rows(kept.report, "bronze.people/key/id")["name"].to_pylist() == ["Zacarias", None]


def test_what_stood_in_refused_records_is_hidden_where_the_table_has_something_personal(small):
    for personal in (False, True):
        name = {**PERSONAL["name"], "classification": "personal" if personal else None}
        small.contract("bronze.people", {**PERSONAL, "name": name}, source={"format": "csv"}, quarantineShare=0)
        file = small.root / f"people{personal}.csv"
        file.write_text("id,name,age\n1,ana,30\nx,Zacarias,7\n")
        with small.open() as lake:
            branch = lake.create_branch(f"dev{personal}")
            branch.ingest(file, into="bronze.people")
            with pytest.raises(AuditFailed):
                branch.publish()
            text = lake.audit_page(lake.audit_of(branch.name))
            assert ("Zacarias" in text, "•••" in text) == (not personal, personal)
            assert "type/id" in text


def test_rows_that_cannot_be_shown_say_why(lived):
    kept = lived.audit_of("bad")
    broken = replace(kept.report.result(KEY), samples_sql="select * from bronze.nosuch")
    results = tuple(broken if each.check == KEY else each for each in kept.report.results)
    receipt = replace(kept.receipt, report=replace(kept.report, results=results))
    assert "Its rows cannot be shown: There is no table bronze.nosuch" in lived.audit_page(
        replace(kept, receipt=receipt)
    )


def test_the_receipt_stands_in_the_commit(lived):
    kept = lived.audit_of("bad")
    assert lived.context.catalog.get(kept.receipt.commit).properties[RECEIPT] == kept.receipt.id
