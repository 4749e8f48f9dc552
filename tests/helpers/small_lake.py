"""A small lake to publish in: people, their pets, and a count of the pets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
from lakes import LakeFolder

if TYPE_CHECKING:
    from pathlib import Path

PEOPLE = {
    "id": {"physicalType": "long*"},
    "name": {"physicalType": "string!"},
    "age": {"physicalType": "int", "logicalTypeOptions": {"minimum": 0}},
}
PETS = {
    "id": {"physicalType": "long*"},
    "owner": {"physicalType": "long!", "relationships": [{"type": "foreignKey", "to": "bronze.people.id"}]},
    "kind": {"physicalType": "string!", "enum": [{"value": "cat"}, {"value": "dog"}]},
}
EVERY_KIND = {
    "id": {"physicalType": "long*"},
    "email": {"physicalType": "string", "logicalTypeOptions": {"format": "email"}},
    "zip": {"physicalType": "string", "logicalTypeOptions": {"pattern": "^[0-9]{5}$"}},
    "code": {"physicalType": "string", "unique": True, "logicalTypeOptions": {"maxLength": 3}},
    "kind": {"physicalType": "string", "enum": [{"value": "cat"}, {"value": "dog"}]},
    "weight": {"physicalType": "double", "logicalTypeOptions": {"minimum": 0}},
    "owner": {"physicalType": "long", "relationships": [{"type": "foreignKey", "to": "bronze.people.id"}]},
}
"""Of no table of the lake: a column for each kind of check of a column."""


class SmallLake(LakeFolder):
    """The files of the lake, and rows for its tables."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, name="pets", memory_limit="500MB", author="ana")
        self.contract("bronze.people", PEOPLE)
        self.contract("bronze.pets", PETS)
        self.contract("gold.counts", "kind:string! pets:long!", materialization="full")
        self.model("gold.counts", "SELECT kind, count(*) AS pets FROM bronze.pets GROUP BY kind\n")

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
