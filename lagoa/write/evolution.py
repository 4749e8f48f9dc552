"""Changes a table's schema, partition spec and sort order to match its contract; no data file is rewritten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.domain.bloom import bloom_columns, bloom_properties
from lagoa.errors import WriteError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyiceberg.schema import Schema
    from pyiceberg.table import Transaction
    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.table.sorting import SortOrder
    from pyiceberg.table.update import TableUpdate

    from lagoa.contracts.contract import Contract
    from lagoa.contracts.fields import Difference
    from lagoa.domain.tables import TableName

CONTRACT = "lagoa.contract"
"""Table property: hash of the contract that the table last matched."""


def evolve(transaction: Transaction, contract: Contract, *, replaced: bool = False) -> bool:
    """Stage the changes that make the table match its contract, as `lagoa.contracts.comparison.compare` finds them.

    Existing rows are read by field id: a renamed column keeps its values, a dropped one does not come back with its
    name. Partition and sort order apply to files written from now on.

    Args:
        transaction: a transaction on the table.
        contract: its contract.
        replaced: whether the write replaces all rows.

    Returns:
        Whether the table changes, apart from the recorded hash of its contract.

    Raises:
        WriteError: a difference that existing rows cannot be converted to.
    """
    from pyiceberg.table.update import AssertCurrentSchemaId

    from lagoa.contracts.comparison import COMMENT, compare

    metadata = transaction.table_metadata
    comparison = compare(contract, metadata, replaced=replaced)
    if comparison.refused:
        raise _refusal(contract.table, comparison.refused)
    schema = comparison.schema
    updates = _schema_updates(metadata, schema) + _sort_updates(metadata, contract.sort_order(schema))
    if updates:  # together: a schema and a sort order must not refer to columns that the other lacks
        unchanged = AssertCurrentSchemaId.model_validate({"current-schema-id": metadata.current_schema_id})
        transaction._apply(updates, (unchanged,))
    _evolve_partition(transaction, contract)
    blooms = bloom_properties(contract.bloom)
    described = {COMMENT: contract.description} if contract.description else {}
    wanted = {CONTRACT: contract.hash, **described, **blooms}
    if changed := {key: value for key, value in wanted.items() if metadata.properties.get(key) != value}:
        transaction.set_properties(changed)
    unwanted = {COMMENT, *bloom_properties(bloom_columns(metadata.properties))} - wanted.keys()
    if gone := unwanted & metadata.properties.keys():
        transaction.remove_properties(*gone)
    return any(each.effect == "evolves" for each in comparison.differences)


def same_columns(transaction: Transaction, other: TableMetadata) -> None:
    """Stage the columns and the sort order of another state of the same table."""
    metadata = transaction.table_metadata
    transaction._apply((*_schema_updates(metadata, other.schema()), *_sort_updates(metadata, other.sort_order())), ())


def _refusal(table: TableName, refused: Sequence[Difference]) -> WriteError:
    first = refused[0]
    message = f"column {first.column!r} is {first.before} and cannot become {first.after}"
    if first.kind == "dropped":
        message = f"column {first.column!r}, which is {first.before}, is no longer in the contract"
    more = f" Also refused: {', '.join(repr(each.column) for each in refused[1:])}." if refused[1:] else ""
    advice = f"{first.note[0].upper()}{first.note[1:]}.{more} `lagoa contract diff {table}` shows all of it."
    return WriteError(table, f"{message}.", f"{advice} Nothing was written.")


def _schema_updates(metadata: TableMetadata, schema: Schema) -> tuple[TableUpdate, ...]:
    # Not by PyIceberg's `update_schema`, which can neither create a column again nor move fields it adds or renames.
    from pyiceberg.table.update import AddSchemaUpdate, SetCurrentSchemaUpdate

    if schema == metadata.schema():
        return ()
    known = next((each.schema_id for each in metadata.schemas if each == schema), None)
    number = max(each.schema_id for each in metadata.schemas) + 1 if known is None else known
    added = AddSchemaUpdate(schema=schema.model_copy(update={"schema_id": number}))
    current = SetCurrentSchemaUpdate.model_validate({"schema-id": number})
    return (added, current) if known is None else (current,)


def _sort_updates(metadata: TableMetadata, order: SortOrder) -> tuple[TableUpdate, ...]:
    # Not by PyIceberg's `update_sort_order`, which cannot go back to an earlier order, or to none.
    from pyiceberg.table.sorting import SortOrder as Order
    from pyiceberg.table.update import AddSortOrderUpdate, SetDefaultSortOrderUpdate

    if order.fields == metadata.sort_order().fields:
        return ()
    known = next((each.order_id for each in metadata.sort_orders if each.fields == order.fields), None)
    unused = max((each.order_id for each in metadata.sort_orders), default=0) + 1 if order.fields else 0
    number = unused if known is None else known
    added = AddSortOrderUpdate.model_validate({"sort-order": Order(*order.fields, order_id=number)})
    default = SetDefaultSortOrderUpdate.model_validate({"sort-order-id": number})
    return (added, default) if known is None else (default,)


def _evolve_partition(transaction: Transaction, contract: Contract) -> None:
    from lagoa.contracts.comparison import keeps_partition

    metadata = transaction.table_metadata
    schema = metadata.schema()
    partition = contract.partition_spec(schema)
    wanted = {(field.source_id, str(field.transform)): field for field in partition.fields}
    have = {(field.source_id, str(field.transform)): field for field in metadata.spec().fields}
    ids = {field.name: field.field_id for field in schema.fields}
    # A partition field still named after its column's former name, which another column has now.
    taken = [key for key, field in have.items() if key in wanted and ids.get(field.name, key[0]) != key[0]]
    if keeps_partition(contract, metadata.spec(), schema) and not taken:
        return
    with transaction.update_spec() as spec:
        for key in taken:
            spec.rename_field(have[key].name, wanted[key].name)
        for key in have.keys() - wanted.keys():
            spec.remove_field(have[key].name)
        for key, field in wanted.items():
            if key not in have:
                spec.add_field(schema.find_column_name(field.source_id) or "", field.transform, field.name)
