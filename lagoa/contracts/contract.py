"""What a data contract says of one table, and the Iceberg schema, partition and sort order that follow from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from lagoa.domain.tables import LINEAGE_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pyiceberg.partitioning import PartitionSpec
    from pyiceberg.schema import Schema
    from pyiceberg.table.sorting import SortOrder

    from lagoa.contracts.properties import ByBatch, ByTime, Materialization, Scd2, TableRule
    from lagoa.contracts.sources import Source
    from lagoa.domain.checks import Severity
    from lagoa.domain.tables import TableName

PERSONAL = "personal"
"""Classification of a column that tells something of a person: reports hide its values."""

Bound = int | float | str
"""A limit of a range: a number, or a date, time or timestamp in ISO 8601."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: lower-case letters, digits and underscores.
        type: Iceberg's spelling, such as `decimal(10, 2)` or `list<string>`.
        required: no nulls.
        unique: no value twice; nulls do not count.
        description: what it means.
        classification: such as `personal`; values of such a column are hidden in reports.
        enum: the values allowed; empty when any is. Dates and timestamps stand in ISO 8601.
        pattern: regular expression (RE2) that must be found in the value; anchor it for the whole value.
        format: `email`, `uuid`, `cpf` and the like; `lagoa.contracts.formats` has them all.
        minimum: the least value allowed.
        maximum: the greatest value allowed.
        exclusive_minimum: values must be greater.
        exclusive_maximum: values must be less.
        min_length: least number of characters.
        max_length: greatest number of characters.
        former_names: its names before it was renamed, the last one first.
        former_fields: the same of fields within it, by their path from the column on: `street`, `element.sku`.
        header: its name in source files, where that is not `name`; see `source_name`.
        severity: whether a broken rule fails an audit or only warns.
        references: the table and column that hold every value of this one (foreign key).
    """

    name: str
    type: str
    required: bool = False
    unique: bool = False
    description: str = ""
    classification: str | None = None
    enum: tuple[bool | int | float | str, ...] = ()
    pattern: str | None = None
    format: str | None = None
    minimum: Bound | None = None
    maximum: Bound | None = None
    exclusive_minimum: Bound | None = None
    exclusive_maximum: Bound | None = None
    min_length: int | None = None
    max_length: int | None = None
    former_names: tuple[str, ...] = ()
    former_fields: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    header: str | None = None
    severity: Literal["fail", "warn"] = "fail"
    references: tuple[TableName, str] | None = None

    @property
    def source_name(self) -> str:
        """The column's name in source files."""
        return self.header or self.name


_BATCH, _MOMENT, _FILE, _NUMBER = LINEAGE_COLUMNS

LINEAGE = (
    Column(_BATCH, "string", required=True, description="Batch that the row came in."),
    Column(_MOMENT, "timestamptz", required=True, description="Moment at which the batch was loaded."),
    Column(_FILE, "string", required=True, description="File that the row came from, or `api`."),
    Column(_NUMBER, "long", required=True, description="Number of the record in its batch, from 1."),
)
"""The lineage columns as a contract has them."""


@dataclass(frozen=True)
class Contract:
    """What one table must be.

    Attributes:
        table: its name.
        version: of the contract.
        file: where the contract stands.
        hash: SHA-256 of what the contract says; comments and layout do not count.
        columns: its own columns, in order.
        description: what a row is and means.
        owner: the team that answers for it.
        key: columns that identify a row; empty when there is no key.
        partition: partition transforms, such as `month(sold_at)`; None where the contract does not say.
        sort: sort fields, such as `sold_at desc`.
        order_by: of rows with one key, the one with the greatest value here wins a merge.
        materialization: how a model builds it; None when none does.
        scd2: how its history is made; None when it has none.
        incremental: what its increments are; None when it is not incremental.
        source: the form of the files that it is loaded from; None when it is not loaded from files.
        dropped: columns, and fields within them, that were taken out for good and are no others' former names.
        quarantine_share: of a batch's records, at most this share may be in quarantine.
        row_count_change: against main, the number of rows may change at most by this share; None for no limit.
        drift: against main, the mean of a column may change at most by this share.
        severity: of the rules `key`, `quarantine_share`, `row_count` and `drift`, those of which it is said whether
            they fail an audit when broken or only warn.
    """

    table: TableName
    version: str
    file: Path
    hash: str
    columns: tuple[Column, ...]
    description: str = ""
    owner: str = ""
    key: tuple[str, ...] = ()
    partition: tuple[str, ...] | None = None
    sort: tuple[str, ...] = ()
    order_by: str | None = None
    materialization: Materialization | None = None
    scd2: Scd2 | None = None
    incremental: ByTime | ByBatch | None = None
    source: Source | None = None
    dropped: tuple[str, ...] = ()
    quarantine_share: float = 0.01
    row_count_change: float | None = None
    drift: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    severity: Mapping[TableRule, Severity] = field(default_factory=lambda: MappingProxyType({}))

    @cached_property
    def all_columns(self) -> tuple[Column, ...]:
        """The table's columns: its own, and the lineage columns behind them when it has a source."""
        return self.columns + LINEAGE if self.source else self.columns

    @cached_property
    def former_names(self) -> Mapping[str, tuple[str, ...]]:
        """The former names of each column and field that had another, by its path: `city`, `address.city`."""
        found = {column.name: column.former_names for column in self.columns if column.former_names}
        for column in self.columns:
            found.update({f"{column.name}.{path}": names for path, names in column.former_fields.items()})
        return found

    @cached_property
    def layout(self) -> tuple[str, ...]:
        """The partition transforms of a table that is made: those of the contract, else the day for what is loaded."""
        if self.partition is not None:
            return self.partition
        day = f"day({_MOMENT})"
        taken = any(column.name == f"{_MOMENT}_day" for column in self.columns)
        return (day,) if self.source and not taken else ()

    def column(self, name: str) -> Column | None:
        """Return the column of this name, lineage columns included, or None."""
        return next((column for column in self.all_columns if column.name == name), None)

    def schema(self) -> Schema:
        """Return the Iceberg schema: required columns, documentation, the key as identifier; fresh ids from 1.

        The ids are for a table that is made; a table that is there has its own.
        """
        from lagoa.contracts.iceberg_schema import build_schema

        columns = [(column.name, column.type, column.required, column.description) for column in self.all_columns]
        return build_schema(columns, self.key)

    def partition_spec(self, schema: Schema) -> PartitionSpec:
        """Return the partition spec, with the field ids of `schema`, which is the table's."""
        from lagoa.contracts.iceberg_schema import build_partition_spec

        return build_partition_spec(self.layout, schema)

    def sort_order(self, schema: Schema) -> SortOrder:
        """Return the sort order, with the field ids of `schema`, which is the table's."""
        from lagoa.contracts.iceberg_schema import build_sort_order

        return build_sort_order(self.sort, schema)
