"""A rebase: what --ours and --theirs do in every case, and whether what errors advise is true."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from pyarrow import parquet
from pyiceberg.schema import Schema
from pyiceberg.types import LongType, NestedField, StringType

from lagoa.catalog.table_facts import INPUTS
from lagoa.domain.refs import MAIN
from lagoa.domain.tables import TableName
from lagoa.errors import AuditFailed, InvalidName, RebaseConflict

A = "bronze.people"


@pytest.fixture(scope="module")
def begun(shared):
    """The files of a lake whose main has people, pets and counts."""
    with shared.open() as lake:
        branch = lake.create_branch("first")
        branch.append(A, shared.people(1, 2), batch="p1")
        branch.append("bronze.pets", shared.pets(1, 2), batch="q1")
        branch.transform()
        branch.publish()
    return shared


@pytest.fixture
def published(begun, small):
    """A lake whose main has people, pets and counts."""
    small.take(begun)
    with small.open() as lake:
        yield lake


@pytest.fixture
def two(published):
    """Two branches of the same main."""
    return published.create_branch("one"), published.create_branch("two")


def rows(lake, table=A, ref=MAIN, columns="id"):
    return lake.sql(f"select {columns} from {table} order by all", ref=ref).fetchall()


def how(result):
    return {str(each.table): each.how for each in result.tables}


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_a_table_that_the_branch_dropped(published, two, small, side):
    one, other = two
    other.drop("bronze.pets")
    one.append("bronze.pets", small.pets(3), batch="q2")
    one.publish()
    other.rebase(**{side: ["bronze.pets"]})
    there = TableName.parse("bronze.pets") in published.tables("two")
    assert there is (side == "theirs")


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_a_new_table_of_both(published, two, small, side):
    one, other = two
    small.contract("bronze.new", {"id": {"physicalType": "long*"}})
    published.context.refresh()
    for branch, number in zip(two, (1, 2), strict=True):
        branch.replace("bronze.new", pa.table({"id": pa.array([number], pa.int64())}))
    one.publish()
    with pytest.raises(RebaseConflict, match=r"--ours bronze\.new"):
        other.publish()
    other.rebase(**{side: ["bronze.new"]})
    assert rows(published, "bronze.new", "two") == [(2 if side == "ours" else 1,)]


def test_a_model_that_main_dropped(published, two, small):
    """The advice of the error can be followed."""
    one, other = two
    other.append("bronze.pets", small.pets(3), batch="q3")
    other.transform()
    one.drop("gold.counts")
    one.publish()
    with pytest.raises(RebaseConflict):
        other.publish()
    other.rebase(theirs=["gold.counts"])
    assert TableName.parse("gold.counts") not in published.tables("two")
    assert rows(published, "bronze.pets", "two") == [(1,), (2,), (3,)]


def test_a_model_that_main_dropped_is_built_again_if_asked_for(published, two, small):
    one, other = two
    other.append("bronze.pets", small.pets(3), batch="q3")
    other.transform()
    one.drop("gold.counts")
    one.append("bronze.pets", small.pets(4), batch="q4")
    one.publish()
    other.rebase(ours=["gold.counts"])
    other.publish()
    assert rows(published, "gold.counts", columns="pets") == [(4,)]


def test_a_model_that_the_branch_built_and_dropped(published, two, small):
    one, other = two
    other.append("bronze.pets", small.pets(3), batch="q3")
    other.transform()
    other.drop("gold.counts")
    one.append("bronze.pets", small.pets(4), batch="q4")
    one.transform()
    one.publish()
    with pytest.raises(RebaseConflict):
        other.publish()
    published.create_branch("copy", at="two")
    published.branch("copy").rebase(theirs=["gold.counts"])
    assert TableName.parse("gold.counts") in published.tables("copy")
    other.rebase(ours=["gold.counts"])
    assert TableName.parse("gold.counts") not in published.tables("two")


def test_rows_deleted_from_a_model_are_not_silently_back(published, two, small):
    one, other = two
    other.append("bronze.pets", small.pets(3), batch="q3")
    other.append("bronze.pets", small.pets(5, kind="dog"), batch="q5")
    other.transform()
    other.delete("gold.counts", "kind = 'dog'")
    one.append("bronze.pets", small.pets(4), batch="q4")
    one.transform()
    one.publish()
    with pytest.raises(RebaseConflict, match=r"gold\.counts: the branch changed its rows otherwise"):
        other.publish()


def scored(branch, published, small):
    """Write a table that was made from another one by no model."""
    pointer = published.tables(branch.name)[TableName.parse("bronze.pets")]
    with branch.write() as tx:
        tx.replace(
            TableName.parse("bronze.scores"),
            pa.table({"id": pa.array([1], pa.int64())}),
            properties={INPUTS: json.dumps({"bronze.pets": pointer})},
        )


def test_a_table_that_no_model_builds_from_inputs_that_are_others_now(published, two, small):
    one, other = two
    small.contract("bronze.scores", {"id": {"physicalType": "long*"}})
    published.context.refresh()
    other.append(A, small.people(9), batch="p9")
    scored(other, published, small)
    one.append("bronze.pets", small.pets(3), batch="q3")
    one.publish()
    with pytest.raises(RebaseConflict) as caught:
        other.publish()
    assert "--theirs bronze.scores" in caught.value.advice
    assert "--ours" not in caught.value.advice
    other.rebase(theirs=["bronze.scores"])
    assert rows(published, ref="two") == [(1,), (2,), (9,)]
    scored(other, published, small)
    other.publish()
    assert rows(published, "bronze.scores") == [(1,)]


def test_namespaces_that_the_branch_made_stay(published, two, small):
    one, other = two
    catalog = other.catalog()
    catalog.create_namespace("extra", {"owner": "ana"})
    other.append(A, small.people(9), batch="p9")
    one.append(A, small.people(8), batch="p8")
    one.publish()
    other.rebase()
    assert other.catalog().load_namespace_properties("extra")["owner"] == "ana"
    other.publish()
    assert ("extra",) in published.catalog(MAIN).list_namespaces()


def test_ours_and_theirs_of_the_same_table(published, two, small):
    one, other = two
    for branch, number in zip(two, (3, 4), strict=True):
        branch.append(A, small.people(number))
    one.publish()
    with pytest.raises(InvalidName):
        other.rebase(ours=[A], theirs=[A])


def test_names_of_other_programs(published, two, small):
    one, other = two
    schema = Schema(
        NestedField(1, "Id", LongType(), required=False), NestedField(2, "Ação", StringType(), required=False)
    )
    catalog = other.catalog()
    catalog.create_namespace(("Raw", "Deep"))
    table = catalog.create_table(("Raw", "Deep", "Pedidos"), schema)
    table.append(pa.table({"Id": pa.array([1], pa.int64()), "Ação": ["x"]}))
    other.append(A, small.people(9))
    one.append(A, small.people(8))
    one.publish()
    other.rebase()
    assert other.catalog().load_table(("Raw", "Deep", "Pedidos")).scan().to_arrow().num_rows == 1
    with pytest.raises(AuditFailed):
        other.publish()


def test_a_rename_by_another_program(published, two, small):
    one, other = two
    other.catalog().rename_table(("bronze", "people"), ("bronze", "persons"))
    one.append(A, small.people(8))
    one.publish()
    with pytest.raises(RebaseConflict, match="the branch dropped it"):
        other.publish()


def test_properties_that_another_program_set_are_not_lost(published, two, small):
    one, other = two
    with other.catalog().load_table(A).transaction() as tx:
        tx.set_properties({"owner": "ana"})
    one.append(A, small.people(8))
    one.publish()
    with pytest.raises(RebaseConflict, match=r"bronze\.people"):
        other.publish()


def test_files_that_another_program_added_without_field_ids(published, two, small):
    one, other = two
    table = other.catalog().load_table(A)
    path = f"{table.location()}/data/foreign.parquet"
    with table.io.new_output(path).create() as stream:
        parquet.write_table(small.people(4).cast(table.schema().as_arrow()).replace_schema_metadata(None), stream)
    table.add_files([path])
    assert rows(published, ref="two") == [(1,), (2,), (4,)]
    one.append(A, small.people(3))
    one.publish()
    with pytest.raises(RebaseConflict, match=r"bronze\.people"):
        other.publish()
