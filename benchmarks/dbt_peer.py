"""The main job by dlt with dbt-duckdb: the same files and SELECTs, in an environment of its own."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Self

import duckdb

import lagoa
from benchmarks.commands import environment
from benchmarks.dbt_project import DATABASE, write_project
from benchmarks.figures import Figure
from benchmarks.floor import ROOT
from lagoa.adapters.duckdb.types import duckdb_type
from lagoa.contracts import Contracts
from lagoa.contracts.scd2 import FROM
from lagoa.domain.tables import LINEAGE_COLUMNS
from lagoa.formats import FORMATS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lagoa.contracts.contract import Contract

TOOLS = ("dlt[duckdb]==1.31.0", "dbt-core==1.11.16", "dbt-duckdb==1.11.1")
"""The versions that are measured; dbt-core 1.12 loads a part of itself from GitHub when it is installed."""
SHARED = ("duckdb", "pyarrow", "psutil")
"""What the environment has in the versions of this one."""
HOW = "one process; appended as Arrow batches, tables in one DuckDB file"
LACKS = (
    "what it does not do: no branch, no all-or-nothing publication, no quarantine (a view leaves out the rows that "
    "break a rule), no versions of tables, and no checks but of keys, required columns, allowed values and references"
)
_MOMENTS = (LINEAGE_COLUMNS[1], FROM)
"""Columns with the moment of loading, which no two runs share."""
_QUIET = {"RUNTIME__DLTHUB_TELEMETRY": "false", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}


@dataclass(frozen=True, slots=True)
class DbtPeer:
    """An environment with dlt and dbt-duckdb, and a project of them for the main job.

    Attributes:
        python: the environment's Python.
        project: the folder of the project, with the database that it builds.
    """

    python: str
    project: Path

    @classmethod
    def make(cls, data: Path, folder: Path) -> Self:
        """Install both and write the project for the nine files of `data`, into a new folder."""
        write_project(data, folder / "project")
        shared = (f"{name}=={version(name)}" for name in SHARED)
        return cls(environment(folder / "environment", *TOOLS, *shared), folder / "project")

    @property
    def database(self) -> Path:
        """The DuckDB database that the job builds."""
        return self.project / DATABASE

    def job(self) -> dict[str, Any]:
        """Run the job into an empty database; return its figures. What dbt has parsed stays from run to run."""
        self.database.unlink(missing_ok=True)
        shutil.rmtree(self.project / "pipelines", ignore_errors=True)
        command = [self.python, "-m", "benchmarks.dbt_job", str(self.project)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=os.environ | _QUIET)
        result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return result


def check_rows(lake: Path, database: Path) -> int:
    """Return the number of models; raise `ValueError` where one has other rows in the database than on `main`."""
    models = [each for each in Contracts.load(ROOT / "iceberg", FORMATS) if each.materialization]
    with lagoa.open_lake(lake) as opened, duckdb.connect(str(database), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for contract in models:
            connection.register("ours", opened.sql(f"select * from {contract.table}").arrow())
            ours, theirs = (_fingerprint(connection, contract, table) for table in ("ours", str(contract.table)))
            if ours != theirs:
                raise ValueError(f"{contract.table}: Lagoa has {ours} as rows and sum of hashes, the other {theirs}")
    return len(models)


def _fingerprint(connection: duckdb.DuckDBPyConnection, contract: Contract, table: str) -> tuple[int, int]:
    """Return the number of rows, and the sum of their hashes over all columns in the contract's types."""
    types = {field.name: duckdb_type(field.field_type) for field in contract.schema().fields}
    values = ", ".join(f'cast("{name}" as {kind})' for name, kind in types.items() if name not in _MOMENTS)
    rows, hashes = connection.sql(f"select count(*), coalesce(sum(hash({values})), 0) from {table}").fetchall()[0]
    return rows, hashes


def figures(ours: Sequence[dict[str, Any]], theirs: Sequence[dict[str, Any]], models: int) -> list[Figure]:
    """Return the figures of the main job beside this one, run in pairs, with the same rows in so many models."""

    def median(jobs: Sequence[dict[str, Any]], what: str) -> float:
        return float(statistics.median(each[what] for each in jobs))

    pairs = zip(ours, theirs, strict=True)
    ratio = statistics.median(each["seconds"] / beside["seconds"] for each, beside in pairs)
    last = theirs[-1]
    phases = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in last["phases"].items())
    tools = ", ".join(each.replace("==", " ").replace("[duckdb]", "") for each in TOOLS)
    note = (
        f"{tools}; {HOW}; every row of {models} models the same; {last['tests']} tests; the last one: {phases}; {LACKS}"
    )
    job, memory = f"main job: {median(ours, 'seconds'):.2f} s", f"main job: {median(ours, 'peak_mb'):,.0f} MiB"
    return [
        Figure("the same files and models by dlt with dbt-duckdb", median(theirs, "seconds"), "s", None, job, note),
        Figure("main job to dlt with dbt-duckdb", ratio, "x", note=f"median of {len(theirs)} pairs"),
        Figure("peak memory of dlt with dbt-duckdb", median(theirs, "peak_mb"), "MiB", None, memory),
    ]
