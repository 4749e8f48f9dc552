"""The engines on which models are tried: DuckDB, and a Spark of this process."""

from __future__ import annotations

import os
import shutil

import duckdb
import pytest

from tests.engines.cases import TABLES, fill, rows_of


@pytest.fixture(scope="session")
def duck():
    """Return a DuckDB that has the tables of the cases."""
    with duckdb.connect() as connection:
        fill(connection)
        yield connection


@pytest.fixture(scope="session")
def spark(duck, tmp_path_factory):
    """Return a Spark session that has the same tables: in UTC, in ANSI mode, as models require it."""
    from pyspark.sql import SparkSession

    assert shutil.which("java"), "Spark needs Java: run `make system`."
    folder = tmp_path_factory.mktemp("spark")
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    settings = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.ansi.enabled": "true",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.codegen.wholeStage": "false",  # compiling statements that run once takes longer than running them
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.driver.memory": "1g",
        "spark.driver.extraJavaOptions": "-Duser.timezone=America/Sao_Paulo",
    }
    builder = SparkSession.builder.master("local[1]").appName("lagoa-tests")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    session.sql("CREATE DATABASE silver")
    kinds = {"long": "BIGINT", "timestamp": "TIMESTAMP_NTZ", "timestamptz": "TIMESTAMP"}
    for table in TABLES:
        rows = rows_of(table, duck, kinds).replace("\\", "\\\\")
        session.sql(f"CREATE VIEW silver.{table} AS {rows}")
    yield session
    session.stop()
