"""Bad rows on their way to main: a row rule refuses single rows, a table rule the publication; main stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lagoa.domain.tables import TableName
from lagoa.errors import AuditFailed
from lagoa.quarantine import show_quarantine

if TYPE_CHECKING:
    from pathlib import Path

    from lagoa.branch import Branch
    from lagoa.lake import Lake


def load(branch: Branch, folder: Path, table: str, *lines: str) -> None:
    path = folder / f"{table}.csv"
    path.write_text("".join(f"{line}\n" for line in lines))
    branch.ingest(path, table)


@pytest.fixture
def shops(lake: Lake, branch: Branch, tmp_path: Path) -> Branch:
    load(branch, tmp_path, "bronze.shops", "id", "1", "2")
    return branch


def blocked(lake: Lake, branch: Branch) -> list[str]:
    """Return the checks that keep a branch from main, which stays as it was."""
    main, head = lake.resolve("main").id, branch.head
    with pytest.raises(AuditFailed) as raised:
        branch.publish()
    assert (lake.resolve("main").id, branch.head) == (main, head)
    return [result.check for result in raised.value.report.blocking]


def test_a_duplicate_key_fails_the_audit(lake: Lake, shops: Branch, tmp_path: Path) -> None:
    load(shops, tmp_path, "bronze.visits", "id,shop", "1,1", "2,2", "1,2")
    assert blocked(lake, shops) == ["bronze.visits/key/id"]


def test_a_key_that_comes_again_in_a_later_file_fails_the_audit(lake: Lake, shops: Branch, tmp_path: Path) -> None:
    load(shops, tmp_path, "bronze.visits", "id,shop", "1,1")
    load(shops, tmp_path, "bronze.visits", "id,shop", "1,2")
    assert blocked(lake, shops) == ["bronze.visits/key/id"]


def test_an_orphan_foreign_key_fails_the_audit(lake: Lake, shops: Branch, tmp_path: Path) -> None:
    load(shops, tmp_path, "bronze.visits", "id,shop", "1,1", "2,3")
    assert blocked(lake, shops) == ["bronze.visits/foreign_key/shop"]


def test_too_many_negative_prices_fail_the_audit(lake: Lake, shops: Branch, tmp_path: Path) -> None:
    load(shops, tmp_path, "bronze.visits", "id,shop,paid", "1,1,-1", "2,1,-2", "3,1,3")
    assert blocked(lake, shops) == ["bronze.visits/quarantine_share"]


def test_a_negative_price_stays_in_quarantine(lake: Lake, shops: Branch, tmp_path: Path) -> None:
    rows = [f"{at},{at % 2 + 1},9.90" for at in range(101, 110)]
    load(shops, tmp_path, "bronze.visits", "id,shop,paid", *rows, "110,1,-0.01")
    shops.publish()
    assert lake.sql("SELECT count(*), min(paid) > 0 FROM bronze.visits").fetchall() == [(9, True)]
    found = show_quarantine(lake.context, "main", TableName.parse("bronze.visits"))
    assert [(each.rule, each.raw) for each in found] == [("range/paid", b"110,1,-0.01\n")]
