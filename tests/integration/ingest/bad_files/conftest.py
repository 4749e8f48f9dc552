"""A small lake for bad files: tables of CSV and of Parquet, with a key, a foreign key and rules."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest
from lakes import LakeFolder

import lagoa

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lakes import Columns

    from lagoa.branch import Branch
    from lagoa.lake import Lake

SALES: Columns = {
    "id": "long*",
    "name": "string",
    "n": "int",
    "price": {"physicalType": "decimal(8, 2)", "logicalTypeOptions": {"minimum": 0}},
    "ratio": "double",
    "day": "date",
    "at": "timestamp",
    "moment": "timestamptz",
}
VISITS: Columns = {
    "id": "long*",
    "shop": {"physicalType": "long", "relationships": [{"type": "foreignKey", "to": "bronze.shops.id"}]},
    "paid": {"physicalType": "decimal(8, 2)", "logicalTypeOptions": {"minimum": 0}},
}
SOURCES: dict[str, dict[str, Any]] = {
    "bronze.sales": {"format": "csv"},
    "bronze.bare": {"format": "csv", "header": False},
    "bronze.german": {"format": "csv", "delimiter": ";", "decimal": ","},
    "bronze.packed": {"format": "parquet"},
    "bronze.json": {"format": "json"},
    "bronze.jsonl": {"format": "jsonl"},
}


@pytest.fixture(scope="package")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lake's folder."""
    folder = LakeFolder(tmp_path_factory.mktemp("lake"), threads=2, memory_limit="512MB")
    for table, source in SOURCES.items():
        folder.contract(table, SALES, source=source)
    folder.contract("bronze.shops", "id:long*", source={"format": "csv"})
    folder.contract("bronze.visits", VISITS, source={"format": "csv"}, quarantineShare=0.2)
    return folder.root


@pytest.fixture(scope="package")
def lake(root: Path) -> Iterator[Lake]:
    with lagoa.open_lake(root) as found:
        yield found


@pytest.fixture
def branch(lake: Lake, request: pytest.FixtureRequest) -> Branch:
    name = hashlib.sha1(request.node.nodeid.encode(), usedforsecurity=False).hexdigest()[:12]
    return lake.create_branch(f"t{name}")
