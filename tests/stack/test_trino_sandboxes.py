"""Sandboxes over SQL: each has a catalog on Trino, in which its owner writes and others read as their role does."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from urllib.parse import quote

import httpx
import pyarrow as pa
import pytest
from command_line import lagoa, ok
from lakes import LakeFolder
from trino.exceptions import TrinoUserError

from lagoa.domain.commits import Change
from lagoa.sandbox import ENDS
from lagoa.stack.servers.trino import TRINO
from tests.stack.breaking import kill
from tests.stack.test_sign_in import Servers
from tests.stack.test_stack import wait_until
from tests.stack.trino_lake import analysts, as_admin, lake_on, refusal, without_sandboxes

pytestmark = pytest.mark.timeout(300)

OWNER = f"ana{uuid.uuid4().hex[:6]}"
CATALOG = f"sandbox_{OWNER}"
PUBLISHED = [(date(2026, 3, 1), Decimal("0.10"))]


@pytest.fixture(scope="module")
def stack(signed, tmp_path_factory):
    """Return the stack, seen from a lake with published tables, which has no sandbox in the end."""
    with lake_on(signed, tmp_path_factory.mktemp("lake")) as here, without_sandboxes(here):
        yield here


@pytest.fixture(scope="module")
def analyst(stack):
    with analysts(stack) as make:
        yield make


@pytest.fixture(scope="module")
def owner(analyst):
    return analyst("engineer", OWNER)


@pytest.fixture(scope="module")
def engineer(analyst):
    return analyst("engineer")


@pytest.fixture(scope="module")
def reader(analyst):
    return analyst("reader")


@pytest.fixture(scope="module")
def admin(stack):
    """Return the user as whom Lagoa makes catalogs."""
    return as_admin(stack)


@pytest.fixture(scope="module")
def sandbox(stack, owner):
    """Return the folder of the lake, in which the owner has a sandbox."""
    made, ca = ok(stack._root, "sandbox", "create", OWNER), stack._root / ".lagoa/stack/trino/ca.pem"
    for line in (
        f"jdbc:trino://{stack.manifest['trino'].address}/{CATALOG}/gold?SSL=true&SSLTrustStorePath={ca}",
        f"trino://USER:PASSWORD@{stack.manifest['trino'].address}/{CATALOG}/gold",
        f"--truststore-path {ca} --user USER --password --catalog {CATALOG}",
        f"lagoa sql --ref sandbox/{OWNER}",
        f'.catalog("sandbox/{OWNER}")',
    ):
        assert line in made.out
    assert owner.password not in made.out
    return stack._root


@pytest.mark.usefixtures("sandbox")
class TestWhoMayWhat:
    def test_the_owner_writes_it_and_main_has_nothing_of_that(self, sandbox, owner, reader):
        def rows(sql):
            return owner.rows(sql, catalog=CATALOG)

        assert rows("INSERT INTO gold.sales VALUES (DATE '2026-03-02', 7), (DATE '2026-03-03', 8)") == [(2,)]
        assert rows("DELETE FROM gold.sales WHERE day = DATE '2026-03-03'") == [(1,)]
        assert rows("ALTER TABLE gold.sales ADD COLUMN shop varchar") == []
        rows("CREATE SCHEMA own")
        rows("CREATE TABLE own.churn AS SELECT id, name, spent FROM gold.customers")
        rows("UPDATE own.churn SET spent = 1 WHERE id = 1")
        rows(
            "MERGE INTO own.churn c USING (VALUES (3, 'Rui')) AS n(id, name) ON c.id = n.id "
            "WHEN NOT MATCHED THEN INSERT (id, name, spent) VALUES (n.id, n.name, 2)"
        )
        assert rows("SELECT * FROM own.churn ORDER BY id") == [
            (1, None, Decimal("1.00")),
            (2, None, None),
            (3, "Rui", Decimal("2.00")),
        ]
        rows("CREATE VIEW own.few AS SELECT id, name FROM gold.customers")
        assert rows("SELECT * FROM own.few ORDER BY id") == [(1, None), (2, None)]
        written = [(*PUBLISHED[0], None), (date(2026, 3, 2), Decimal("7.00"), None)]
        assert reader.rows("SELECT * FROM gold.sales ORDER BY day", catalog=CATALOG) == written
        assert reader.rows("SELECT * FROM gold.sales") == PUBLISHED
        with LakeFolder(sandbox).open() as lake:
            assert lake.sql("SELECT * FROM gold.sales ORDER BY day", f"sandbox/{OWNER}").fetchall() == written
            assert "own.churn" not in {str(table) for table in lake.tables("main")}

    def test_a_table_that_is_dropped_there_keeps_its_files(self, sandbox, owner, reader):
        ok(sandbox, "sandbox", "create", f"{OWNER}_drop")
        assert owner.rows("DROP TABLE gold.sales", catalog=f"{CATALOG}_drop") == []
        assert refusal(owner, "SELECT * FROM gold.sales", catalog=f"{CATALOG}_drop") == "TABLE_NOT_FOUND"
        assert reader.rows("SELECT * FROM gold.sales") == PUBLISHED
        ok(sandbox, "sandbox", "delete", f"{OWNER}_drop")

    def test_others_read_it_as_their_role_and_personal_columns_are_null_for_everybody(self, owner, engineer, reader):
        for who in (owner, engineer, reader):
            assert who.rows("SELECT id, name, phone FROM gold.customers ORDER BY id", catalog=CATALOG) == [
                (1, None, None),
                (2, None, None),
            ]
        for who in (owner, engineer):
            assert who.rows("SELECT * FROM silver.people", catalog=CATALOG) == [(1, None)]
            assert refusal(who, "SELECT * FROM bronze.people", catalog=CATALOG) == "PERMISSION_DENIED"
        assert refusal(reader, "SELECT * FROM silver.people", catalog=CATALOG) == "PERMISSION_DENIED"

    def test_others_write_nothing_there(self, engineer, reader):
        statements = [
            "INSERT INTO gold.sales (day) VALUES (DATE '2026-01-01')",
            "DELETE FROM gold.sales",
            "DROP TABLE gold.sales",
            "ALTER TABLE gold.sales ADD COLUMN a int",
            "CREATE SCHEMA own2",
            "CREATE TABLE own.mine AS SELECT 1 AS a",
            "CREATE VIEW own.mine AS SELECT 1 AS a",
            "TRUNCATE TABLE gold.sales",
            "COMMENT ON TABLE gold.sales IS 'x'",
            "SELECT * FROM own.churn",
            "DROP SCHEMA own CASCADE",
        ]
        for who in (engineer, reader):
            refused = {sql: refusal(who, sql, catalog=CATALOG) for sql in statements}
            assert refused == dict.fromkeys(statements, "PERMISSION_DENIED")

    def test_what_is_closed_to_the_owner(self, owner):
        denied = [
            *(f"{verb} gold.customers" for verb in ("DELETE FROM", "DROP TABLE", "TRUNCATE TABLE")),
            "INSERT INTO gold.customers (id) VALUES (9)",
            "UPDATE gold.customers SET weight = 1",
            "ALTER TABLE gold.customers RENAME COLUMN phone TO shown",
            "ALTER TABLE gold.customers RENAME TO own.customers",
            "CREATE TABLE gold.mine (a int)",
            "CREATE TABLE bronze.mine (a int)",
            "CREATE SCHEMA quarantine",
            "DROP SCHEMA gold CASCADE",
            f"CALL {CATALOG}.system.register_table('own', 'x', 's3://lagoa/warehouse/x')",
            f"CALL {CATALOG}.system.unregister_table('gold', 'sales')",
            f"SET SESSION {CATALOG}.remove_orphan_files_min_retention = '0s'",
            f"SET SESSION {CATALOG}.expire_snapshots_min_retention = '0s'",
            "SELECT * FROM TABLE(system.table_changes('gold', 'customers', 1, 2))",
            *(f'SELECT * FROM gold."customers${each}"' for each in ("files", "history", "partitions", "entries")),
            f"DROP CATALOG {CATALOG}",
            f"CREATE CATALOG {CATALOG}_x USING iceberg WITH (\"iceberg.catalog.type\" = 'rest')",
            'CREATE CATALOG "../../evil" USING tpch',
            "INSERT INTO lake.gold.sales VALUES (DATE '2026-01-01', 1)",
            "CREATE SCHEMA lake.own",
        ]
        assert {sql: refusal(owner, sql, catalog=CATALOG) for sql in denied} == dict.fromkeys(
            denied, "PERMISSION_DENIED"
        )

    def test_no_table_of_the_owner_takes_files_of_others(self, owner):
        ((theirs,),) = owner.rows('SELECT "$path" FROM silver.people', catalog=CATALOG)
        folder = theirs.rpartition("/data/")[0]
        owner.rows("CREATE SCHEMA IF NOT EXISTS own", catalog=CATALOG)
        owner.rows(f"CREATE TABLE own.there WITH (location = '{folder}') AS SELECT 1 AS id", catalog=CATALOG)
        ((mine,),) = owner.rows('SELECT "$path" FROM own.there', catalog=CATALOG)
        assert folder not in mine
        add = f"ALTER TABLE own.there EXECUTE add_files(location => '{folder}/data', format => 'PARQUET')"
        assert refusal(owner, add, catalog=CATALOG) == "PERMISSION_DENIED"

    def test_nobody_runs_procedures_on_tables_and_no_files_go(self, owner, engineer, reader):
        tasks = ["optimize", "optimize_manifests", "drop_extended_stats"]
        tasks += [f"{each}(retention_threshold => '100d')" for each in ("remove_orphan_files", "expire_snapshots")]
        for who, table, some in (
            (owner, "sales", tasks),
            (engineer, "sales", tasks[:1]),
            (reader, "customers", tasks[-2:]),
        ):
            answers = {task: refusal(who, f"ALTER TABLE gold.{table} EXECUTE {task}", catalog=CATALOG) for task in some}
            assert answers == dict.fromkeys(some, "NOT_SUPPORTED")
        owner.rows("CREATE TABLE IF NOT EXISTS own.kept AS SELECT 1 AS a", catalog=CATALOG)
        for task in tasks[-2:]:
            with pytest.raises(TrinoUserError, match="shorter than the minimum retention"):
                owner.rows(f"ALTER TABLE own.kept EXECUTE {task}", catalog=CATALOG)


@pytest.mark.usefixtures("sandbox")
class TestTrinosOwnIdentity:
    def test_it_writes_sandboxes_alone_and_makes_no_branches(self, signed):
        """As `sandbox`, the role that Trino has at Nessie for them."""
        servers = Servers(signed)
        bearer = f"Bearer {servers.tokens('sandbox')().get_secret_value()}"
        refs = servers.references()
        refs["work"] = refs["main"]
        with servers.as_publisher() as http:
            main = {"type": "BRANCH", "name": "main", "hash": refs["main"]}
            http.post("trees", params={"name": "work", "type": "BRANCH"}, json=main).raise_for_status()
        body = {"commitMeta": {"message": "x"}, "operations": [{"type": "UNCHANGED", "key": {"elements": ["x"]}}]}
        with httpx.Client(base_url=f"{servers.nessie}/", headers={"Authorization": bearer}, timeout=30) as http:

            def commit(ref):
                place = f"trees/{quote(ref, safe='')}@{refs[ref]}/history/commit"
                return http.post(place, json=body).status_code

            assert {ref: commit(ref) for ref in ("main", "work", f"sandbox/{OWNER}")} == {
                "main": 403,
                "work": 403,
                f"sandbox/{OWNER}": 200,
            }
            assert http.post("trees", params={"name": "sandbox/x", "type": "BRANCH"}, json=main).status_code == 403
            place = f"trees/{quote(f'sandbox/{OWNER}', safe='')}"
            assert http.delete(f"{place}@{Servers(signed).references()[f'sandbox/{OWNER}']}").status_code == 403
            read = http.get("trees/main/contents/gold.customers")
            assert read.status_code in {403, 404}
            assert http.get(f"{place}/contents/gold.customers").status_code == 200
        with servers.as_publisher() as http:
            http.delete(f"trees/work@{refs['work']}")

    def test_no_text_of_a_query_has_a_secret(self, stack, admin):
        texts = " ".join(each["query"] for each in admin.get("/v1/query").json())
        assert f'CREATE CATALOG "{CATALOG}"' in texts
        assert "${ENV:TRINO_SANDBOX_CREDENTIAL}" in texts
        kept = [path.read_text() for path in (stack._state / "trino/etc/catalog").iterdir()]
        for secret in Servers(stack).credentials.values():
            assert not [text for text in (texts, *kept) if secret in text]

    def test_who_makes_catalogs_reads_nothing_and_touches_no_other_catalog(self, admin):
        for sql in (
            f"SELECT * FROM {CATALOG}.gold.sales",
            "SELECT * FROM lake.gold.sales",
            "DROP CATALOG lake",
            "CREATE CATALOG mine USING tpch",
            'CREATE CATALOG "sandbox_/../../evil" USING tpch',
        ):
            assert refusal(admin, sql) == "PERMISSION_DENIED", sql


@pytest.mark.usefixtures("sandbox")
class TestThatTheCatalogsFollow:
    def test_a_state_that_is_tagged_is_shown_for_ever(self, sandbox, reader, owner):
        ok(sandbox, "tag", "create", "close-2026-03")
        ok(sandbox, "sandbox", "create", "close_2026_03", "--from", "close-2026-03", "--read-only")
        with LakeFolder(sandbox).open() as lake:
            more = {"day": pa.array([date(2026, 3, 9)]), "amount": pa.array([Decimal("9.00")], pa.decimal128(10, 2))}
            lake.branch("sandbox/close_2026_03").append("gold.sales", pa.table(more))
        assert reader.rows("SELECT * FROM gold.sales", catalog="sandbox_close_2026_03") == PUBLISHED
        for who in (owner, reader):
            for sql in ("INSERT INTO gold.sales (day) VALUES (DATE '2026-01-01')", "CREATE SCHEMA own"):
                assert refusal(who, sql, catalog="sandbox_close_2026_03") == "PERMISSION_DENIED"
        assert "ends" in ok(sandbox, "sandbox", "extend", "close_2026_03", "--ttl", "30d").out
        (shown,) = [each for each in ok(sandbox, "sandbox", "list", "--json").json() if each["shows"]]
        with LakeFolder(sandbox).open() as lake:
            assert (shown["name"], shown["shows"]) == ("close_2026_03", lake.resolve("close-2026-03").id)

    def test_one_that_is_missing_is_made_and_one_whose_branch_is_gone_goes(self, signed, sandbox, admin, reader):
        ok(sandbox, "sandbox", "create", "gone")
        admin.rows(f"DROP CATALOG {CATALOG}")
        servers = Servers(signed)
        with servers.as_publisher() as http:
            http.delete(f"trees/sandbox%2Fgone@{servers.references()['sandbox/gone']}").raise_for_status()
        ok(sandbox, "sandbox", "list")
        shown = {name for (name,) in reader.rows("SHOW CATALOGS")}
        assert CATALOG in shown
        assert "sandbox_gone" not in shown
        assert reader.rows("SELECT count(*) > 0 FROM system.jdbc.tables") == [(True,)]

    def test_a_ref_that_is_not_there_makes_none_and_time_that_is_over_ends_it(self, sandbox, reader):
        wrong = lagoa(sandbox, "sandbox", "create", "nothing", "--from", "nowhere")
        assert (wrong.code, "nowhere" in wrong.err) == (1, True)
        ok(sandbox, "sandbox", "create", "over")
        with LakeFolder(sandbox).open() as lake:
            found = lake.sandbox("over")
            over = {ENDS: (datetime.now(UTC) - timedelta(seconds=1)).isoformat()}
            lake.context.catalog.commit(found.branch, found.commit, Change(message="over", properties=over))
        assert "Deleted the sandbox over" in ok(sandbox, "sandbox", "delete", "--expired").out
        shown = {name for (name,) in reader.rows("SHOW CATALOGS")}
        assert {"sandbox_over", "sandbox_nothing"} & shown == set()
        assert CATALOG in shown

    def test_engineers_whose_sandboxes_would_be_anothers_too_are_refused(self, stack):
        for name in (f"{OWNER}_x", f"{OWNER}.x"):
            refused = lagoa(stack._root, "stack", "user", "add", name, "--role", "engineer")
            assert (refused.code, "would be those of" in refused.err) == (1, True)

    @pytest.mark.nightly
    @pytest.mark.timeout(600)
    def test_they_outlast_a_crash_and_are_made_by_up(self, stack, sandbox, reader):
        query = f"SELECT count(*) > 0 FROM {CATALOG}.gold.sales"
        kill(stack, "trino")
        wait_until(lambda: TRINO.serves(stack.manifest["trino"]), 180)
        wait_until(lambda: refusal(reader, query) is None, 30)
        stack._supervisor.end("trino")
        refused = lagoa(sandbox, "sandbox", "create", "down")
        assert (refused.code, "Trino does not answer" in refused.err) == (5, True)  # a retry may succeed
        assert "does not answer" in ok(sandbox, "sandbox", "list").err
        assert lagoa(sandbox, "sandbox", "delete", OWNER).code == 5
        with LakeFolder(sandbox).open() as lake:
            assert "down" not in {each.name for each in lake.sandboxes()}
            assert OWNER in {each.name for each in lake.sandboxes()}
        stack.up(["trino"])
        assert reader.rows(query) == [(True,)]
