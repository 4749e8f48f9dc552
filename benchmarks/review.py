"""The review of a branch that changed one file of a table of ten million rows, as the command shows it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import lagoa
from benchmarks.commands import lagoa as run_lagoa
from benchmarks.figures import Figure, median_ms

if TYPE_CHECKING:
    from lagoa.branch import Branch

FILES, ROWS = 10, 1_000_000
LIMIT_S = 2.0
TABLE = "silver.sales"
COLUMNS = {"id": "long", "customer": "long", "price": "double", "state": "string", "day": "date"}
_KINDS = {"long": "integer", "double": "number", "string": "string", "date": "date"}
_FILE = """
select {start} + i as id, i % 50000 as customer, (i % 9973) / 10.0 as price,
  ['SP', 'RJ', 'MG', 'BA'][1 + i % 4] as state, date '2026-01-01' + {day} as day
from range({rows}) as r(i)
"""


def run() -> list[Figure]:
    """Measure reviews of branches that changed a thousand rows in one file, and that added one file."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "lagoa.toml").write_text('name = "bench"\n')
        _write_contract(root)
        with lagoa.open_lake(root) as lake:
            branch = lake.create_branch("load")
            for number in range(FILES):
                branch.append(TABLE, branch.sql(_rows(number, ROWS)).arrow())
            branch.publish()
            merged = lake.create_branch("merged")
            merged.merge(TABLE, merged.sql(f"select * replace (price + 1 as price) from ({_rows(3, 1000)})").arrow())
            added = lake.create_branch("added")
            added.append(TABLE, added.sql(_rows(FILES, ROWS)).arrow())
            return [*_figures(root, merged, "changed"), *_figures(root, added, "added")]


def _figures(root: Path, branch: Branch, what: str) -> list[Figure]:
    note = f"{FILES * ROWS:,} rows in {FILES} files; a file of {ROWS:,} rows is {what}"
    first = median_ms(branch.review, 1) / 1000
    again = median_ms(branch.review, 5) / 1000
    whole = median_ms(lambda: run_lagoa(root, "review", branch.name), 5) / 1000
    return [
        Figure(f"review of one {what} file, its checks known", again, "s", LIMIT_S, note=note),
        Figure("the same as a command, `lagoa review`", whole, "s", note="a process of its own"),
        Figure("the same with its checks, which read all rows", first, "s", note="the first review, or `lagoa audit`"),
    ]


def _rows(number: int, rows: int) -> str:
    return _FILE.format(start=number * ROWS, day=number, rows=rows)


def _write_contract(root: Path) -> None:
    columns: list[dict[str, object]] = [
        {"name": name, "logicalType": _KINDS[kind], "physicalType": kind, "description": name}
        for name, kind in COLUMNS.items()
    ]
    columns[0] |= {"primaryKey": True, "primaryKeyPosition": 1, "required": True}
    schema = {"name": "sales", "physicalName": TABLE, "physicalType": "table", "properties": columns}
    document = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": TABLE,
        "name": TABLE,
        "version": "1.0.0",
        "status": "active",
        "schema": [{**schema, "description": "Sales."}],
    }
    file = root / "iceberg" / f"{TABLE.replace('.', '/')}.odcs.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(document))
