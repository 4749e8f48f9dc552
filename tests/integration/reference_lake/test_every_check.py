"""Each check that follows from a contract of the reference lake passes on good data and fails where that is spoiled."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import TYPE_CHECKING

import duckdb
import pytest
from checkout import ROOT
from scored import RISK, SCORED

import lagoa
from flows.sources.olist import generate
from lagoa.adapters.duckdb.types import duckdb_type
from lagoa.audit.expected import expected_checks
from lagoa.audit.kinds.soda import Soda
from lagoa.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from lagoa.audit.check import Check
    from lagoa.contracts.contract import Column, Contract
    from lagoa.domain.tables import TableName


STRAY = "_stray"

pytestmark = pytest.mark.slow  # test_audit.py breaks a check of each kind, test_content.py each check file


@pytest.fixture(scope="module")
def proof(tmp_path_factory):
    """The reference lake with generated data on main, and a branch on which every table is spoiled; both audited."""
    folder = tmp_path_factory.mktemp("every_check")
    files = folder / "files"
    generate(files, 0.01)
    with lagoa.open_lake(Settings(root=ROOT, state=folder / "state", author="tests")) as lake:
        with lake.run("good") as branch:
            branch.ingest_folder(files)
            branch.transform()
            branch.replace(SCORED, branch.sql(RISK).arrow())
            good = branch.publish().report
        contracts = lake.context.contracts
        spoiled = lake.create_branch("spoiled")
        for contract in contracts:
            if contract.source is not None:
                spoiled.ingest(refused_file(contract, folder), into=str(contract.table))
        checks = expected_checks(lake.context, lake.tables("spoiled"))
        for contract in contracts:
            rows = lake.sql(f"select * from {contract.table}").arrow()
            own = [check for check in checks if check.table == contract.table and not isinstance(check, Soda)]
            put(spoiled, contract.table, spoil(rows, contract, own))
        yield SimpleNamespace(lake=lake, good=good, checks=checks, bad=spoiled.audit())


def refused_file(contract: Contract, folder: Path) -> Path:
    """Return a source file with one record, which has no fields but one."""
    path = folder / f"refused_{contract.table.name}.csv"
    names = [column.source_name for column in contract.columns]
    path.write_text(f"{contract.source.delimiter.join(names)}\nx\n", contract.source.encoding)
    return path


def put(branch: lagoa.Branch, table: TableName, rows: pa.Table) -> None:
    """Put rows in the place of a table as another tool could that knows no contract."""
    catalog = branch.catalog()
    name = (*table.namespace, table.name)
    catalog.drop_table(name)
    catalog.create_table(name, rows.schema).append(rows)


def spoil(rows: pa.Table, contract: Contract, checks: list[Check]) -> pa.Table:
    """Return rows that break each check: all of them twice with other means, and one more for each rule of a column.

    So keys are there twice, and the number of rows and the means are others than on main; a column is too many.
    """
    parts = ["SELECT * FROM good"]
    drifting = ", ".join(f"{name} * 9 AS {name}" for name in contract.drift)
    parts.append(f"SELECT * {f'REPLACE ({drifting})' if drifting else ''} FROM good")
    for check in checks:
        kind, _, name = check.id.removeprefix(f"{contract.table}/").partition("/")
        column = contract.column(name)
        if kind in BAD_VALUES and column is not None:
            value = f"CAST({BAD_VALUES[kind](column)} AS {sql_type(contract, column)})"
            parts.append(f"(SELECT * REPLACE ({value} AS {name}) FROM good LIMIT 1)")
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("good", rows)
        return connection.sql(f"SELECT *, 1 AS {STRAY} FROM ({' UNION ALL '.join(parts)})").to_arrow_table()


def sql_type(contract: Contract, column: Column) -> str:
    return duckdb_type(contract.schema().find_field(column.name).field_type)


def out_of_range(column: Column) -> str:
    step = "INTERVAL 1 DAY" if column.type in {"date", "timestamp", "timestamptz"} else "1"
    low = column.minimum if column.minimum is not None else column.exclusive_minimum
    bound, sign = (low, "-") if low is not None else (column.maximum or column.exclusive_maximum, "+")
    return f"CAST('{bound}' AS {column.type}) {sign} {step}"


def of_wrong_length(column: Column) -> str:
    return f"repeat('x', {column.min_length - 1 if column.min_length else column.max_length + 1})"


def orphan(column: Column) -> str:
    return {"string": "'§ nobody'", "date": "'0001-01-01'"}.get(column.type, "-1")


BAD_VALUES = {
    "required": lambda _: "NULL",
    "enum": lambda column: "'§'" if column.type == "string" else "-1",
    "pattern": lambda column: "'§'" if not re.search(column.pattern, "§") else "''",
    "format": lambda _: "'§'",
    "range": out_of_range,
    "length": of_wrong_length,
    "foreign_key": orphan,
    "history": lambda column: {"valid_to": "valid_from", "is_current": "valid_to IS NOT NULL"}[column.name],
}


def test_every_check_passes_on_good_data(proof):
    assert {each.check: each.outcome for each in proof.good.results if each.outcome != "passed"} == {}
    assert {each.check for each in proof.good.results} >= set(proof.lake.checks())


def test_every_check_of_a_contract_fails_on_spoiled_data(proof):
    wanted = {c.id: "warned" if c.severity == "warn" else "failed" for c in proof.checks if own(c)}
    found = {each.check: each.outcome for each in proof.bad.results if each.check in wanted}
    assert {check: outcome for check, outcome in wanted.items() if found.get(check) != outcome} == {}
    assert len(wanted) > 500


def own(check: Check) -> bool:
    """Whether a check follows from a contract of the lake's own: those of quarantine are the mechanism's."""
    return not isinstance(check, Soda) and check.table.layer != "quarantine"


def test_no_check_is_listed_without_a_proof(proof):
    proven = {check.id for check in proof.checks if own(check)}
    assert [check for check in proof.lake.checks() if check not in proven and "/soda/" not in check] == []
