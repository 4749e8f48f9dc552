"""The comparison of a contract with its table: what it leaves is the contract, and field ids are never used twice."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from effort import many
from hypothesis import given, settings
from hypothesis import strategies as st
from pyiceberg.schema import index_by_id
from pyiceberg.table.metadata import TableMetadata, new_table_metadata
from pyiceberg.table.update import AddSchemaUpdate, SetCurrentSchemaUpdate, update_table_metadata

from lagoa.contracts.comparison import compare
from lagoa.contracts.contract import Column, Contract
from lagoa.domain.tables import TableName

if TYPE_CHECKING:
    from pyiceberg.schema import Schema

NAMES = st.sampled_from("abcd")
TYPES = st.recursive(
    st.sampled_from(["int", "long", "float", "double", "string", "decimal(5, 2)", "decimal(9, 2)", "decimal(9, 3)"]),
    lambda inner: st.one_of(
        st.dictionaries(NAMES, inner, min_size=1, max_size=3).map(
            lambda fields: f"struct<{', '.join(f'{name}: {kind}' for name, kind in fields.items())}>"
        ),
        inner.map(lambda kind: f"list<{kind}>"),
        inner.map(lambda kind: f"map<string, {kind}>"),
    ),
    max_leaves=5,
)
COLUMNS = st.dictionaries(NAMES, st.tuples(TYPES, st.booleans()), min_size=1, max_size=4)


def contract(columns: dict[str, tuple[str, bool]]) -> Contract:
    found = tuple(Column(name, kind, required=required) for name, (kind, required) in columns.items())
    return Contract(TableName.parse("b.t"), "1", Path("t.odcs.yaml"), "", found)


def table(schema: Schema) -> TableMetadata:
    made = contract({"x": ("int", False)})
    plain = made.schema()
    return new_table_metadata(
        schema=schema, partition_spec=made.partition_spec(plain), sort_order=made.sort_order(plain), location="/t"
    )


def evolved(metadata: TableMetadata, schema: Schema) -> TableMetadata:
    added = AddSchemaUpdate(schema=schema.model_copy(update={"schema_id": 1}))
    return update_table_metadata(metadata, (added, SetCurrentSchemaUpdate.model_validate({"schema-id": 1})))


@settings(max_examples=many(30), deadline=None)
@given(COLUMNS, COLUMNS)
def test_a_table_without_older_rows_becomes_what_any_contract_says(
    before: dict[str, tuple[str, bool]], after: dict[str, tuple[str, bool]]
) -> None:
    metadata = table(contract(before).schema())
    found = compare(contract(after), metadata, replaced=True)
    assert not found.refused
    fields = index_by_id(found.schema)
    was = index_by_id(metadata.schema())
    assert all(number in was or number > metadata.last_column_id for number in fields)
    assert all(was[number].name == field.name for number, field in fields.items() if number in was)
    if found.schema != metadata.schema():
        metadata = evolved(metadata, found.schema)
    assert compare(contract(after), metadata).differences == ()


@settings(max_examples=many(30), deadline=None)
@given(COLUMNS, COLUMNS)
def test_what_follows_with_its_rows_keeps_every_field_that_stays(
    before: dict[str, tuple[str, bool]], after: dict[str, tuple[str, bool]]
) -> None:
    metadata = table(contract(before).schema())
    snapshot = {"snapshot-id": 1, "sequence-number": 1, "timestamp-ms": 1, "manifest-list": "", "schema-id": 0,
                "summary": {"operation": "append", "total-data-files": "1"}}  # fmt: skip
    document = metadata.model_dump(by_alias=True) | {"snapshots": [snapshot], "current-snapshot-id": 1}
    metadata = type(metadata).model_validate(document)
    found = compare(contract(after), metadata)
    if found.refused:
        return
    now, was = ({field.name: field.field_id for field in each.fields} for each in (found.schema, metadata.schema()))
    assert {name: number for name, number in now.items() if name in was} == {n: was[n] for n in now if n in was}
    if found.schema != metadata.schema():
        metadata = evolved(metadata, found.schema)
    again = compare(contract(after), metadata).differences
    assert {each.effect for each in again} <= {"enforced"}
