"""The main job for dlt and dbt-duckdb: their project, written from the reference lake's own contracts and models.

What dlt reads is the SELECT of the floor for each file. Of dbt, a view for each file leaves out the rows that break a
row rule of the contract, a table for each model is its SELECT, and tests are what contracts say of keys, required
columns, allowed values and references.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from benchmarks.floor import ROOT, tables
from lagoa.contracts import Contracts
from lagoa.contracts.rules import row_rules
from lagoa.domain.tables import TableName
from lagoa.formats import FORMATS

if TYPE_CHECKING:
    from pathlib import Path

    from lagoa.contracts.contract import Contract

BRONZE, STAGING = "bronze", "staging"
DATABASE = "peer.duckdb"
THREADS = 2
_TABLE = re.compile(r"\b(bronze|silver|gold)\.([a-z_]+)\b")
_SCHEMA = "{% macro generate_schema_name(name, node) %}{{ name or target.schema }}{% endmacro %}"
_KEY = """{% test unique_key(model, columns) %}
select {{ columns }} from {{ model }} group by all having count(*) > 1
{% endtest %}"""


def write_project(data: Path, folder: Path) -> None:
    """Write the project for the nine files of `data` into a new folder."""
    contracts = Contracts.load(ROOT / "iceberg", FORMATS)
    files, models = [], []
    for layer, name, sql in tables(data):
        contract = contracts[TableName((layer,), name)]
        if layer == BRONZE:
            _write(folder / "read" / f"{name}.sql", sql)
            broken = " or ".join(f"({rule.violated})" for rule in row_rules(contract))
            view = f"select * from {{{{ source('{BRONZE}', '{name}') }}}} where not ({broken})"
            _write(folder / "models" / STAGING / f"{_model(layer, name)}.sql", view)
            files.append({"name": name})
        else:
            with_refs = _TABLE.sub(lambda found: f"{{{{ ref('{_model(*found.groups())}') }}}}", sql)
            _write(folder / "models" / layer / f"{name}.sql", with_refs)
            models.append({"name": name, **_tests(contract)})
    tested = {"version": 2, "sources": [{"name": BRONZE, "tables": files}], "models": models}
    _write(folder / "models" / "schema.yml", json.dumps(tested, indent=1))
    for name, text in _settings(folder).items():
        _write(folder / name, text)


def _settings(folder: Path) -> dict[str, str]:
    """Return the files of the project that are the same for all tables; YAML is written as JSON, which it contains."""
    kinds = {STAGING: "view", "silver": "table", "gold": "table"}
    models = {layer: {"+schema": layer, "+materialized": kind} for layer, kind in kinds.items()}
    project = {"name": "peer", "version": "1.0.0", "profile": "peer", "models": {"peer": models}}
    database = {"type": "duckdb", "path": str(folder / DATABASE), "threads": THREADS, "settings": {"TimeZone": "UTC"}}
    profiles = {"peer": {"target": "bench", "outputs": {"bench": database}}}
    return {
        "dbt_project.yml": json.dumps(project, indent=1),
        "profiles.yml": json.dumps(profiles, indent=1),
        "macros/generate_schema_name.sql": _SCHEMA,
        "macros/unique_key.sql": _KEY,
    }


def _model(layer: str, name: str) -> str:
    return f"stg_{name}" if layer == BRONZE else name


def _tests(contract: Contract) -> dict[str, Any]:
    """Return the tests of a table and of its columns."""
    columns = []
    for column in contract.columns:
        tests: list[Any] = []
        if column.required:
            tests.append("not_null")
        if column.unique:
            tests.append("unique")
        if column.enum:
            tests.append({"accepted_values": {"arguments": {"values": list(column.enum)}}})
        if column.references:
            table, field = column.references
            to = f"ref('{_model(table.layer, table.name)}')"
            tests.append({"relationships": {"arguments": {"to": to, "field": field}}})
        columns.append({"name": column.name, "data_tests": tests})
    key = {"unique_key": {"arguments": {"columns": ", ".join(contract.key)}}}
    return {"data_tests": [key], "columns": columns}


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
