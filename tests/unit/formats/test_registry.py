"""Only a format's own package compares its name; all else goes by the registry."""

from __future__ import annotations

import ast
from pathlib import Path

import lagoa
from lagoa.formats import FORMATS

PACKAGE = Path(lagoa.__file__).parent
OWN = {PACKAGE.parent.joinpath(*type(each).__module__.split(".")[:-1]) for each in FORMATS.values()}
TABLES = PACKAGE / "adapters"  # they know Parquet as the format of Iceberg's own files, not of those that are loaded


def compared(text: str) -> list[str]:
    """Return the names of formats that a module compares something with."""
    compares = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Compare)]
    values = [part for node in compares for part in ast.walk(node) if isinstance(part, ast.Constant)]
    return [part.value for part in values if part.value in FORMATS]


def test_no_other_module_compares_the_name_of_a_format() -> None:
    modules = [path for path in PACKAGE.rglob("*.py") if {*OWN, TABLES}.isdisjoint(path.parents)]
    assert len(modules) > 100
    assert {path: found for path in modules if (found := compared(path.read_text("utf-8")))} == {}


def test_a_comparison_is_found() -> None:
    assert compared('if source.format != "csv" or form in {"json", "x"}: pass') == ["csv", "json"]


def test_each_format_is_known_by_all_its_names() -> None:
    assert {"csv", "parquet", "json", "jsonl"} <= FORMATS.keys()
    assert next(iter(FORMATS)) == "csv", "it accepts any text, and the last format is asked first"
    assert all(name in each.names for name, each in FORMATS.items())
    assert len(FORMATS) == sum(len(each.names) for each in set(FORMATS.values())), "two have one name"
