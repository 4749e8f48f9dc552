"""Compaction: fewer files, the same rows, and nobody who takes it for a change of rows."""

from __future__ import annotations

import pyarrow as pa
import pytest

from lagoa.domain.refs import MAIN
from lagoa.domain.tables import TableName
from lagoa.errors import TableNotFound

PEOPLE, COUNTS = TableName.parse("bronze.people"), TableName.parse("gold.counts")


def rows(lake, table, ref=MAIN):
    return lake.sql(f"select * from {table} order by all", ref=ref).fetchall()


def files(lake, table, ref=MAIN):
    return lake.describe_table(table, ref).files


@pytest.fixture
def lake(folder):
    """A lake whose main has six files of people, and a model over them."""
    folder.contract("bronze.people", "id:long* name:string")
    folder.contract("gold.counts", "people:long", materialization="full")
    folder.model("gold.counts", "select count(*) as people from bronze.people")
    with folder.open() as opened:
        branch = opened.create_branch("dev")
        for number in range(6):
            branch.append("bronze.people", people(number))
        branch.transform()
        branch.publish()
        yield opened


def people(*numbers):
    return pa.table({"id": list(numbers), "name": [f"p{each}" for each in numbers]})


def test_the_rows_stay_in_one_file_and_the_publication_is_audited(lake):
    before = rows(lake, "bronze.people")
    done = lake.compact()
    assert [(each.table, each.state, each.rewritten, each.written) for each in done.tables] == [
        (PEOPLE, "compacted", 6, 1)
    ]
    assert (files(lake, "bronze.people"), rows(lake, "bronze.people")) == (1, before)
    assert lake.publications(1)[0].commit == done.publication.commit
    assert done.publication.receipt
    assert lake.describe_table("bronze.people").snapshots[0].operation == "replace"
    assert {each.name for each in lake.branches()} == {"dev", "main"}
    assert lake.compact().tables == ()


def test_a_table_that_main_has_not_is_named(lake):
    with pytest.raises(TableNotFound, match=r"bronze\.people"):
        lake.compact(["bronze.peple"])


def test_models_are_as_fresh_as_before(lake):
    lake.compact()
    assert lake.stale_models() == ([], 1)
    branch = lake.create_branch("next")
    assert [each.skipped for each in branch.transform()] == [True]
    branch.append("bronze.people", people(9))
    assert [each.skipped for each in branch.transform()] == [False]
    branch.publish()
    assert rows(lake, "gold.counts") == [(7,)]


def test_rows_that_another_program_adds_after_it_make_models_stale(lake):
    lake.compact()
    branch = lake.create_branch("next")
    branch.catalog().load_table("bronze.people").append(
        people(9).cast(pa.schema([("id", pa.int64(), False), ("name", pa.string())]))
    )
    assert lake.stale_models("next") == ([COUNTS], 1)
