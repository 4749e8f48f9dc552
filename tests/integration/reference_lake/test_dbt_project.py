"""The benchmark of the main job by dlt and dbt: what is written for dbt makes the rows that the main job publishes."""

from __future__ import annotations

import json

import duckdb
import jinja2
import pytest

from benchmarks.dbt_peer import check_rows
from benchmarks.dbt_project import BRONZE, DATABASE, STAGING, write_project
from benchmarks.main_job import job, reference_lake
from flows.sources.olist import generate


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files, what is written for dlt and dbt, and the database that follows, made by DuckDB in the place of both."""
    folder = tmp_path_factory.mktemp("dbt")
    generate(folder / "data", 0.02)
    write_project(folder / "data", folder / "project")
    models = {path.stem: path for path in (folder / "project/models").glob("*/*.sql")}
    with duckdb.connect(str(folder / "project" / DATABASE)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for layer in (BRONZE, STAGING, "silver", "gold"):
            connection.execute(f"create schema {layer}")
        for path in (folder / "project/read").glob("*.sql"):
            connection.execute(f"create table {BRONZE}.{path.stem} as {path.read_text('utf-8')}")
        built = set()

        def ref(name):
            layer = models[name].parent.name
            if name not in built:
                built.add(name)
                sql = jinja2.Template(models[name].read_text("utf-8")).render(ref=ref, source="{}.{}".format)
                connection.execute(f"create {'view' if layer == STAGING else 'table'} {layer}.{name} as {sql}")
            return f"{layer}.{name}"

        for name in models:
            ref(name)
    return folder


def test_contracts_become_tests(folder):
    models = json.loads((folder / "project/models/schema.yml").read_text("utf-8"))["models"]
    items = next(each for each in models if each["name"] == "order_items")
    assert items["data_tests"] == [{"unique_key": {"arguments": {"columns": "order_id, order_item_id"}}}]
    tests = {column["name"]: column["data_tests"] for column in items["columns"]}
    assert tests["price"] == ["not_null"]
    assert tests["product_id"] == [
        "not_null",
        {"relationships": {"arguments": {"to": "ref('products')", "field": "product_id"}}},
    ]


@pytest.mark.slow
def test_the_rows_are_those_of_the_main_job_and_others_are_refused(folder):
    reference_lake(folder / "lake")
    job(folder / "data", folder / "lake")
    database = folder / "project" / DATABASE
    assert check_rows(folder / "lake", database) == 26
    with duckdb.connect(str(database)) as connection:
        connection.execute("update gold.kpi_reviews set reviews = reviews + 1")
    with pytest.raises(ValueError, match=r"gold\.kpi_reviews: Lagoa has"):
        check_rows(folder / "lake", database)
