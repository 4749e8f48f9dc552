"""Each block of code in the documentation is run as it stands there, or named with the reason why it is not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from checkout import ROOT
from documentation import blocks, pages
from left_out import LEFT_OUT, WHOLE_PAGES

RUN = {
    page
    for file in Path(__file__).parent.glob("test_pages_*.py")
    for page in re.findall(r'Page\("(.+?)"\)', file.read_text("utf-8"))
}


@pytest.mark.parametrize("name", pages())
def test_a_block_is_run_or_named(name: str) -> None:
    named, found = LEFT_OUT.get(name, {}), {block.first for block in blocks(name)}
    assert named.keys() <= found, "these are no longer there"
    if name not in RUN | WHOLE_PAGES.keys():
        assert found == named.keys(), "these are neither run nor named in tests/helpers/left_out.py"


def test_what_is_named_is_tested_elsewhere() -> None:
    assert {*LEFT_OUT, *WHOLE_PAGES, *RUN} == set(pages())
    reasons = [*WHOLE_PAGES.values(), *(reason for named in LEFT_OUT.values() for reason in named.values())]
    for reason in reasons:
        tests = re.findall(r"[\w/]+\.py", reason)
        assert tests, reason
        assert [test for test in tests if not (ROOT / "tests" / test).is_file()] == []
