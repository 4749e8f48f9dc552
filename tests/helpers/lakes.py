"""The folder of a lake as a test needs it: settings, contracts, models, check files, and whatever else lies there."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

from lagoa.bootstrap import open_lake

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from lagoa.lake import Lake

SETTINGS = {"name": "test", "threads": 1, "memory_limit": "1GB"}

Columns = str | dict[str, str | dict[str, Any]]


class LakeFolder:
    """A lake's folder, with nothing in it but `lagoa.toml`.

    Args:
        root: where it lies; of a folder that is a lake already, its settings stay unless others are given.
        settings: those of `SETTINGS` that are others, and more.
    """

    def __init__(self, root: Path, **settings: Any) -> None:
        self.root = root
        self._settings: dict[str, Any] = dict(SETTINGS)
        if settings or not (root / "lagoa.toml").exists():
            self.settings(**settings)

    def settings(self, **settings: Any) -> None:
        """Set settings; those that were set before stay."""
        self._settings |= settings
        lines = [f"{name} = {json.dumps(value)}\n" for name, value in self._settings.items()]
        self.file("lagoa.toml", "".join(lines))

    def contract(
        self,
        table: str,
        columns: Columns,
        *,
        description: str = "A table of a test.",
        version: str = "1.0.0",
        **custom: Any,
    ) -> Path:
        """Write the contract of a table.

        Args:
            table: its name.
            columns: `name:type`, one after the other; or by name, each a type or what ODCS says of it, with custom
                properties as `lagoa.<property>`. Behind a type `!` is a required column, `*` one of the key.
            description: of the table.
            version: of the contract.
            custom: custom properties of the table, without their `lagoa.`.
        """
        layer, name = table.split(".")
        if isinstance(columns, str):
            columns = dict(column.split(":", 1) for column in columns.split())
        schema = {"name": name, "description": description, "properties": list(_properties(columns))}
        document = {"apiVersion": "v3.1.0", "kind": "DataContract", "id": table, "name": table, "version": version}
        document |= {"status": "active", "team": {"name": "tests"}, "schema": [schema | _custom(custom)]}
        return self.file(f"iceberg/{layer}/{name}.odcs.yaml", json.dumps(document, indent=1))

    def model(self, table: str, sql: str) -> Path:
        """Write the model of a table."""
        return self.file(f"transformations/{table.replace('.', '/')}.sql", sql)

    def python_model(self, table: str, text: str) -> Path:
        """Write the model of a table in Python."""
        return self.file(f"transformations/{table.replace('.', '/')}.py", text)

    def source(self, name: str, **declared: Any) -> Path:
        """Declare a source."""
        return self.file(f"sources/{name}.yaml", json.dumps({"owner": "tests"} | declared, indent=1))

    def checks(self, table: str, text: str) -> Path:
        """Write the check file of a table."""
        return self.file(f"soda/{table.replace('.', '/')}.yaml", text)

    def file(self, path: str, content: str | bytes) -> Path:
        """Write any file of the folder; return where it is."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
        return target

    def take(self, other: LakeFolder) -> None:
        """Take a copy of all files of another lake, which nobody has open: much faster than to make the same again."""
        shutil.copytree(other.root, self.root, dirs_exist_ok=True)
        self._settings = dict(other._settings)

    def open(self) -> Lake:
        """Open the lake as its files are now."""
        return open_lake(self.root)


def _properties(columns: Mapping[str, str | dict[str, Any]]) -> Iterator[dict[str, Any]]:
    position = 0
    for name, given in columns.items():
        facts = {"physicalType": given} if isinstance(given, str) else dict(given)
        kind = facts["physicalType"]
        facts["physicalType"] = kind.rstrip("!*")
        if kind.endswith(("!", "*")):
            facts["required"] = True
        if kind.endswith("*"):
            position += 1
            facts |= {"primaryKey": True, "primaryKeyPosition": position}
        own = {key.removeprefix("lagoa."): facts.pop(key) for key in list(facts) if key.startswith("lagoa.")}
        yield {"name": name, **facts, **_custom(own)}


def _custom(properties: Mapping[str, Any]) -> dict[str, Any]:
    found = [{"property": f"lagoa.{name}", "value": value} for name, value in properties.items()]
    return {"customProperties": found} if found else {}
