"""The main job's floor: the same reading and the same SQL in plain DuckDB to plain Parquet, one table after the other.

No catalog, no quarantine, no checks, no publication: what the main job takes beyond this is the price of those.

    python -m benchmarks.floor FOLDER OUT
"""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lagoa.contracts.contract import Contract

ROOT = Path(__file__).resolve().parent.parent


def floor(folder: Path, out: Path) -> float:
    """Return the seconds from the files of `folder` to Parquet files of every table under `out`, which is emptied."""
    import duckdb

    if out.resolve() in (folder.resolve(), *folder.resolve().parents):
        raise ValueError(f"{out} is emptied first and would take the files with it; name another folder")
    queries = list(tables(folder))
    shutil.rmtree(out, ignore_errors=True)
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        began = time.perf_counter()
        for layer, name, sql in queries:
            (out / layer).mkdir(parents=True, exist_ok=True)
            path = _literal(out / layer / f"{name}.parquet")
            connection.execute(f"copy ({sql}) to {path} (format parquet, compression zstd)")
            connection.execute(f"create schema if not exists {layer}")
            connection.execute(f"create view {layer}.{name} as from read_parquet({path})")
        return time.perf_counter() - began


def tables(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Yield layer, name and SELECT of each table of the reference lake, each after those that it reads."""
    from lagoa.contracts import Contracts
    from lagoa.contracts.scd2 import observations_sql, versions_sql
    from lagoa.formats import FORMATS
    from lagoa.sql_models import load_models

    contracts = Contracts.load(ROOT / "iceberg", FORMATS)
    for contract in contracts:
        if contract.source and contract.source.file:
            yield contract.table.layer, contract.table.name, _read(contract, folder / contract.source.file)
    for table, model in load_models(ROOT / "transformations", contracts).items():
        contract, sql = contracts[table], model.text
        if contract.scd2 is not None:
            sql = versions_sql(contract, f"({observations_sql(contract, sql)})")
        yield table.layer, table.name, sql


def _read(contract: Contract, path: Path) -> str:
    """Return the SELECT that reads one file as text, casts it as the contract says and adds the lineage columns."""
    from lagoa.adapters.duckdb.types import duckdb_type
    from lagoa.formats.csv.options import CsvSource

    source = contract.source
    if not isinstance(source, CsvSource):
        raise ValueError(f"the floor reads CSV files; {contract.table} comes from something else")  # noqa: TRY004
    types = {field.name: duckdb_type(field.field_type) for field in contract.schema().fields}
    casts = ", ".join(f"cast({each.name} as {types[each.name]}) as {each.name}" for each in contract.columns)
    texts = ", ".join(f"'{each.name}': 'VARCHAR'" for each in contract.columns)
    quote = source.quote or ""
    return (
        f"select {casts}, 'floor' as _batch_id, timestamptz '2026-01-01 00:00:00+00' as _ingested_at,"
        f" {_literal(path.name)} as _source, row_number() over () as _row"
        f" from read_csv({_literal(path)}, auto_detect = false, header = {source.header}, delim = '{source.delimiter}',"
        f" quote = '{quote}', escape = '{source.escape or quote}', columns = {{{texts}}})"
    )


def _literal(value: Path | str) -> str:
    return "'" + str(value).replace("'", "''") + "'"


if __name__ == "__main__":
    print(f"{floor(Path(sys.argv[1]), Path(sys.argv[2])):.2f} s")
