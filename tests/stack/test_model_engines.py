"""Models on the stack's Spark and Trino: the rows of DuckDB, committed as ever, and what is told when they fail."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from main_job import SCALE, run_daily
from small_lake import SmallLake

import lagoa
from flows.sources.olist import generate
from lagoa.adapters.spark.session import session_at
from lagoa.errors import EngineUnavailable, ModelError, SettingsError
from lagoa.settings import load_settings
from tests.engines.comparing import differences
from tests.stack.test_daily import MODELS, deliver_again
from tests.stack.test_sign_in import WORK, Servers, reference_lake

pytestmark = [
    pytest.mark.timeout(1800),
    # PySpark has a connection for each thread, and leaves it to the garbage collector to close it.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def servers(signed):
    return Servers(signed)


@pytest.fixture
def folder(tmp_path, servers, monkeypatch):
    return reference_lake(tmp_path, servers, monkeypatch)


def rows(lake, table):
    result = lake.sql(f"SELECT COLUMNS(c -> c NOT IN ('_ingested_at', '_quarantined_at', 'valid_from')) FROM {table}")
    return result.columns, result.fetchall()


def same_rows(embedded, stack):
    assert sorted(embedded.tables()) == sorted(stack.tables())
    assert embedded.row_counts() == stack.row_counts()
    for table in sorted(stack.tables()):
        (names, ours), (their_names, theirs) = rows(embedded, table), rows(stack, table)
        assert names == their_names
        assert differences(names, ours, theirs) == [], table


def main_job(engine, folder, servers):
    """Run the main job embedded and on an engine of the stack; the rows must be the same."""
    generate(folder / "data", scale=SCALE)
    run_daily(folder)
    run_daily(folder, "--profile", "stack", engine=engine)
    assert [name for name in servers.references() if "/scratch/" in name or name.startswith("run/")] == []
    with lagoa.open_lake(folder) as embedded, lagoa.open_lake(folder, "stack") as stack:
        same_rows(embedded, stack)
        (publication,) = stack.publications()
        assert publication.report.passed
        work = stack.create_branch("duck")  # what another engine has built is up to date for DuckDB
        assert {each.skipped for each in work.transform()} == {True}


def test_the_main_job_gives_the_rows_of_duckdb(folder, servers):
    main_job("spark", folder, servers)


@pytest.mark.nightly
@pytest.mark.parametrize("engine", ["spark", "trino"])
def test_so_does_a_second_delivery_which_is_built_by_increments(engine, folder, servers, monkeypatch):
    main_job(engine, folder, servers)
    monkeypatch.setenv("LAGOA_ENGINE", engine)
    with lagoa.open_lake(folder, "stack") as stack:
        built = deliver_again(folder, stack, "dev/engineer/again")
    assert {name: built[name][0] for name in MODELS} == dict.fromkeys(MODELS, "incremental"), built
    monkeypatch.delenv("LAGOA_ENGINE")
    with lagoa.open_lake(folder) as embedded, lagoa.open_lake(folder, "stack") as stack:
        assert deliver_again(folder, embedded) == built
        same_rows(embedded, stack)


def lake_on_spark(tmp_path, servers, monkeypatch):
    """Make a lake of people and pets on the stack, whose engine is Spark."""
    root = reference_lake(tmp_path, servers, monkeypatch)
    small = SmallLake(tmp_path / "small")
    with (small.root / "lagoa.toml").open("a") as file:
        file.write((root / "lagoa.toml").read_text())
    (small.root / ".stack").symlink_to(root / ".stack")
    monkeypatch.setenv("LAGOA_ENGINE", "spark")
    return small


@pytest.fixture
def small(tmp_path, servers, monkeypatch):
    return lake_on_spark(tmp_path, servers, monkeypatch)


def told(lake, error, pattern, select=None):
    """Assert that running the models fails so, and leaves the branch as it was."""
    before = lake.branch(WORK).head
    with pytest.raises(error, match=pattern):
        lake.branch(WORK).transform(select)
    assert lake.branch(WORK).head == before


def test_what_it_cannot_do_is_told_and_nothing_is_committed(small, servers):
    small.contract("gold.ages", "kind:string* total:int", materialization="full")
    small.model("gold.ages", "SELECT kind, sum(id)::INTEGER AS total FROM bronze.pets GROUP BY kind\n")
    settings = load_settings(small.root, "stack")
    with lagoa.open_lake(settings.model_copy(update={"spark_conf": small.root})) as lake:
        lake.create_branch(WORK).append("bronze.pets", small.pets(1, 2))
        told(lake, SettingsError, r"lagoa stack up --only spark")
    with lagoa.open_lake(settings.model_copy(update={"spark_master": "spark://127.0.0.1:1"})) as lake:
        told(lake, EngineUnavailable, r"Spark at spark://127\.0\.0\.1:1 does not answer")
        small.model("gold.counts", "SELECT kind,\n  median(id)::BIGINT AS pets FROM bronze.pets GROUP BY kind\n")
        told(lake, ModelError, r"counts\.sql:2: Spark: ")
    with lagoa.open_lake(small.root, "stack") as lake:
        work = lake.branch(WORK)
        small.model("gold.counts", "SELECT nullif(kind, 'cat') AS kind, count(*) AS pets FROM bronze.pets GROUP BY 1\n")
        told(lake, ModelError, r"gold\.counts failed: Spark: .*null", ["gold.counts"])
        small.model("gold.counts", "SELECT kind, count(*) AS pets FROM bronze.pets GROUP BY kind\n")
        work.append("bronze.pets", small.pets(2**31))
        told(lake, ModelError, r"gold\.ages failed: Spark: .*overflow", ["gold.ages"])
        work.delete("bronze.pets", "id > 2")
        assert {str(each.table): each.rows for each in work.transform()} == {"gold.ages": 1, "gold.counts": 1}
        assert lake.sql("SELECT total FROM gold.ages", WORK).fetchall() == [(3,)]
        arguments = subprocess.run(["ps", "-ewwo", "args"], capture_output=True, text=True, check=True).stdout
        assert "SparkSubmit" in arguments
        for secret in ("spark", "oidc-client-engineer"):
            assert servers.credentials[secret] not in arguments
    assert [name for name in servers.references() if "/scratch/" in name] == []


def test_models_run_on_trino(small, servers, monkeypatch):
    monkeypatch.setenv("LAGOA_ENGINE", "trino")
    with lagoa.open_lake(small.root, "stack") as lake:
        work = lake.create_branch(WORK)
        work.append("bronze.pets", small.pets(1, 2))
        assert [each.rows for each in work.transform()] == [1]
        assert lake.sql("SELECT kind, pets FROM gold.counts", WORK).fetchall() == [("cat", 2)]
        small.model("gold.counts", "SELECT nullif(kind, 'cat') AS kind, count(*) AS pets FROM bronze.pets GROUP BY 1\n")
        told(lake, ModelError, r"gold\.counts failed: Trino: .*NULL")
        assert lake.context.model_engine._run("SHOW CATALOGS LIKE 'model_%'") == []
    assert [name for name in servers.references() if "/scratch/" in name] == []


def test_large_inputs_go_to_spark_if_it_can_run_the_model(small):
    small.contract("gold.middle", "kind:string! middle:double!", materialization="full")
    small.model("gold.middle", "SELECT kind, median(id) AS middle FROM bronze.pets GROUP BY kind\n")

    def planned(limit):
        auto = load_settings(small.root, "stack").model_copy(update={"engine": "auto", "engine_limit_gb": limit})
        with lagoa.open_lake(auto) as lake:
            return {str(each.table): each for each in lake.plan(ref=WORK).models}

    with lagoa.open_lake(small.root, "stack") as lake:
        lake.create_branch(WORK).append("bronze.pets", small.pets(1, 2))
    models = planned(0.000_000_1)
    size = models["gold.counts"].input_bytes
    assert {name: each.engine for name, each in models.items()} == {"gold.counts": "spark", "gold.middle": "duckdb"}
    assert 100 < size == models["gold.middle"].input_bytes
    assert planned(size / 1000**3)["gold.counts"].engine == "duckdb"
    settings = load_settings(small.root, "stack")
    with lagoa.open_lake(settings.model_copy(update={"engine": "auto", "spark_conf": small.root})) as lake:
        assert len(lake.branch(WORK).transform()) == 2  # no Spark is needed where no model runs on it


@pytest.mark.nightly
def test_what_people_delete_by_spark_is_gone_for_lagoa(small):
    with lagoa.open_lake(small.root, "stack") as lake:
        work = lake.create_branch(WORK)
        work.append("bronze.people", small.people(1, 2, 3, 4))
        engine = lake.context.model_engine
        kept = ", ".join(f"'write.{each}.mode' = 'merge-on-read'" for each in ("delete", "update", "merge"))
        with session_at(engine._started(), engine._options, WORK) as session:
            session.sql(f"ALTER TABLE bronze.people SET TBLPROPERTIES ({kept})")
            session.sql("DELETE FROM bronze.people WHERE id = 2")
            session.sql("UPDATE bronze.people SET age = 31 WHERE id = 3")
        table = work.catalog().load_table(("bronze", "people"))
        assert sum(len(task.delete_files) for task in table.scan().plan_files()) >= 1  # it did not write the file again
        assert lake.sql("SELECT id, age FROM bronze.people ORDER BY id", WORK).fetchall() == [
            (1, 30),
            (3, 31),
            (4, 30),
        ]
        assert work.merge("bronze.people", small.people(4, 5, age=32)).rows_removed == 1
        work.publish()
        assert lake.sql("SELECT id, age FROM bronze.people ORDER BY id").fetchall() == [
            (1, 30), (3, 31), (4, 32), (5, 32)
        ]  # fmt: skip


JOB = """
import sys, lagoa
from lagoa.adapters.spark import engine

done = engine.session_at

def stop(*given):
    session = done(*given)
    print("begun", flush=True)
    return session

engine.session_at = stop
with lagoa.open_lake(sys.argv[1], "stack") as lake:
    lake.branch(sys.argv[2]).transform()
"""


@pytest.mark.nightly
def test_a_job_that_is_killed_leaves_nothing_half(small, servers):
    with lagoa.open_lake(small.root, "stack") as lake:
        work = lake.create_branch(WORK)
        work.append("bronze.pets", small.pets(1, 2))
        before = work.head
        job = subprocess.Popen([sys.executable, "-c", JOB, str(small.root), WORK], stdout=subprocess.PIPE, text=True)
        assert job.stdout.readline() == "begun\n"
        job.send_signal(signal.SIGKILL)
        job.communicate()
        assert work.head == before
        assert [each.rows for each in work.transform()] == [1]
        assert lake.sql("SELECT kind, pets FROM gold.counts", WORK).fetchall() == [("cat", 2)]
    assert [name for name in servers.references() if "/scratch/" in name] == []
