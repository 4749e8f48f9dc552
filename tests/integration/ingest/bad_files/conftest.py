"""A small lake for bad files: tables of CSV and of Parquet, with a key, a foreign key and rules."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

import lagoa

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lagoa.branch import Branch
    from lagoa.lake import Lake

KEY = {"physicalType": "long", "required": True, "primaryKey": True, "primaryKeyPosition": 1}
SALES: dict[str, dict[str, Any]] = {
    "id": KEY,
    "name": {"physicalType": "string"},
    "n": {"physicalType": "int"},
    "price": {"physicalType": "decimal(8, 2)", "logicalTypeOptions": {"minimum": 0}},
    "ratio": {"physicalType": "double"},
    "day": {"physicalType": "date"},
    "at": {"physicalType": "timestamp"},
    "moment": {"physicalType": "timestamptz"},
}
TABLES: dict[str, tuple[dict[str, dict[str, Any]], dict[str, Any]]] = {
    "bronze.sales": (SALES, {"source": {"format": "csv"}}),
    "bronze.bare": (SALES, {"source": {"format": "csv", "header": False}}),
    "bronze.german": (SALES, {"source": {"format": "csv", "delimiter": ";", "decimal": ","}}),
    "bronze.packed": (SALES, {"source": {"format": "parquet"}}),
    "bronze.json": (SALES, {"source": {"format": "json"}}),
    "bronze.jsonl": (SALES, {"source": {"format": "jsonl"}}),
    "bronze.shops": ({"id": KEY}, {"source": {"format": "csv"}}),
    "bronze.visits": (
        {
            "id": KEY,
            "shop": {"physicalType": "long", "relationships": [{"type": "foreignKey", "to": "bronze.shops.id"}]},
            "paid": {"physicalType": "decimal(8, 2)", "logicalTypeOptions": {"minimum": 0}},
        },
        {"source": {"format": "csv"}, "quarantineShare": 0.2},
    ),
}


def contract_text(table: str, columns: dict[str, dict[str, Any]], custom: dict[str, Any]) -> str:
    name = table.split(".")[1]
    schema = {
        "name": name,
        "physicalName": table,
        "physicalType": "table",
        "properties": [{"name": each, **facts} for each, facts in columns.items()],
        "customProperties": [{"property": f"lagoa.{key}", "value": value} for key, value in custom.items()],
    }
    facts = {"apiVersion": "v3.1.0", "kind": "DataContract", "id": table, "name": table, "version": "1.0.0"}
    return json.dumps({**facts, "status": "active", "schema": [schema], "team": {"name": "tests"}}, indent=1)


@pytest.fixture(scope="package")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lake's folder."""
    root = tmp_path_factory.mktemp("lake")
    (root / "lagoa.toml").write_text('name = "bad"\nthreads = 2\nmemory_limit = "512MB"\n')
    for table, (columns, custom) in TABLES.items():
        path = root / "iceberg" / f"{table.replace('.', '/')}.odcs.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(contract_text(table, columns, custom))
    return root


@pytest.fixture(scope="package")
def lake(root: Path) -> Iterator[Lake]:
    with lagoa.open_lake(root) as found:
        yield found


@pytest.fixture
def branch(lake: Lake, request: pytest.FixtureRequest) -> Branch:
    name = hashlib.sha1(request.node.nodeid.encode(), usedforsecurity=False).hexdigest()[:12]
    return lake.create_branch(f"t{name}")
