"""docs/architecture.md names every module and package of Lagoa, and none that is gone."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architecture.md"


def _named(text):
    rows = text.split("| layer | modules |")[1].split("\n\n")[0].splitlines()[2:]
    return {word.strip("/") for row in rows for word in re.findall(r"`([a-z0-9_/]+(?:\.py|/))`", row.split("|")[2])}


def _there():
    found = {path for path in (ROOT / "lagoa").iterdir() if not path.name.startswith("__")}
    return {path.name for path in found if path.suffix == ".py" or (path / "__init__.py").exists()}


def test_the_table_of_modules_is_that_of_the_package():
    assert _named(PAGE.read_text("utf-8")) == _there()


def test_a_module_that_is_missing_or_gone_is_noticed():
    text = PAGE.read_text("utf-8")
    assert _named(text) - _named(text.replace("`lake.py`, ", "")) == {"lake.py"}
    assert _named(text.replace("`lake.py`", "`lake.py`, `gone.py`")) - _named(text) == {"gone.py"}
