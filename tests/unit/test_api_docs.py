"""docs/api.md has every class that the public API returns, every error, and names nothing that is not there."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from pathlib import Path

import lagoa
from lagoa.branch import Branch, Run
from lagoa.lake import Lake

PAGE = Path(__file__).parents[2] / "docs" / "api.md"


def _shown(text):
    return re.findall(r"^::: (lagoa[\w.]+)$", text, flags=re.MULTILINE)


def _returned(front):
    """Return the names in the annotations of what public methods of a class return."""
    for name, member in vars(front).items():
        function = member.fget if isinstance(member, property) else member
        if not name.startswith("_") and inspect.isfunction(function):
            tree = ast.parse(function.__annotations__["return"], mode="eval")
            yield from (node.id for node in ast.walk(tree) if isinstance(node, ast.Name))


def _classes():
    """Return the names of all classes that Lagoa defines."""
    files = Path(lagoa.__file__).parent.rglob("*.py")
    return {name for file in files for name in re.findall(r"^class (\w+)", file.read_text("utf-8"), re.MULTILINE)}


def _missing(text):
    shown = {name.rpartition(".")[2] for name in _shown(text)}
    returned = {name for front in (Lake, Branch, Run) for name in _returned(front)}
    return sorted((returned & _classes() | set(lagoa.__all__)) - shown)


def test_what_the_public_api_returns_is_on_the_page():
    assert _missing(PAGE.read_text("utf-8")) == []


def test_what_is_taken_off_the_page_is_noticed():
    text = PAGE.read_text("utf-8")
    assert _missing(text.replace("::: lagoa.domain.receipts.Publication\n", "")) == ["Publication"]
    assert _missing(text.replace("::: lagoa.bootstrap.open_lake\n", "")) == ["open_lake"]


def test_the_page_names_nothing_that_is_not_there():
    for name in _shown(PAGE.read_text("utf-8")):
        if name == "lagoa.errors":
            continue
        module, _, what = name.rpartition(".")
        assert inspect.getdoc(getattr(importlib.import_module(module), what)), name
