"""The differences between a table and its contract, and what the next write does about each.

The write changes the table to `Comparison.schema` and the contract's layout; `lagoa contract diff` shows the
differences. Both use `compare`, so what is shown is what will be done.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lagoa.contracts.fields import Difference, FieldComparison
from lagoa.domain.bloom import bloom_columns

if TYPE_CHECKING:
    from pyiceberg.partitioning import PartitionSpec
    from pyiceberg.schema import Schema
    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.table.sorting import SortOrder

    from lagoa.contracts.contract import Contract

COMMENT = "comment"
"""Table property: the contract's description, under the name that other engines use."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A table against its contract.

    Attributes:
        differences: the differences, columns first, in the contract's order.
        schema: the table's schema after the next write, with the table's own field ids and new ones for new fields;
            only valid if nothing is refused.
    """

    differences: tuple[Difference, ...]
    schema: Schema

    @property
    def refused(self) -> tuple[Difference, ...]:
        """The differences that make the next write fail."""
        return tuple(each for each in self.differences if each.effect == "refused")


def compare(contract: Contract, metadata: TableMetadata, *, replaced: bool = False) -> Comparison:
    """Compare a contract with its table.

    Args:
        contract: the contract.
        metadata: the table's metadata.
        replaced: whether the next write replaces all rows. Then, as in a table without rows, a column may change to
            any type: it is created again.
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
    names = {field.name for field in schema.fields}
    if not names.issuperset(each.name for each in contract.all_columns):
        return found  # a column is refused: the layout is undefined
    note = "new files have this layout; existing files stay as they are"
    now, then = partition_in_words(metadata.spec(), metadata.schema()), ", ".join(contract.layout)
    if not keeps_partition(contract, metadata.spec(), schema):
        found.append(Difference("partition", None, now or None, then or None, "evolves", note))
    if metadata.sort_order().fields != contract.sort_order(schema).fields:
        now, then = _sort_in_words(metadata.sort_order(), metadata.schema()), ", ".join(contract.sort)
        found.append(Difference("sort", None, now or None, then or None, "evolves", note))
    blooms, wanted = bloom_columns(metadata.properties), tuple(sorted(contract.bloom))
    if blooms != wanted:
        now, then = ", ".join(blooms), ", ".join(wanted)
        note = "new files have bloom filters of these columns; existing files stay as they are"
        found.append(Difference("bloom", None, now or None, then or None, "evolves", note))
    return found


def keeps_partition(contract: Contract, spec: PartitionSpec, schema: Schema) -> bool:
    """Return whether a table has the partitioning of its contract.

    A table that was created unpartitioned, before loaded tables were partitioned by day by default, stays so until its
    contract sets a partition.
    """
    if contract.partition is None and spec.is_unpartitioned():
        return True
    return same_partition(spec, contract.partition_spec(schema))


def same_partition(a: PartitionSpec, b: PartitionSpec) -> bool:
    """Return whether two specs have the same layout; the names of their fields do not matter."""
    first, second = ([(each.source_id, str(each.transform)) for each in spec.fields] for spec in (a, b))
    return sorted(first) == sorted(second)


def partition_in_words(spec: PartitionSpec, schema: Schema) -> str:
    """Return a partition spec as it is written in contracts."""
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
