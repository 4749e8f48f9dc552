"""Nested values from files, whatever the names of their fields: loaded, checked, published, changed and read back."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from pyarrow import parquet

NAMES = "struct<AnoMes: long, `regiao-imediata`: struct<UF: string, `@id`: long, `ção`: double>>"
VALUE = {"AnoMes": 202401, "regiao-imediata": {"UF": "RO", "@id": 11, "ção": 0.5}}


@pytest.mark.parametrize("form", ["json", "parquet"])
def test_names_of_fields_stay_as_they_are(folder, form):
    path = folder.root / f"data.{form}"
    rows = [{"id": 1, "v": VALUE}, {"id": 2, "v": None}]
    if form == "json":
        path.write_text(json.dumps(rows), "utf-8")
    else:
        parquet.write_table(pa.Table.from_pylist(rows), path)
    source = {"format": form, "file": path.name}
    folder.contract("bronze.t", {"id": "long*", "v": NAMES}, source=source)
    with folder.open() as lake, lake.run("load") as branch:
        assert branch.ingest(path, "bronze.t").accepted == 2
        branch.merge("bronze.t", pa.Table.from_pylist([{"id": 2, "v": VALUE | {"AnoMes": 202402}}]))
        branch.publish()
        found = lake.sql("select id, v from bronze.t order by id").fetchall()
    assert found == [(1, VALUE), (2, VALUE | {"AnoMes": 202402})]
