"""`python -m benchmarks.dbt_job FOLDER`: the main job by dlt and dbt-duckdb, in an environment without Lagoa.

`benchmarks.dbt_project` writes what lies in the folder. Prints seconds, memory and the number of tests.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.process import Laps, peak_mib, seconds_alive

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

BATCH = 500_000


def main(folder: Path) -> None:
    """Load, build and test, each by the tool's own interface in this process, so that nothing is imported twice."""
    laps = Laps()
    load(folder)
    laps.end("dlt")
    from dbt.cli.main import dbtRunner

    options = ["--quiet", "--log-level-file", "none", "--project-dir", str(folder), "--profiles-dir", str(folder)]
    manifest = _done(dbtRunner().invoke(["parse", *options]))
    laps.end("dbt parse")
    models = _done(dbtRunner(manifest=manifest).invoke(["run", *options])).results
    laps.end("dbt run")
    tests = _done(dbtRunner(manifest=manifest).invoke(["test", *options])).results
    laps.end("dbt test")
    counts = {"models": len(models), "tests": len(tests)}
    print(json.dumps({"seconds": seconds_alive(), "phases": laps.seconds, **counts, "peak_mb": peak_mib()}))


def load(folder: Path) -> None:
    """Append the files to a DuckDB database by dlt, as Arrow batches that DuckDB reads."""
    import dlt
    import duckdb

    def rows(sql: str) -> Iterator[pa.RecordBatch]:
        with duckdb.connect() as connection:
            connection.execute("set TimeZone = 'UTC'")
            yield from connection.execute(sql).to_arrow_reader(BATCH)

    def moments(sql: str) -> dict[str, Any]:
        """Name the timestamps without a zone: dlt gives them one if nothing is said."""
        query = duckdb.sql(sql)
        found = (name for name, kind in zip(query.columns, query.types, strict=True) if kind == "TIMESTAMP")
        return {name: {"data_type": "timestamp", "timezone": False} for name in found}

    texts = {file.stem: file.read_text("utf-8") for file in sorted((folder / "read").glob("*.sql"))}
    resources = [
        dlt.resource(rows(sql), name=name, write_disposition="append", columns=moments(sql))
        for name, sql in texts.items()
    ]
    database = dlt.destinations.duckdb(str(folder / "peer.duckdb"))
    options = {"pipelines_dir": str(folder / "pipelines"), "destination": database, "dataset_name": "bronze"}
    dlt.pipeline("peer", **options).run(resources, loader_file_format="parquet").raise_on_failed_jobs()


def _done(outcome: Any) -> Any:
    if not outcome.success:
        raise RuntimeError(f"dbt failed: {outcome.exception or [each.message for each in outcome.result.results]}")
    return outcome.result


if __name__ == "__main__":
    main(Path(sys.argv[1]))
