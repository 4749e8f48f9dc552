"""Clients that are not Lagoa's, connected as `lagoa connect` says, and what BI tools send by themselves."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from command_line import ok

from lagoa.adapters.duckdb.instance import _extension_file
from lagoa.stack.artefacts import fetch
from lagoa.stack.manifest import Artefact
from tests.stack.trino_lake import ANA, analysts, lake_on

pytestmark = pytest.mark.timeout(300)

JDBC = Artefact(
    maven="io.trino:trino-jdbc:476",
    file="trino-jdbc-476.jar",
    sha256="a3736d21609a5a317d2ce88b3835e312e9b6f41393c1d4b09f2ad6e7aeb3bb90",
    bytes=12766107,
    port=1,
)

METADATA = {
    # Superset and SQLAlchemy
    "SELECT schema_name FROM lake.information_schema.schemata WHERE schema_name NOT LIKE 'info%'": [("gold",)],
    "SELECT table_name FROM lake.information_schema.tables WHERE table_schema = 'gold' ORDER BY 1": [
        ("customers",),
        ("sales",),
    ],
    "SELECT table_name FROM lake.information_schema.views WHERE table_schema = 'gold'": [],
    "SELECT column_name, data_type, is_nullable FROM lake.information_schema.columns "
    "WHERE table_schema = 'gold' AND table_name = 'sales' ORDER BY ordinal_position": [
        ("day", "date", "NO"),
        ("amount", "decimal(10,2)", "YES"),
    ],
    # Metabase
    "SHOW SCHEMAS FROM lake": [("gold",)],
    "SHOW TABLES FROM lake.gold": [("customers",), ("sales",)],
    "DESCRIBE lake.gold.sales": [("day", "date", "", ""), ("amount", "decimal(10,2)", "", "")],
    # DBeaver and Tableau, through the JDBC driver
    "SELECT TABLE_CAT FROM system.jdbc.catalogs ORDER BY 1": [("lake",), ("system",)],
    "SELECT TABLE_SCHEM, TABLE_CATALOG FROM system.jdbc.schemas "
    "WHERE TABLE_CATALOG = 'lake' AND TABLE_SCHEM LIKE 'g%'": [("gold", "lake")],
    "SELECT TABLE_CAT, TABLE_SCHEM, TABLE_NAME, TABLE_TYPE FROM system.jdbc.tables "
    "WHERE TABLE_CAT = 'lake' AND TABLE_SCHEM LIKE 'gold' ESCAPE '\\' AND TABLE_TYPE IN ('TABLE', 'VIEW') ORDER BY 3": [
        ("lake", "gold", "customers", "TABLE"),
        ("lake", "gold", "sales", "TABLE"),
    ],
    "SELECT COLUMN_NAME, TYPE_NAME FROM system.jdbc.columns "
    "WHERE TABLE_CAT = 'lake' AND TABLE_SCHEM = 'gold' AND TABLE_NAME = 'sales' ORDER BY ORDINAL_POSITION": [
        ("day", "date"),
        ("amount", "decimal(10,2)"),
    ],
    "SELECT count(*) > 10 FROM system.jdbc.types": [(True,)],
    "SELECT 1 WHERE 1 = 0": [],
    "SELECT * FROM (SELECT amount FROM lake.gold.sales) t LIMIT 0": [],
}


@pytest.fixture(scope="module")
def stack(signed, tmp_path_factory):
    with lake_on(signed, tmp_path_factory.mktemp("lake")) as here:
        yield here


@pytest.fixture(scope="module")
def reader(stack):
    with analysts(stack) as make:
        yield make("reader")


def test_statements_about_tables_by_bi_tools(reader):
    assert {sql: reader.rows(sql) for sql in METADATA} == METADATA


def test_prepared_statements(reader):
    with reader.connect() as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT count(*) FROM gold.sales WHERE amount < ? AND day > DATE '2026-01-01'", (1,))
        assert cursor.fetchall() == [[1]]
        cursor.execute("PREPARE few FROM SELECT id FROM gold.customers WHERE id < ?")
        cursor.fetchall()


def run(code, **environment):
    """Run Python code as somebody would who has put it into a file."""
    known = {name: value for name, value in os.environ.items() if not name.endswith("CA_BUNDLE")}
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, env={**known, **environment}, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_sqlalchemy_as_it_is_printed(stack, reader):
    code = ok(stack._root, "connect", "sqlalchemy").out
    assert reader.password not in code
    printed = run(code, LAGOA_TRINO_USER=reader.name, LAGOA_TRINO_PASSWORD=reader.password)
    assert "customers" in printed


def test_pyiceberg_by_the_file_that_is_written(stack, tmp_path):
    ok(stack._root, "connect", "pyiceberg", "--out", tmp_path / ".pyiceberg.yaml")
    secret = stack._credentials()["oidc-client-reader"].get_secret_value()
    assert secret not in (tmp_path / ".pyiceberg.yaml").read_text()
    code = (
        "from pyiceberg.catalog import load_catalog\n"
        "print(load_catalog('lake').load_table('gold.sales').scan().to_arrow().to_pylist())"
    )
    environment = {"PYICEBERG_HOME": str(tmp_path), "PYICEBERG_CATALOG__LAKE__CREDENTIAL": f"lagoa-reader:{secret}"}
    assert "Decimal('0.10')" in run(code, **environment)


def test_the_command_of_pyiceberg_by_that_file(stack, tmp_path):
    ok(stack._root, "connect", "pyiceberg", "--out", tmp_path / ".pyiceberg.yaml")
    secret = stack._credentials()["oidc-client-reader"].get_secret_value()
    environment = {**os.environ, "PYICEBERG_HOME": str(tmp_path)}
    environment["PYICEBERG_CATALOG__LAKE__CREDENTIAL"] = f"lagoa-reader:{secret}"

    def pyiceberg(*arguments):
        output = "text" if "files" in arguments else "json"  # it prints no files as JSON
        command = [Path(sys.executable).with_name("pyiceberg"), "--catalog", "lake", "--output", output, *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert secret not in done.stdout + done.stderr
        return done

    def told(*arguments):
        done = pyiceberg(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert {"gold"} <= set(json.loads(told("list")))
    assert set(json.loads(told("list", "gold"))) == {"gold.customers", "gold.sales"}
    described = json.loads(told("describe", "gold.sales"))
    assert described["identifier"] == ["gold", "sales"]
    fields = json.loads(told("schema", "gold.sales"))["fields"]
    assert [(each["name"], each["type"]) for each in fields] == [("day", "date"), ("amount", "decimal(10, 2)")]
    assert json.loads(told("location", "gold.sales")) == described["metadata"]["location"]
    assert f"{described['metadata']['location']}/data/" in "".join(told("files", "gold.sales").split())
    refused = pyiceberg("drop", "table", "gold.sales")
    assert refused.returncode != 0
    assert "is not allowed for role" in refused.stdout + refused.stderr
    assert set(json.loads(told("list", "gold"))) == {"gold.customers", "gold.sales"}


def test_duckdb_attaches_the_catalog_by_what_is_printed(stack):
    secret = stack._credentials()["oidc-client-reader"].get_secret_value()
    printed = ok(stack._root, "connect", "duckdb").out
    assert secret not in printed
    statements = re.findall(r"^#   ((?:CREATE SECRET|ATTACH) .*;)$", printed, re.MULTILINE)
    assert len(statements) == 2
    with duckdb.connect() as connection:
        for name in ("avro", "httpfs", "iceberg"):
            connection.execute(f"LOAD '{_extension_file(name)}'")
        for statement in statements:
            connection.execute(statement.replace("'SECRET'", f"'{secret}'"))
        tables = {tuple(row[:3]) for row in connection.sql("SHOW ALL TABLES").fetchall()}
        assert {("lake", "gold", "customers"), ("lake", "gold", "sales")} <= tables
        sales = connection.sql("SELECT day, amount FROM lake.gold.sales").fetchall()
        assert sales == [(date(2026, 3, 1), Decimal("0.10"))]
        (ana,) = (
            connection.sql("SELECT * EXCLUDE name FROM lake.gold.customers WHERE id = 1").to_arrow_table().to_pylist()
        )
        assert ana == {name: value for name, value in ANA.items() if name != "name"}
        for statement in (
            "INSERT INTO lake.gold.sales VALUES (DATE '2026-03-02', 1)",
            "DELETE FROM lake.gold.sales",
            "DROP TABLE lake.gold.sales",
            "CREATE TABLE lake.gold.mine (a INTEGER)",
        ):
            with pytest.raises(duckdb.Error, match=r"not allowed for role|Access ?Denied|500"):
                connection.execute(statement)
        assert connection.sql("SELECT day, amount FROM lake.gold.sales").fetchall() == sales


@pytest.mark.nightly
def test_jdbc_as_bi_tools_use_it(stack, reader):
    if shutil.which("javac") is None:
        pytest.skip("java runs a source file only where a JDK is installed")
    jar = fetch(stack._root, "trino-jdbc", JDBC, print)
    url, _ = re.findall(r"jdbc:trino:\S+", ok(stack._root, "connect", "dbeaver").out)
    source = Path(__file__).with_name("Jdbc.java")
    command = ["java", "-cp", jar, source, url, reader.name, "lake"]
    environment = {**os.environ, "TRINO_PASSWORD": reader.password}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "schemas [gold]",
        "tables [customers, sales]",
        "columns [date, decimal(10,2)]",
        "keys []",
        "of decimal(10,2)",
        "rows [0.10]",
    ]


@pytest.mark.nightly
@pytest.mark.usefixtures("reader")
def test_spark_by_the_settings_that_are_printed(stack):
    stack.up(["spark"])
    secret = stack._credentials()["oidc-client-reader"].get_secret_value()
    printed = ok(stack._root, "connect", "spark").out
    assert secret not in printed
    settings = [line.split(maxsplit=1) for line in printed.splitlines() if line and not line.startswith("#")]
    code = (
        "import os\nfrom pyspark.sql import SparkSession\nbuilder = SparkSession.builder\n"
        f"for name, value in {settings!r}:\n    builder = builder.config(name, value)\n"
        "spark = builder.getOrCreate()\n"
        'spark.conf.set("spark.sql.catalog.lake.credential", os.environ["CREDENTIAL"])\n'
        'print(spark.sql("SELECT amount FROM lake.gold.sales").collect())\nspark.stop()\n'
    )
    conf = stack.environment()["LAGOA_SPARK_CONF"]
    surroundings = {"SPARK_CONF_DIR": conf, "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}
    assert "Decimal('0.10')" in run(code, CREDENTIAL=f"lagoa-reader:{secret}", **surroundings)
