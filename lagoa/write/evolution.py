"""Brings a table's schema, partition and sort order to what its contract says, as far as no data need be rewritten."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lagoa.errors import WriteError

if TYPE_CHECKING:
    from pyiceberg.schema import Schema
    from pyiceberg.table import Transaction
    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.table.update.schema import UpdateSchema
    from pyiceberg.types import IcebergType, NestedField

    from lagoa.contracts.contract import Contract

CONTRACT = "lagoa.contract"
"""Table property: hash of the contract that the table's schema was last brought to."""


def evolve(transaction: Transaction, contract: Contract) -> None:
    """Stage what the table lacks of its contract.

    Columns are added (optional: Iceberg adds no required one, the audit's check holds it), renamed by their former
    name, widened, made optional and described; partition and sort order are for the files written from now on.

    Raises:
        WriteError: a change that the data at hand cannot follow.
    """
    metadata = transaction.table_metadata
    if metadata.properties.get(CONTRACT) == contract.hash:
        return
    schema, wanted = metadata.schema(), contract.schema()
    if _columns(schema) != _columns(wanted):
        with transaction.update_schema() as update:
            _evolve_schema(update, schema, wanted, contract)
        metadata = transaction.table_metadata
    _evolve_layout(transaction, metadata, contract)
    transaction.set_properties({CONTRACT: contract.hash})


def _columns(schema: Schema) -> list[tuple[str, str, bool, str | None]]:
    return [(field.name, str(field.field_type), field.required, field.doc) for field in schema.fields]


def _evolve_schema(update: UpdateSchema, schema: Schema, wanted: Schema, contract: Contract) -> None:
    have = {field.name: field for field in schema.fields}
    former = {column.name: column.former_name for column in contract.all_columns if column.former_name}
    for field in wanted.fields:
        there = have.pop(field.name, None)
        if there is None and former.get(field.name) in have:
            there = have.pop(former[field.name] or "")
            update.rename_column((there.name,), field.name)
        if there is None:
            update.add_column((field.name,), field.field_type, doc=field.doc)
        else:
            _evolve_column(update, there, field, contract)
    if have:
        names = ", ".join(map(repr, have))
        raise WriteError(
            contract.table,
            f"the table has the column {names}, which its contract no longer has.",
            "Put it back into the contract, or give its new name there as `lagoa.formerName`.",
        )


def _evolve_column(update: UpdateSchema, there: NestedField, wanted: NestedField, contract: Contract) -> None:
    changes: dict[str, Any] = {}
    if _shape(there.field_type) != _shape(wanted.field_type):
        if not _widens(there.field_type, wanted.field_type):
            raise WriteError(
                contract.table,
                f"column {wanted.name!r} is {there.field_type} and cannot become {wanted.field_type}.",
                "A type can only be widened: int to long, float to double, a decimal to more digits. "
                "Give the new form a column, or a table, of its own.",
            )
        changes["field_type"] = wanted.field_type
    if there.required and not wanted.required:
        changes["required"] = False
    if there.doc != wanted.doc:
        changes["doc"] = wanted.doc
    if changes:
        update.update_column((there.name,), **changes)


def _shape(kind: IcebergType) -> str:
    """The type without the ids of nested fields, which are the table's own."""
    return re.sub(r"\b\d+: ", "", str(kind))


def _widens(old: IcebergType, new: IcebergType) -> bool:
    from pyiceberg.exceptions import ResolveError
    from pyiceberg.schema import promote
    from pyiceberg.types import DecimalType, FloatType, IntegerType

    if not isinstance(old, IntegerType | FloatType | DecimalType):
        return False
    try:
        return promote(old, new) == new
    except ResolveError:
        return False


def _evolve_layout(transaction: Transaction, metadata: TableMetadata, contract: Contract) -> None:
    schema = metadata.schema()
    wanted = {(field.source_id, str(field.transform)): field for field in contract.partition_spec(schema).fields}
    have = {(field.source_id, str(field.transform)): field for field in metadata.spec().fields}
    if wanted.keys() != have.keys():
        with transaction.update_spec() as spec:
            for key in have.keys() - wanted.keys():
                spec.remove_field(have[key].name)
            for key, field in wanted.items():
                if key not in have:
                    spec.add_field(schema.find_column_name(field.source_id) or "", field.transform, field.name)
    order = contract.sort_order(schema)
    if order.fields != metadata.sort_order().fields:
        with transaction.update_sort_order() as update:
            for term in order.fields:
                add = update.asc if term.direction.value == "asc" else update.desc
                add(schema.find_column_name(term.source_id) or "", term.transform, term.null_order)
