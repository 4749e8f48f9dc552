"""CONTRIBUTING.md and tests/README.md name files, targets of make and classes that are there."""

from __future__ import annotations

import re

import pytest
from checkout import ROOT

PAGES = ("CONTRIBUTING.md", "tests/README.md")
FOLDERS = "lagoa", "tests", "docs", "benchmarks", "infra", "iceberg"
FILE = re.compile(rf"(?<![\w/.])(?:(?:{'|'.join(FOLDERS)})/[\w./-]*|[\w./-]+\.(?:md|toml|txt|lock|yml))(?![\w<{{*])")
TARGET = re.compile(r"\bmake ([a-z-]+)")
CLASS = re.compile(r"`((?:[A-Z][a-z0-9]+){1,4})`")
WORDS = {"Literal"}


def missing_files(text: str) -> list[str]:
    names = {name.rstrip(".") for name in FILE.findall(text)}
    places = [ROOT, ROOT / "tests", ROOT / "lagoa", ROOT / "lagoa" / "contracts"]
    return sorted(name for name in names if not any((place / name).exists() for place in places))


def missing_targets(text: str) -> list[str]:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    code = "\n".join(re.findall(r"`[^`]+`|^make .*", text, re.MULTILINE))
    return sorted(set(TARGET.findall(code)) - set(targets))


def missing_classes(text: str) -> list[str]:
    defined = "\n".join(file.read_text("utf-8") for file in (ROOT / "lagoa").rglob("*.py"))
    defined += (ROOT / "tests" / "helpers" / "lakes.py").read_text("utf-8")
    known = {*re.findall(r"^class (\w+)", defined, re.MULTILINE), *re.findall(r"^(\w+) ?[:=]", defined, re.MULTILINE)}
    return sorted(set(CLASS.findall(text)) - known - WORDS)


@pytest.mark.parametrize("page", PAGES)
def test_what_a_contributor_is_pointed_to_is_there(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    assert len(FILE.findall(text)) > 3
    assert (missing_files(text), missing_targets(text), missing_classes(text)) == ([], [], [])


def test_what_is_gone_is_found() -> None:
    assert missing_files("see `lagoa/audit/gone.py`, docs/gone.md and `lagoa/audit/kinds/<kind>.py`") == [
        "docs/gone.md",
        "lagoa/audit/gone.py",
    ]
    assert missing_targets("run `make gone`, or `make test`; you make lakes") == ["gone"]
    assert missing_classes("a subclass of `Format` or of `GoneFormat`") == ["GoneFormat"]
