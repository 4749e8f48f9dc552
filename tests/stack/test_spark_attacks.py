"""What each role must not do, tried by Spark SQL with the settings of `lagoa connect spark` and the role's own secret.

Whatever a statement answers: `main`, the references of others and all files are as before.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from command_line import ok
from minio import Minio
from minio.credentials.providers import StaticProvider

import lagoa
from tests.stack.test_model_engines import lake_on_spark
from tests.stack.test_sign_in import WORK, Servers
from tests.stack.test_spark import as_application

if TYPE_CHECKING:
    from lagoa import Lake

pytestmark = pytest.mark.timeout(600)

CANDIDATE = "lagoa/candidate/attacked"
RUN, OTHERS, SANDBOX, OWN = "run/attacked/1", "dev/somebody/work", "sandbox/somebody", "own-work"
ANOTHERS = "another-work"
MAY_NOT_WRITE = {
    "reader": ("main", CANDIDATE, OTHERS, SANDBOX, RUN),
    "ingest": ("main", CANDIDATE, OTHERS, SANDBOX, ANOTHERS),
    "engineer": ("main", CANDIDATE, OTHERS),
}
"""References that are not a role's own. The account of engineers serves Lagoa, too, which makes all sandboxes."""

FIRST = (("reader", "main"), ("engineer", "main"), ("engineer", OTHERS))
"""What is tried each time; the others follow at night."""

REFUSED = r"is not allowed for role|Access ?Denied|ForbiddenException|Status Code: 403"
"""Nessie's answer, also as 500 with the rule's words, or MinIO's."""

FEW = {
    "INSERT INTO {c}.gold.pets VALUES (9, 1, 'cat')": REFUSED,
    "DELETE FROM {c}.gold.pets WHERE id = 1": REFUSED,
    "DROP TABLE {c}.gold.pets": REFUSED,
    "DROP TABLE {c}.gold.pets PURGE": REFUSED + "|GC is disabled",
    "CREATE NAMESPACE {c}.stolen": REFUSED,
    "ALTER TABLE {c}.gold.pets ADD COLUMN stolen INT": REFUSED,
}
"""Statements and how they fail; `{c}` is a catalog of an attacked reference."""

MORE = dict.fromkeys(
    [
        "INSERT OVERWRITE {c}.gold.pets VALUES (9, 1, 'cat')",
        "INSERT INTO {c}.gold.`pets@main` VALUES (9, 1, 'cat')",
        "UPDATE {c}.gold.pets SET kind = 'dog'",
        "DELETE FROM {c}.gold.pets",
        "MERGE INTO {c}.gold.pets t USING {c}.gold.pets s ON t.id = s.id WHEN MATCHED THEN DELETE",
        "TRUNCATE TABLE {c}.gold.pets",
        "CREATE TABLE {c}.gold.mine (a INT) USING iceberg",
        "CREATE TABLE {c}.gold.mine USING iceberg AS SELECT 1 AS a",
        "CREATE OR REPLACE TABLE {c}.gold.pets USING iceberg AS SELECT 1 AS a",
        "ALTER NAMESPACE {c}.gold SET PROPERTIES ('a' = 'b')",
        "ALTER TABLE {c}.gold.pets DROP COLUMN kind",
        "ALTER TABLE {c}.gold.pets RENAME TO gold.stolen",
        "ALTER TABLE {c}.gold.pets SET TBLPROPERTIES ('gc.enabled' = 'true')",
        "ALTER TABLE {c}.gold.pets SET LOCATION 's3://lagoa/warehouse/stolen'",
        "ALTER TABLE {c}.gold.pets ADD PARTITION FIELD kind",
        "ALTER TABLE {c}.gold.pets WRITE ORDERED BY kind",
        "ALTER TABLE {c}.gold.pets SET IDENTIFIER FIELDS id",
        "ALTER TABLE {c}.gold.pets CREATE BRANCH stolen",
        "ALTER TABLE {c}.gold.pets CREATE TAG stolen",
        "COMMENT ON TABLE {c}.gold.pets IS 'stolen'",
        "CALL {c}.system.register_table('gold.mine', '{pointer}')",
        "CALL {c}.system.rewrite_data_files(table => 'gold.pets', options => map('rewrite-all', 'true'))",
        "CALL {c}.system.compute_table_stats('gold.pets')",
        "CALL {c}.system.rewrite_table_path('gold.pets', '{warehouse}', 's3://backup/x')",
    ],
    REFUSED,
) | {
    "CREATE VIEW {c}.gold.seen AS SELECT 1 AS a": "does not support endpoint",
    "DROP NAMESPACE {c}.gold CASCADE": REFUSED + "|is not empty",
    "CALL {c}.system.rollback_to_snapshot('gold.pets', {older})": "unknown snapshot",
    "CALL {c}.system.set_current_snapshot('gold.pets', {older})": "unknown snapshot",
    "CALL {c}.system.cherrypick_snapshot('gold.pets', {older})": "unknown snapshot",
    "CALL {c}.system.expire_snapshots(table => 'gold.pets', older_than => TIMESTAMP '2100-01-01')": "GC is disabled",
    "CALL {c}.system.remove_orphan_files(table => 'gold.pets', file_list_view => 'orphans')": "GC is disabled",
    "CALL {c}.system.add_files(table => 'gold.pets', source_table => '`parquet`.`{folder}`')": ".",
}
"""Nessie's REST catalog shows the current snapshot alone, and keeps clients from deleting files by `gc.enabled`."""

ALLOWED = "SELECT * FROM {c}.gold.counts"

REFUSED_RECORDS = [
    "SELECT * FROM {c}.bronze.pets",
    "SELECT * FROM {c}.bronze.pets.files",
    "SELECT * FROM {c}.bronze.`pets@own-work`",
    "SELECT * FROM {c}.quarantine.bronze__people",
    "SELECT count(*) FROM {c}.quarantine.bronze__people",
    *(f"SELECT * FROM {{c}}.quarantine.bronze__people.{each}" for each in ("files", "entries", "all_data_files")),
    "SELECT * FROM {c}.quarantine.bronze__people VERSION AS OF {older}",
    "SELECT * FROM {c}.quarantine.`bronze__people@main`",
    "SELECT * FROM {c}.quarantine.`bronze__people@own-work`",
    "DESCRIBE TABLE EXTENDED {c}.quarantine.bronze__people",
    "CALL {c}.system.ancestors_of('quarantine.bronze__people')",
]

BY_PATH = [
    "SELECT * FROM parquet.`{refused}`",
    "SELECT * FROM binaryFile.`{refused}`",
    "SELECT * FROM parquet.`s3a://backup/a.parquet`",
    "SELECT * FROM iceberg.`{pointer}`",
]
"""Spark's own readers of files; what `lagoa connect spark` prints has neither keys nor a file system of S3 for them."""

ON_OWN = {
    "INSERT INTO {c}.bronze.pets VALUES (9, 1, 'cat')": REFUSED,
    "CREATE TABLE {c}.bronze.mine (a INT) USING iceberg": REFUSED,
    "INSERT INTO {c}.gold.pets VALUES (9, 1, 'cat')": None,
    "ALTER TABLE {c}.gold.pets SET TBLPROPERTIES ('gc.enabled' = 'true')": None,
    "INSERT INTO {c}.gold.`pets@main` VALUES (9, 1, 'cat')": REFUSED,
    "DROP TABLE {c}.gold.`pets@main`": REFUSED,
    "CALL {c}.system.register_table('gold.other', 's3://backup/a.metadata.json')": ".",
    "CREATE TABLE {c}.gold.away (a INT) USING iceberg LOCATION 's3://backup/away'": None,
    "INSERT INTO {c}.gold.away VALUES (1)": None,
    "CREATE TABLE {c}.gold.beside (a INT) USING iceberg LOCATION '{folder}'": None,
    "INSERT INTO {c}.gold.beside VALUES (1)": None,
    "ALTER TABLE {c}.gold.beside SET TBLPROPERTIES ('gc.enabled' = 'true')": None,
}
"""What an engineer tries on a branch that nobody owns, one after the other, and how it fails; None if it may.

Nessie chooses itself where a table is: `away` and `beside` are in the warehouse, in folders of their own.
"""

REMOVING = (
    "CALL {c}.system.remove_orphan_files('gold.beside', location => '{folder}', file_list_view => 'orphans')",
    "DROP TABLE {c}.gold.beside PURGE",
    "CALL {c}.system.expire_snapshots(table => 'gold.pets', older_than => TIMESTAMP '2100-01-01', retain_last => 1)",
    "DROP TABLE {c}.gold.pets PURGE",
)
"""What would remove files of `main` after that, by clients that may: it goes through or not, and removes none."""

ASK = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
from pyspark.sql import SparkSession

given = json.load(sys.stdin)
spark = SparkSession.builder.master("local[2]").appName("attacks").config(
    "spark.sql.extensions", given["extensions"]).getOrCreate()
spark.sparkContext.setLogLevel("OFF")
for name, value in given["conf"].items():
    spark.conf.set(name, value)
spark.sql(given["view"])

def ask(statements):
    answers = []
    for statement in statements:
        try:
            answers.append([None, len(spark.sql(statement).collect())])
        except Exception as error:
            answers.append([f"{type(error).__name__}: {error}"[:3000], 0])
    return answers

with ThreadPoolExecutor(8) as threads:
    print(json.dumps(list(threads.map(ask, given["statements"]))))
spark.stop()
"""
"""Statements of one list are run one after the other, lists side by side."""


@dataclass
class Attacked:
    """A lake whose Nessie is attacked from Spark."""

    lake: Lake
    servers: Servers
    spark_conf: str
    printed: dict[str, str]
    known: dict[str, object]

    def ask(self, lists):
        """Run lists of statements by (role, ref); return the error (None: none) and number of rows of each statement.

        Args:
            lists: statements, in which `{c}` is a catalog of that role at that ref.
        """
        conf, asked = {}, []
        for number, ((role, ref), statements) in enumerate(lists):
            name = f"c{number}"
            for key, value in self.printed.items():
                if key.startswith("spark.sql.catalog.lake"):
                    at = re.sub("/main$", f"/{quote(ref, safe='')}", value)
                    conf[key.replace("catalog.lake", f"catalog.{name}")] = at
            secret = self.servers.credentials[f"oidc-client-{role}"]
            conf[f"spark.sql.catalog.{name}.credential"] = f"lagoa-{role}:{secret}"
            conf[f"spark.sql.catalog.{name}.cache-enabled"] = "false"
            conf[f"spark.sql.catalog.{name}.rest.client.max-retries"] = "1"  # else it repeats what is refused
            asked.append([sql.format(c=name, **self.known) for sql in statements])
        given = {"conf": conf, "extensions": self.printed["spark.sql.extensions"], "statements": asked}
        given["view"] = (
            f"CREATE TEMPORARY VIEW orphans AS SELECT '{self.known['file']}' AS file_path, "
            "TIMESTAMP '2000-01-01' AS last_modified"
        )
        environment = as_application(self.spark_conf)
        command = [sys.executable, "-c", ASK]
        done = subprocess.run(
            command, input=json.dumps(given), capture_output=True, text=True, env=environment, timeout=500, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]
        answers = json.loads(done.stdout.splitlines()[-1])
        return [
            {sql: tuple(answer) for sql, answer in zip(statements, each, strict=True)}
            for (_, statements), each in zip(lists, answers, strict=True)
        ]

    def state(self):
        """Return the references that nobody may move, and the version of each file of the warehouse."""
        keys = (self.servers.credentials[f"minio-root-{part}"] for part in ("user", "password"))
        place = self.servers.s3.partition("//")[2]
        client = Minio(endpoint=place, credentials=StaticProvider(*keys), secure=False, region="us-east-1")
        prefix = str(self.known["warehouse"]).removeprefix("s3://lagoa/")
        found = client.list_objects(bucket_name="lagoa", prefix=prefix, recursive=True, include_version=True)
        files = {(each.object_name, each.version_id) for each in found if each.is_latest == "true"}
        refs = {name: head for name, head in self.servers.references().items() if name != OWN}
        return refs, files


@pytest.fixture(scope="module")
def attacked(signed, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        servers = Servers(signed)
        small = lake_on_spark(tmp_path_factory.mktemp("attacked"), servers, patch)
        patch.setenv("LAGOA_ENGINE", "duckdb")
        source = {"format": "csv", "file": "people.csv"}
        small.contract("bronze.people", "id:long* name:string!", source=source, quarantineShare=1)
        small.contract("gold.pets", "id:long* owner:long! kind:string!")
        (small.root / "people.csv").write_text("id,name\n1,ana\nx,eva\n")
        with lagoa.open_lake(small.root, "stack") as lake:
            work = lake.create_branch(WORK)
            work.ingest(small.root / "people.csv", "bronze.people")
            work.append("bronze.pets", small.pets(1))
            work.append("gold.pets", small.pets(1))
            older = work.catalog().load_table(("gold", "pets")).metadata.current_snapshot_id
            work.append("gold.pets", small.pets(2))
            work.transform()
            work.publish()
            catalog = lake.catalog("main")
            pets, refused = (catalog.load_table(each) for each in (("gold", "pets"), ("quarantine", "bronze__people")))
            make_refs(servers)
            lines = ok(small.root, "--profile", "stack", "connect", "spark").out.splitlines()
            known = {
                "older": older,
                "pointer": pets.metadata_location,
                "folder": pets.location(),
                "file": first_file(pets),
                "refused": first_file(refused),
                "warehouse": lake.settings.warehouse,
            }
            printed = dict(line.split(maxsplit=1) for line in lines if line.startswith("spark."))
            yield Attacked(lake, servers, signed.environment()["LAGOA_SPARK_CONF"], printed, known)


def first_file(table):
    return next(iter(table.scan().plan_files())).file.file_path


def make_refs(servers):
    """Make every branch that is attacked, at `main`."""
    there = servers.references()
    main = {"type": "BRANCH", "name": "main", "hash": there["main"]}
    with servers.as_publisher() as http:
        for name in sorted({OWN, *(name for names in MAY_NOT_WRITE.values() for name in names)} - there.keys()):
            http.post("trees", params={"name": name, "type": "BRANCH"}, json=main).raise_for_status()


def failed_otherwise(answers, wanted):
    """Return the statements that did not fail as they should, with what they answered."""
    return {
        sql: (error or f"{rows} rows")[:300]
        for sql, (error, rows) in answers.items()
        if (error is None) != (wanted[sql] is None) or (error and not re.search(wanted[sql], error, re.IGNORECASE))
    }


@pytest.fixture(scope="module")
def tried(attacked):
    """Try what does not take long; return the answers by role and what was tried, and the state before and after."""
    lists = [((role, ref), list(FEW)) for role, ref in FIRST]
    lists += [(("reader", "main"), [ALLOWED, *REFUSED_RECORDS]), (("reader", "main"), BY_PATH)]
    lists += [(("engineer", OWN), [*ON_OWN, *REMOVING])]
    before = attacked.state()
    answers = attacked.ask(lists)
    names = [*FIRST, "refused records", "paths", "own"]
    return dict(zip(names, answers, strict=True)), before, attacked.state()


@pytest.mark.parametrize(("role", "ref"), FIRST)
def test_nobody_writes_what_is_anothers(tried, role, ref):
    assert failed_otherwise(tried[0][role, ref], FEW) == {}


def test_readers_read_no_other_layers_and_no_refused_records(tried):
    wanted = {ALLOWED: None} | dict.fromkeys(REFUSED_RECORDS, REFUSED)
    assert failed_otherwise(tried[0]["refused records"], wanted) == {}


def test_no_file_is_read_by_its_path(tried):
    assert failed_otherwise(tried[0]["paths"], dict.fromkeys(BY_PATH, ".")) == {}


def test_what_an_engineer_does_on_a_branch_of_its_own_goes_no_further(tried):
    answers = tried[0]["own"]
    assert failed_otherwise({sql: answers[sql] for sql in ON_OWN}, ON_OWN) == {}
    assert answers[REMOVING[0]] == (None, 1)  # a file of `main` is one that nobody needs, as this table sees it
    assert answers[REMOVING[-1]] == (None, 0)


def test_references_and_files_are_as_before(tried, attacked):
    _, (refs, files), (refs_after, files_after) = tried
    assert refs_after == refs
    assert files - files_after == set()
    assert attacked.lake.sql("SELECT id FROM gold.pets ORDER BY id").fetchall() == [(1,), (2,)]


@pytest.mark.nightly
def test_no_statement_and_no_procedure_changes_what_is_anothers(attacked):
    before = attacked.state()
    roles, rest = list(MAY_NOT_WRITE), [(role, ref) for role, refs in MAY_NOT_WRITE.items() for ref in refs]
    answers = attacked.ask([((role, "main"), list(MORE)) for role in roles] + [(each, list(FEW)) for each in rest])
    assert [failed_otherwise(each, MORE | FEW) for each in answers] == [{} for _ in answers]
    after = attacked.state()
    assert after[0] == before[0]
    assert before[1] - after[1] == set()
