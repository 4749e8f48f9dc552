"""Files of exposures: what they declare, and each way in which one can be wrong, with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from lagoa.contracts.contract import Column, Contract
from lagoa.contracts.folder import Contracts
from lagoa.domain.tables import TableName
from lagoa.lineage.exposures import read_exposures

SALES = TableName.parse("gold.sales")
CONTRACTS = Contracts(
    Path(), {SALES: Contract(SALES, "", Path("s"), "", (Column("day", "date"), Column("revenue", "double")))}
)
GOOD = """exposures:
  - name: sales_board
    kind: dashboard
    owner: analytics
    url: https://bi.example/d/1
    description: What the board looks at.
    reads:
      - table: gold.sales
        columns: [revenue]
"""


def read(folder, text, name="a.yaml"):
    (folder / name).write_text(text, "utf-8")
    return read_exposures(folder, CONTRACTS)


def test_an_exposure_is_read(tmp_path):
    (found,), faults = read(tmp_path, GOOD)
    assert faults == ()
    assert (found.name, found.kind, found.owner, found.url) == (
        "sales_board",
        "dashboard",
        "analytics",
        "https://bi.example/d/1",
    )
    assert found.reads == {SALES: frozenset({"revenue"})}
    assert (found.file.name, found.line) == ("a.yaml", 2)


def test_a_table_alone_stands_for_all_its_columns(tmp_path):
    text = GOOD.replace("      - table: gold.sales\n        columns: [revenue]\n", "      - gold.sales\n")
    (found,), faults = read(tmp_path, text)
    assert (found.reads, faults) == ({SALES: None}, ())


def test_no_folder_declares_none(tmp_path):
    assert read_exposures(tmp_path / "none", CONTRACTS) == ((), ())


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("owner: analytics", "ownr: analytics", 4, "ownr"),
        ("    owner: analytics\n", "", 2, "owner"),
        ("kind: dashboard", "kind: board", 3, "dashboard"),
        ("name: sales_board", "name: Sales board", 2, "Sales board"),
        ("https://bi.example/d/1", "javascript:alert(1)", 5, "is no address of a page"),
        ("https://bi.example/d/1", "'https://a\"><script>'", 5, "is no address of a page"),
        ("gold.sales", "gold.sale", 8, "there is no contract for a table gold.sale. Did you mean"),
        ("gold.sales", "sales", 8, "layer.table"),
        ("[revenue]", "[revenu]", 8, "there is no column 'revenu'"),
        ("[revenue]", "[]", 8, "columns"),
        ("        columns: [revenue]\n", "        columns: [revenue]\n      - gold.sales\n", 10, "is named twice"),
        ("exposures:\n", "exposure:\n", 1, "exposure"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path, old, new, line, said):
    assert old in GOOD
    found, faults = read(tmp_path, GOOD.replace(old, new))
    assert found == ()
    fault = next(each for each in faults if said in str(each))
    assert (Path(fault.file).name, fault.line) == ("a.yaml", line)


def test_a_name_is_given_once(tmp_path):
    read(tmp_path, GOOD)
    (found,), (fault,) = read(tmp_path, GOOD, "b.yaml")
    assert found.file.name == "a.yaml"
    assert "sales_board is declared in a.yaml, line 2, too." in str(fault)
    assert (Path(fault.file).name, fault.line) == ("b.yaml", 2)


def test_one_that_is_wrong_leaves_the_others(tmp_path):
    second = GOOD.removeprefix("exposures:\n").replace("sales_board", "other").replace("gold.sales", "gold.none")
    (found,), (fault,) = read(tmp_path, GOOD + second)
    assert found.name == "sales_board"
    assert fault.line == 16


def test_a_file_that_nothing_reads_is_told(tmp_path):
    (tmp_path / "README.md").write_text("words")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.yaml").write_text(GOOD)
    (tmp_path / "a.yml").write_text(GOOD)
    found, faults = read_exposures(tmp_path, CONTRACTS)
    assert found == ()
    assert sorted(Path(each.file).name for each in faults) == ["a.yaml", "a.yml"]
