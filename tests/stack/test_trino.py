"""Published data over SQL, as an analyst gets it from Trino: what it shows, to whom, and what it refuses."""

from __future__ import annotations

import json
import os
import subprocess
import time
from datetime import date, timedelta
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pytest
import requests
from lakes import LakeFolder
from sqlalchemy import create_engine, text
from trino.exceptions import TrinoConnectionError, TrinoUserError

from lagoa.stack.artefacts import fetch
from lagoa.stack.manifest import Artefact
from lagoa.stack.servers.server import java
from lagoa.stack.servers.trino import TRINO
from tests.stack.breaking import kill, within
from tests.stack.test_sign_in import Servers
from tests.stack.test_stack import wait_until
from tests.stack.trino_lake import ANA, PERSONAL, Analyst, analysts, lake_on, refusal

pytestmark = pytest.mark.timeout(300)

CLI = Artefact(
    maven="io.trino:trino-cli:476:jar:executable",
    file="trino-cli-476-executable.jar",
    sha256="fe4e9c7fb569cd67673afa1622945f6308e1e59bdb825419352b80887661757b",
    bytes=18634579,
    port=1,
)

SHOWN = {name: None if name in PERSONAL else value for name, value in ANA.items()}


@pytest.fixture(scope="module")
def stack(signed, tmp_path_factory):
    """Return the stack, seen from a lake with tables in three layers, whose state is published."""
    with lake_on(signed, tmp_path_factory.mktemp("lake")) as here:
        yield here


@pytest.fixture(scope="module")
def analyst(stack):
    """Return what makes a user of a role."""
    with analysts(stack) as make:
        yield make


@pytest.fixture(scope="module")
def reader(analyst):
    return analyst("reader")


@pytest.fixture(scope="module")
def engineer(analyst):
    return analyst("engineer")


class TestWhatIsShown:
    def test_values_come_as_they_were_published_and_personal_ones_as_null(self, reader):
        first, second = reader.rows("SELECT * FROM gold.customers ORDER BY id")
        assert dict(zip(reader.columns, first, strict=True)) == SHOWN
        assert second == (2, *[None] * 10)
        assert reader.rows("SELECT count(name), count(phone), min(born), max(income) FROM gold.customers") == [
            (0, 0, None, None)
        ]
        assert reader.rows("SELECT id FROM gold.customers WHERE phone IS NULL AND name IS NULL ORDER BY id") == [
            (1,),
            (2,),
        ]

    def test_sqlalchemy_and_pandas_read_it(self, reader):
        engine = create_engine(reader.url(), connect_args={"http_scheme": "https", "verify": reader.ca})
        with engine.connect() as connection:
            where = text("SELECT day, amount FROM sales WHERE amount < :most")
            assert connection.execute(where, {"most": Decimal(1)}).all() == [(date(2026, 3, 1), Decimal("0.10"))]
            assert engine.dialect.get_table_names(connection, "gold") == ["customers", "sales"]
            columns = {
                column["name"]: str(column["type"]) for column in engine.dialect.get_columns(connection, "sales")
            }
            assert columns == {"day": "DATE", "amount": "DECIMAL(10, 2)"}
            frame = pd.read_sql(
                text("SELECT id, spent, paid FROM customers WHERE id = 1"), connection, coerce_float=False
            )
        engine.dispose()
        assert frame["paid"][0] == pd.Timestamp(ANA["paid"])
        assert frame["spent"][0] == ANA["spent"]

    def test_a_moment_is_shown_in_any_zone(self, reader):
        ((there,),) = reader.rows("SELECT paid AT TIME ZONE 'America/Sao_Paulo' FROM gold.customers WHERE id = 1")
        assert there == ANA["paid"]
        assert there.utcoffset() == timedelta(hours=-3)

    def test_each_role_sees_its_layers(self, reader, engineer, analyst):
        tables = (
            "SELECT table_schema, table_name FROM information_schema.tables "
            "WHERE table_schema NOT LIKE '%info%' ORDER BY 1, 2"
        )
        gold = [("gold", "customers"), ("gold", "sales")]
        assert reader.rows(tables) == gold
        assert engineer.rows(tables) == [*gold, ("silver", "people")]
        assert engineer.rows("SELECT * FROM silver.people") == [(1, None)]
        assert analyst("ingest").rows("SELECT * FROM silver.people") == [(1, None)]
        for who, table in ((reader, "silver.people"), (reader, "bronze.people"), (engineer, "bronze.people")):
            with pytest.raises(TrinoUserError, match=r"Access Denied|does not exist"):
                who.rows(f"SELECT * FROM {table}")


REFUSED = [
    "INSERT INTO gold.sales VALUES (DATE '2026-01-01', 1)",
    "UPDATE gold.sales SET amount = 1",
    "DELETE FROM gold.sales",
    "MERGE INTO gold.sales s USING gold.sales t ON s.day = t.day WHEN MATCHED THEN DELETE",
    "TRUNCATE TABLE gold.sales",
    "CREATE TABLE gold.mine (a int)",
    "CREATE TABLE gold.mine AS SELECT * FROM gold.sales",
    "DROP TABLE gold.sales",
    "ALTER TABLE gold.sales ADD COLUMN a int",
    "ALTER TABLE gold.sales RENAME TO gold.other",
    "ALTER TABLE gold.sales SET PROPERTIES format_version = 1",
    "COMMENT ON TABLE gold.sales IS 'x'",
    "CREATE VIEW gold.v AS SELECT * FROM gold.sales",
    "CREATE SCHEMA mine",
    "DROP SCHEMA gold CASCADE",
    "ANALYZE gold.sales",
    "ALTER TABLE gold.sales EXECUTE optimize",
    "ALTER TABLE gold.sales EXECUTE optimize_manifests",
    "ALTER TABLE gold.sales EXECUTE remove_orphan_files(retention_threshold => '100d')",
    "ALTER TABLE gold.sales EXECUTE expire_snapshots(retention_threshold => '100d')",
    "ALTER TABLE gold.sales EXECUTE drop_extended_stats",
    "ALTER TABLE gold.sales EXECUTE rollback_to_snapshot(1)",
    "CALL lake.system.rollback_to_snapshot('gold', 'sales', 1)",
    "CALL lake.system.register_table('gold', 'mine', 's3://lagoa/warehouse/x')",
    "CALL lake.system.unregister_table('gold', 'sales')",
    "CALL system.runtime.kill_query('20260101_000000_00000_aaaaa', 'x')",
    "SET SESSION query_max_execution_time = '10d'",
    "SET SESSION query_max_run_time = '10d'",
    "SET SESSION query_max_cpu_time = '10d'",
    "SET SESSION query_max_memory = '900MB'",
    "SET SESSION query_max_total_memory = '900MB'",
    "SET SESSION lake.remove_orphan_files_min_retention = '0s'",
    "SET SESSION lake.expire_snapshots_min_retention = '0s'",
    "CREATE CATALOG mine USING iceberg WITH (\"iceberg.catalog.type\" = 'rest')",
    "DROP CATALOG lake",
    "GRANT SELECT ON gold.sales TO USER ana",
    "CREATE ROLE boss",
    "ALTER SCHEMA gold SET AUTHORIZATION ana",
    "SET SESSION AUTHORIZATION boss",
    "SELECT * FROM TABLE(lake.system.table_changes('gold', 'customers', 1, 2))",
    'SELECT * FROM gold."customers$files"',
    'SELECT * FROM gold."customers$partitions"',
    'SELECT * FROM gold."customers$history"',
    'SELECT * FROM gold."customers$snapshots"',
    'SELECT * FROM gold."customers$manifests"',
    'SELECT * FROM gold."customers$all_manifests"',
    'SELECT * FROM gold."customers$entries"',
    'SELECT * FROM gold."customers$all_entries"',
    'SELECT * FROM gold."customers$properties"',
    'SELECT * FROM gold."customers$refs"',
    'SELECT * FROM gold."customers$metadata_log_entries"',
    'SELECT * FROM gold."CUSTOMERS$FILES"',
    "SELECT * FROM system.runtime.tasks",
    "SELECT * FROM system.runtime.transactions",
    "SELECT * FROM system.runtime.nodes",
]


ODD = [
    ('SELECT * FROM gold."customers$data"', "TABLE_NOT_FOUND"),
    ('SELECT * FROM gold."customers@dev/engineer/first"', "TABLE_NOT_FOUND"),
    ("SELECT * FROM gold.customers FOR VERSION AS OF BIGINT '1'", "INVALID_ARGUMENTS"),
    ("SELECT * FROM gold.customers FOR VERSION AS OF 'first'", "INVALID_ARGUMENTS"),
    ("SELECT * FROM gold.customers FOR TIMESTAMP AS OF TIMESTAMP '2020-01-01 00:00:00 UTC'", "INVALID_ARGUMENTS"),
]
"""What leads to other states of a table elsewhere."""


class TestWhatIsRefused:
    def test_nobody_writes_or_looks_behind_the_masks(self, reader, engineer):
        wanted = dict.fromkeys(REFUSED, "PERMISSION_DENIED") | dict(ODD)
        assert {sql: refusal(reader, sql) for sql in wanted} == wanted
        some = [sql for sql in REFUSED if sql.startswith(("INSERT", "DROP", "ALTER TABLE", "CALL"))]
        assert {sql: refusal(engineer, sql) for sql in some} == dict.fromkeys(some, "PERMISSION_DENIED")

    def test_what_is_known_of_a_table_shows_no_masked_value(self, reader):
        told = [*reader.rows("SHOW STATS FOR gold.customers"), *reader.rows('SELECT "$partition" FROM gold.customers')]
        told += reader.rows("EXPLAIN ANALYZE VERBOSE SELECT * FROM gold.customers WHERE income > 1000")
        assert not [value for value in map(str, told) for name in PERSONAL if str(ANA[name]) in value]

    def test_queries_of_others_are_hidden(self, reader, engineer):
        assert engineer.rows("SELECT 'of the engineer'") == [("of the engineer",)]
        own = 'SELECT DISTINCT "user" FROM system.runtime.queries'
        assert reader.rows(own) == [(reader.name,)]
        assert {each["session"]["user"] for each in reader.get("/v1/query").json()} == {reader.name}

    def test_what_is_for_who_runs_it_is_closed(self, reader):
        places = ("node", "thread", "jmx/mbean", "memory", "task", "service")
        assert {reader.get(f"/v1/{place}").status_code for place in places} == {403}
        assert reader.get("/ui/api/query").status_code == 401
        assert reader.get("/v1/info/state", "PUT", json="SHUTTING_DOWN").status_code == 403

    def test_who_does_not_sign_in_gets_nothing(self, stack, reader):
        answers = {
            auth: requests.post(
                f"{stack.environment()['LAGOA_TRINO_URL']}/v1/statement",
                data="SELECT 1",
                auth=auth,
                headers={"X-Trino-User": reader.name},
                verify=reader.ca,
                timeout=30,
            ).status_code
            for auth in (None, (reader.name, "wrong"), ("nobody", reader.password))
        }
        assert set(answers.values()) == {401}
        assert refusal(Analyst(stack, reader.name, "wrong"), "SELECT 1") == "401"
        assert refusal(reader, "SELECT 1", user="ana") == "PERMISSION_DENIED"  # as somebody else
        with pytest.raises(requests.ConnectionError):
            requests.get(f"http://127.0.0.1:{stack.manifest['trino'].port}/v1/info", timeout=30)

    def test_one_without_a_role_may_nothing_and_one_who_is_removed_neither(self, stack):
        users = stack.users()
        guest = Analyst(stack, "guest", users.add("guest", "reader"))
        wait_until(lambda: refusal(guest, "SELECT 1") is None)
        groups = stack._state / "trino/users/groups"
        groups.write_text(groups.read_text().replace("guest", "somebody"))
        wait_until(lambda: refusal(guest, "SELECT 1") == "PERMISSION_DENIED")
        users.remove("guest")
        wait_until(lambda: refusal(guest, "SELECT 1") == "401")


class TestThatItFollows:
    def test_a_publication_is_seen_and_masked_by_the_contracts_that_it_was_published_by(self, stack, reader):
        path = stack._root / "iceberg/gold/sales.odcs.yaml"
        amount = '"name": "amount",'
        path.write_text(path.read_text().replace(amount, f'{amount} "classification": "personal",'))
        day = pa.table({"day": pa.array([date(2026, 3, 2)])})
        with LakeFolder(stack._root).open() as lake:
            branch = lake.create_branch("second")
            branch.append("gold.sales", day.append_column("amount", pa.array([Decimal("7.00")], pa.decimal128(10, 2))))
            branch.publish()
        rows = [(date(2026, 3, 1), None), (date(2026, 3, 2), None)]
        wait_until(lambda: reader.rows("SELECT * FROM gold.sales ORDER BY day") == rows)

    def test_a_policy_and_contracts_that_changed_apply_after_up_without_a_restart(self, stack, engineer):
        contract = stack._root / "iceberg/silver/people.odcs.yaml"
        contract.write_text(contract.read_text().replace('"personal"', '"public"'))
        (pid,) = [state.pid for state in stack.up(["trino"]) if state.name == "trino"]
        wait_until(lambda: engineer.rows("SELECT * FROM silver.people") == [(1, "Ana")])
        assert [state.pid for state in stack.status() if state.name == "trino"] == [pid]

    def test_rows_of_before_are_found_after_a_column_became_wider(self, stack, reader):
        folder, numbers = LakeFolder(stack._root), [number * 7 for number in range(2000)]
        for kind, values in (("int", pa.array(numbers, pa.int32())), ("long", pa.array([2**40]))):
            folder.contract("gold.parts", f"number:{kind}", bloom=["number"])
            with folder.open() as lake:
                branch = lake.create_branch(f"parts-{kind}")
                branch.append("gold.parts", pa.table({"number": values}))
                branch.publish()
        wait_until(lambda: reader.rows("SELECT count(*) FROM gold.parts") == [(2001,)])
        for number in (0, 7, 1001 * 7, 2**40):
            assert reader.rows(f"SELECT number FROM gold.parts WHERE number = {number}") == [(number,)]
        assert reader.rows("SELECT count(*) FROM gold.parts WHERE number IN (14, 15, 21)") == [(2,)]

    def test_it_signs_in_again_when_its_token_has_expired(self, signed, reader):
        with Servers(signed).tokens_that_last("reader", 2):
            for _ in range(2):
                assert reader.rows("SELECT count(*) FROM gold.customers") == [(2,)]
                time.sleep(3)


@pytest.mark.nightly
@pytest.mark.timeout(600)
class TestWhatTakesLonger:
    def test_the_cli_of_trino_reads_it(self, stack, reader, tmp_path):
        jar = fetch(stack._root, "trino-cli", CLI, print)
        url = stack.environment()["LAGOA_TRINO_URL"]
        command = [*java(tmp_path), "-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8", "-jar", jar, "--server", url]
        command += ["--user", reader.name]
        command += ["--password", "--truststore-path", reader.ca, "--catalog", "lake", "--schema", "gold"]
        command += [
            "--output-format",
            "JSON",
            "--execute",
            "SELECT id, name, spent, tags[2] AS tag FROM customers WHERE id = 1",
        ]
        environment = {**os.environ, "TRINO_PASSWORD": reader.password}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == {"id": 1, "name": None, "spent": "99999999.99", "tag": "日本"}
        wrong = {**environment, "TRINO_PASSWORD": "wrong"}
        done = subprocess.run(command, env=wrong, capture_output=True, text=True, timeout=120, check=False)
        assert (done.returncode, "Authentication failed" in done.stderr) == (1, True)

    def test_one_that_is_down_is_told_and_one_that_dies_comes_back(self, stack, reader):
        stack._supervisor.end("trino")
        with within(20), pytest.raises(TrinoConnectionError, match="refused"):
            reader.rows("SELECT 1")
        (state,) = [state for state in stack.status() if state.name == "trino"]
        assert (state.state, state.healthy, state.pid) == ("STOPPED", False, None)
        stack.up(["trino"])
        assert reader.rows("SELECT count(*) FROM gold.customers") == [(2,)]
        kill(stack, "trino")
        wait_until(lambda: TRINO.serves(stack.manifest["trino"]), 180)
        assert reader.rows("SELECT count(*) FROM gold.customers") == [(2,)]
