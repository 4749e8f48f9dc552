"""The forms of a review: one HTML page, and Markdown; nothing that comes from data or people is markup in them."""

from __future__ import annotations

import html.parser
import re
from dataclasses import replace

import pyarrow as pa
import pytest

from lagoa.domain.tables import TableName

EVIL = "<script>alert('x')</script>"
VOID = frozenset({"meta", "br", "circle", "polyline", "line", "rect"})
MARKS = "](javascript:alert(1)) | `` ``` @team **b** <img src=x onerror=alert(1)>\n# h"


class Page(html.parser.HTMLParser):
    """Reads a page: its tags, its links, its words; every tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.words: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value for name, value in attrs if name in {"href", "src", "action", "srcset"}]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if data.strip():
            self.words.append(" ".join(data.split()))


def rows(ids, word, *, price=1.0):
    count = len(ids)
    return pa.table(
        {"id": pa.array(ids, pa.int64()), "word": [word] * count, "price": pa.array([price + each for each in ids])}
    )


@pytest.fixture
def folder(folder):
    folder.contract("silver.words", "id:long* word:string price:double")
    folder.contract("gold.sums", "id:long* price:double", materialization="full")
    folder.model("gold.sums", "select id, price from silver.words")
    exposure = (
        'exposures:\n  - name: board\n    kind: dashboard\n    owner: "<b>sales</b>"\n'
        "    url: https://bi.example/1?a=1&b=2\n    reads: [silver.words]\n"
    )
    folder.file("exposures/a.yaml", exposure)
    return folder


@pytest.fixture
def changed(lake):
    """Return the review of a branch with hostile words in data, message and author."""
    with lake.run("load") as branch:
        branch.append("silver.words", rows(range(10), "plain"))
        branch.transform()
        branch.publish()
    lake.create_branch("evil")
    settings = lake.settings.model_copy(update={"author": EVIL, "name": EVIL})
    branch = type(lake)(replace(lake.context, settings=settings)).branch("evil")
    with branch.write(f"{EVIL} {MARKS}") as tx:
        tx.merge(TableName.parse("silver.words"), rows([1, 20], EVIL + "x" * 10_000, price=5.0))
    branch.append("silver.words", rows([30], MARKS))
    branch.transform()
    return branch.review()


def test_a_page_is_one_file_without_scripts_or_anything_from_outside(changed):
    text = changed.html()
    page = Page(text)
    assert page.links == ["https://bi.example/1?a=1&b=2"]  # of the exposure, to be followed by a person
    assert not page.tags & {"script", "link", "img", "iframe", "object", "b", "form"}
    assert not {each for each in page.attributes if each.startswith("on")}
    assert "url(" not in text
    assert "@import" not in text
    assert "default-src 'none'" in text
    assert "prefers-color-scheme: dark" in text
    assert "&lt;script&gt;" in text
    assert len(text) < 60_000
    assert any("<script>" in word for word in page.words)


def test_what_steers_a_terminal_or_turns_text_is_escaped(changed):
    evil = replace(changed, authors=("\x1b[31mred\x07", "\u202egnp.exe"), problems=("a\u2066b",))
    for text in (evil.html(), evil.markdown()):
        assert not {each for each in text if not each.isprintable()} - {"\n", "\t"}
    assert r"\u202egnp.exe" in evil.html()


def test_a_page_has_every_part(changed):
    page = Page(changed.html())
    for heading in ("Tables", "Who reads that", "Commits", "Figures of gold", "Profile", "Some of the rows"):
        assert heading in page.words, heading
    assert {"svg", "rect", "details", "caption", "main"} <= page.tags
    assert "built again on the branch" in page.words
    assert "board" in page.words


def test_markdown_has_nothing_of_it_as_markup(changed):
    text = changed.markdown()
    outside = re.sub(r"(?s)(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", text)  # without what stands as code
    for part in ("<script", "<img", "javascript", "@team", "alert"):
        assert part not in outside, part
        assert part == "<img" or part in text
    assert not re.search(r"^# h", text, re.MULTILINE)
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert tables
    for heading in ("### Tables", "### Commits", "### Figures of gold", "### Who reads that"):
        assert heading in text
    widths = {}
    for line in text.splitlines():
        if not line.startswith("|"):
            widths = {}
            continue
        cells = len(re.findall(r"(?<!\\)\|", line))
        assert widths.setdefault("cells", cells) == cells, line


def test_a_review_that_would_be_refused_says_so_first(lake, changed):
    refused = replace(changed, refused=f"no: {EVIL}", base="a" * 64)
    page = Page(refused.html())
    assert "✗ would be refused" in page.words
    assert f"no: {EVIL}" in page.words
    assert refused.markdown().splitlines()[2].startswith("❌ **would be refused**")


def test_a_column_of_another_engine_may_have_any_name(lake):
    name = "<img src=x>|`` *x*"
    branch = lake.create_branch("foreign")
    branch.catalog().create_namespace("silver")
    table = branch.catalog().create_table("silver.foreign", pa.schema([pa.field(name, pa.string())]))
    table.append(pa.table({name: ["secret"]}))
    found = branch.review(audit=False)
    page = Page(found.html())
    assert "img" not in page.tags
    assert name in page.words
    assert "secret" not in found.html() + found.markdown()  # without a contract nobody knows whose it is
    assert "<img" not in re.sub(r"(?s)(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", found.markdown())
