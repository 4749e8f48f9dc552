"""Each kind of check has on Spark the result that it has on DuckDB, in a state that passes and in one that fails."""

from __future__ import annotations

import re
import uuid
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import pyarrow.parquet as pq
import pytest

from lagoa.audit.rehearsal import place_of
from lagoa.catalog.readable import files_size
from lagoa.domain.tables import TableName
from lagoa.lake import Lake
from tests.engines.checks import BAD, CHANGED, COLUMNS, GOOD, audited, fill, same, write

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore:unclosed .*socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

FACTS, VERSIONS = TableName.parse("silver.facts"), TableName.parse("silver.versions")
OWNERS, PAIRS = TableName.parse("silver.owners"), TableName.parse("silver.pairs")


class SparkHere:
    """The Spark of the tests as a `ModelEngine`: it has no catalog, so the rows of tables are copied for it."""

    name, workers = "spark", None

    def __init__(self, spark, context, folder):
        self._spark, self._context, self._folder = spark, context, folder
        self._shown = {}
        self.queries = 0
        self.ran = []

    @contextmanager
    def reading(self, tables):
        files = {table: self._folder / f"{uuid.uuid4()}.parquet" for table in tables}
        for table, file in files.items():
            with self._context.engine.session({table: tables[table]}) as session:
                pq.write_table(session.query(f"SELECT * FROM {table}").arrow(), file)
        yield partial(self._run, files)

    def _run(self, files, query):
        self.queries += 1
        self.ran.append(query)
        for table, file in files.items():
            if self._shown.get(table) != file:  # another state of it may have been read meanwhile
                self._spark.sql(f"CREATE DATABASE IF NOT EXISTS {table.layer}")
                self._spark.sql(f"CREATE OR REPLACE VIEW {table} AS SELECT * FROM parquet.`{file}`")
                self._shown[table] = file
        return [tuple(row) for row in self._spark.sql(query).collect()]

    def close(self):
        pass


@pytest.fixture(scope="module")
def lakes(tmp_path_factory, spark):
    """Return the lake, and the same one with Spark as its engine."""
    folder = fill(tmp_path_factory.mktemp("lake"))
    with folder.open() as lake:
        write(lake, folder)
        context = lake.context
        engine = SparkHere(spark, context, tmp_path_factory.mktemp("copies"))
        settings = context.settings.model_copy(update={"engine": "spark", "engine_limit_gb": 1e-9})
        yield lake, Lake(replace(context, settings=settings, open_model_engine=lambda: engine)), engine


@pytest.mark.nightly
def test_checks_that_pass_pass_there(lakes):
    lake, on_spark, engine = lakes
    found = same("spark", lake, on_spark, GOOD, GOOD)
    assert engine.queries > 0
    passed = {name for name, each in found.items() if each.outcome == "passed"}
    assert found.keys() - passed == {"silver.facts/schema", "silver.facts/required/later"}


@pytest.mark.nightly
def test_checks_that_fail_fail_there(lakes):
    lake, on_spark, _ = lakes
    found = same("spark", lake, on_spark, BAD, GOOD)
    broken = {name for name in found if name.rpartition("/")[2] in COLUMNS} | CHANGED
    assert broken <= found.keys()
    assert [name for name in sorted(broken) if found[name].outcome == "passed"] == []


@pytest.mark.parametrize("setting", ["auto", "spark"])
def test_checks_of_large_tables_alone_go_there(lakes, setting):
    lake, on_spark, engine = lakes

    def on_duckdb(limit):
        settings = lake.settings.model_copy(update={"engine": setting, "engine_limit_gb": limit / 1000**3})
        return audited(Lake(replace(on_spark.context, settings=settings)), GOOD, GOOD, frozenset({OWNERS, PAIRS}))[1]

    owners, pairs = (
        files_size(lake.context.pointers(GOOD)[table], lake.context.storage.read) for table in (OWNERS, PAIRS)
    )
    before = engine.queries
    assert set(on_duckdb(pairs).values()) == {True}
    assert engine.queries == before
    assert {name: here for name, here in on_duckdb(owners).items() if "/key/" in name} == {
        "silver.owners/key/id": True,
        "silver.pairs/key/a+b": False,
    }
    assert engine.queries > before


def test_check_files_of_large_tables_are_measured_there_with_the_results_of_duckdb(lakes):
    lake, on_spark, engine = lakes
    for ref in (GOOD, BAD):
        del engine.ran[:]
        ours, _ = audited(lake, ref, GOOD, frozenset({FACTS, VERSIONS}))
        theirs, _ = audited(on_spark, ref, GOOD, frozenset({FACTS, VERSIONS}))
        checks = [name for name in ours if "/soda/" in name]
        assert len(checks) == 13
        assert {name: theirs[name] for name in checks} == {name: ours[name] for name in checks}
        outcomes = {ours[name].outcome for name in checks}
        assert outcomes == ({"passed"} if ref == GOOD else {"passed", "failed"})
        of_soda = [query for query in engine.ran if re.search("m_0|failed_rows", query)]
        assert len(of_soda) == 2
        assert not any("valid_from" in query for query in of_soda)
        places = {table: _place(lake, table).shown for table in (FACTS, VERSIONS)}
        assert places == {FACTS: "spark and duckdb", VERSIONS: "duckdb"}


def _place(lake, table):
    """Return where a check file is said to run."""
    file = lake.context.auditor.read(table, lake.settings.checks_folder / table.layer / f"{table.name}.yaml")
    return place_of(lake.context, file, "spark", lake.context.contracts)
