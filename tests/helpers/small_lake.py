"""A small lake to publish in: people, their pets, and a count of the pets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pyarrow as pa

import lagoa

if TYPE_CHECKING:
    from pathlib import Path

PEOPLE = {
    "id": {"physicalType": "long", "required": True, "primaryKey": True, "primaryKeyPosition": 1},
    "name": {"physicalType": "string", "required": True},
    "age": {"physicalType": "int", "logicalTypeOptions": {"minimum": 0}},
}
PETS = {
    "id": {"physicalType": "long", "required": True, "primaryKey": True, "primaryKeyPosition": 1},
    "owner": {
        "physicalType": "long",
        "required": True,
        "relationships": [{"type": "foreignKey", "to": "bronze.people.id"}],
    },
    "kind": {"physicalType": "string", "required": True, "enum": [{"value": "cat"}, {"value": "dog"}]},
}
COUNTS = {"kind": {"physicalType": "string", "required": True}, "pets": {"physicalType": "long", "required": True}}
LOGICAL = {"long": "integer", "int": "integer", "string": "string", "double": "number", "timestamptz": "timestamp"}


class SmallLake:
    """The files of the lake, and rows for its tables."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True)
        (root / "lagoa.toml").write_text('name = "pets"\nthreads = 1\nmemory_limit = "500MB"\nauthor = "ana"\n')
        self.contract("bronze.people", PEOPLE)
        self.contract("bronze.pets", PETS)
        self.contract("gold.counts", COUNTS, materialization="full")
        self.file("transformations/gold/counts.sql", "SELECT kind, count(*) AS pets FROM bronze.pets GROUP BY kind\n")

    def contract(self, table: str, columns: dict, **custom) -> None:
        """Write a contract; `custom` holds custom properties without their `lagoa.`."""
        layer, name = table.split(".")
        properties = [
            {"name": each, "logicalType": LOGICAL[spec["physicalType"]], **spec} for each, spec in columns.items()
        ]
        schema = {"name": name, "physicalName": table, "physicalType": "table", "description": name}
        schema["properties"] = properties
        if custom:
            schema["customProperties"] = [{"property": f"lagoa.{key}", "value": custom[key]} for key in custom]
        document = {"apiVersion": "v3.1.0", "kind": "DataContract", "id": table, "name": table, "version": "1.0.0"}
        document |= {
            "status": "active",
            "description": {"purpose": name},
            "schema": [schema],
            "team": {"name": "tests"},
        }
        self.file(f"iceberg/{layer}/{name}.odcs.yaml", json.dumps(document, indent=1))

    def checks(self, table: str, text: str) -> None:
        """Write a check file."""
        self.file(f"soda/{table.replace('.', '/')}.yaml", text)

    def file(self, path: str, text: str) -> None:
        """Write a file of the lake."""
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def open(self) -> lagoa.Lake:
        """Open the lake; contracts and settings are read anew."""
        return lagoa.open_lake(self.root)

    @staticmethod
    def people(*ids: int, name: str | None = "ana", age: int | None = 30) -> pa.Table:
        """Return rows of bronze.people."""
        count = len(ids)
        return pa.table(
            {
                "id": pa.array(ids, pa.int64()),
                "name": pa.array([name] * count),
                "age": pa.array([age] * count, pa.int32()),
            }
        )

    @staticmethod
    def pets(*ids: int, owner: int = 1, kind: str = "cat") -> pa.Table:
        """Return rows of bronze.pets."""
        count = len(ids)
        return pa.table({"id": pa.array(ids, pa.int64()), "owner": pa.array([owner] * count), "kind": [kind] * count})
