"""What a table as it stands and its contract differ in, and what the next write does about each difference.

The write brings the table to `Comparison.schema` and the layout of the contract; `lagoa contract diff` shows the
differences. Both come from `compare`, so what is shown is what will be done.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lagoa.contracts.fields import Difference, FieldComparison

if TYPE_CHECKING:
    from pyiceberg.partitioning import PartitionSpec
    from pyiceberg.schema import Schema
    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.table.sorting import SortOrder

    from lagoa.contracts.contract import Contract

COMMENT = "comment"
"""Table property: the contract's description, under the name that other engines know."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A table against its contract.

    Attributes:
        differences: what differs, columns first, in the contract's order.
        schema: the schema that the next write gives the table, with the table's own field ids and new ones for new
            fields; of use only where nothing is refused.
    """

    differences: tuple[Difference, ...]
    schema: Schema

    @property
    def refused(self) -> tuple[Difference, ...]:
        """The differences that the next write fails for."""
        return tuple(each for each in self.differences if each.effect == "refused")


def compare(contract: Contract, metadata: TableMetadata, *, replaced: bool = False) -> Comparison:
    """Compare a contract with its table.

    Args:
        contract: what the table must be.
        metadata: what it is.
        replaced: whether the next write puts its rows in the place of all rows. Then, as with a table without rows,
            a column may become anything: it is made anew.
    """
    wanted = contract.schema()
    fields = FieldComparison(contract, metadata, free=replaced or not _has_rows(metadata))
    schema = fields.schema(wanted)
    return Comparison((*fields.differences, *_table_differences(contract, metadata, schema)), schema)


def _has_rows(metadata: TableMetadata) -> bool:
    snapshot = metadata.current_snapshot()
    return snapshot is not None and (snapshot.summary is None or snapshot.summary["total-data-files"] != "0")


def _table_differences(contract: Contract, metadata: TableMetadata, schema: Schema) -> list[Difference]:
    found = []
    before = metadata.properties.get(COMMENT, "")
    if before != contract.description:
        note = "the table's description is changed"
        found.append(Difference("description", None, before or None, contract.description or None, "evolves", note))
    there = {field.name for field in schema.fields}
    if not there.issuperset(each.name for each in contract.all_columns):
        return found  # a column is refused: the layout cannot be said
    note = "files are laid out so from now on; those that are there stay as they are"
    now, then = partition_in_words(metadata.spec(), metadata.schema()), ", ".join(contract.layout)
    if not keeps_partition(contract, metadata.spec(), schema):
        found.append(Difference("partition", None, now or None, then or None, "evolves", note))
    if metadata.sort_order().fields != contract.sort_order(schema).fields:
        now, then = _sort_in_words(metadata.sort_order(), metadata.schema()), ", ".join(contract.sort)
        found.append(Difference("sort", None, now or None, then or None, "evolves", note))
    return found


def keeps_partition(contract: Contract, spec: PartitionSpec, schema: Schema) -> bool:
    """Return whether a table has the partition of its contract.

    One that was made without, before what is loaded was partitioned by day, stays so until its contract says more.
    """
    if contract.partition is None and spec.is_unpartitioned():
        return True
    return same_partition(spec, contract.partition_spec(schema))


def same_partition(a: PartitionSpec, b: PartitionSpec) -> bool:
    """Return whether two specs lay files out alike; how their fields are called does not count."""
    first, second = ([(each.source_id, str(each.transform)) for each in spec.fields] for spec in (a, b))
    return sorted(first) == sorted(second)


def partition_in_words(spec: PartitionSpec, schema: Schema) -> str:
    """Return a partition as contracts spell it."""
    words = []
    for each in spec.fields:
        column = schema.find_column_name(each.source_id) or str(each.source_id)
        name, _, size = str(each.transform).rstrip("]").partition("[")
        words.append(column if name == "identity" else f"{name}({f'{size}, ' if size else ''}{column})")
    return ", ".join(words)


def _sort_in_words(order: SortOrder, schema: Schema) -> str:
    words = []
    for each in order.fields:
        text = schema.find_column_name(each.source_id) or str(each.source_id)
        falling = each.direction.value == "desc"
        first = each.null_order.value == "nulls-first"
        text += " desc" if falling else ""
        words.append(text if first is not falling else f"{text} nulls {'first' if first else 'last'}")
    return ", ".join(words)
