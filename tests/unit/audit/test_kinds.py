"""docs/audit.md has a row for each kind of check, and for none that is gone."""

from __future__ import annotations

import re

from checkout import ROOT

from lagoa.audit.kinds import KINDS

PAGE = ROOT / "docs" / "audit.md"


def documented(text: str) -> set[str]:
    rows = text.split("| check | from |")[1].split("\n\n", maxsplit=1)[0].splitlines()[2:]
    return {kind for row in rows for kind in re.findall(r"`t/(\w+)", row.split("|")[1])}


def test_each_kind_of_check_is_in_the_documentation():
    text = PAGE.read_text("utf-8")
    assert documented(text) == {each.kind for each in KINDS}
    assert documented(text.replace("`t/unique/c`", "`t/gone/c`")) - documented(text) == {"gone"}
