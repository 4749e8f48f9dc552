"""A table's data contract, and the Iceberg schema, partition spec and sort order derived from it."""

from __future__ import annotations

import copyreg
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from lagoa.contracts.sources import Spelling
from lagoa.domain.tables import LINEAGE_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pyiceberg.partitioning import PartitionSpec
    from pyiceberg.schema import Schema
    from pyiceberg.table.sorting import SortOrder

    from lagoa.contracts.properties import ByBatch, ByTime, Features, Materialization, Scd2, TableRule
    from lagoa.contracts.sources import DateForm, Source
    from lagoa.domain.checks import Severity
    from lagoa.domain.tables import TableName


def _read_only(values: dict[str, Any]) -> MappingProxyType[str, Any]:
    return MappingProxyType(values)


copyreg.pickle(MappingProxyType, lambda proxy: (_read_only, (dict(proxy),)))  # contracts have some, and go to workers

PERSONAL = "personal"
"""Classification of a column with personal data: its values are hidden in rows that failed or were refused."""

Bound = int | float | str
"""A limit of a range: a number, or a date, time or timestamp in ISO 8601."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: lower-case letters, digits and underscores.
        type: Iceberg's spelling, such as `decimal(10, 2)` or `list<string>`.
        required: no nulls.
        unique: no duplicate values; nulls do not count.
        description: its meaning.
        classification: such as `personal`; values of such a column are hidden in failing rows.
        enum: the allowed values; empty if any is allowed. Dates and timestamps are in ISO 8601.
        pattern: regular expression (RE2) that must be found in the value; anchor it for the whole value.
        format: `email`, `uuid`, `cpf` and so on; see `lagoa.contracts.formats`.
        minimum: the least allowed value.
        maximum: the greatest allowed value.
        exclusive_minimum: values must be greater.
        exclusive_maximum: values must be less.
        min_length: least number of characters.
        max_length: greatest number of characters.
        former_names: its names before it was renamed, the latest first.
        former_fields: former names of nested fields, by their path below the column: `street`, `element.sku`.
        header: its name in source files, if that differs from `name`; see `source_name`.
        other_headers: further names that it has in some files.
        nulls: texts that are null in this column of source files; None if it has no list of its own.
        dates: the forms of its dates in source files; empty if they are written as the others.
        decimal: the decimal mark of its numbers in source files; None if it is that of the others.
        thousands: the mark between thousands of its numbers there, empty for none; None if it is that of the others.
        unit: what may be before or behind its numbers there; empty if nothing may.
        severity: whether a broken rule fails an audit or only warns.
        references: the table and column that must contain every value of this one (foreign key).
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
    other_headers: tuple[str, ...] = ()
    nulls: tuple[str, ...] | None = None
    dates: tuple[DateForm, ...] = ()
    decimal: str | None = None
    thousands: str | None = None
    unit: str = ""
    severity: Literal["fail", "warn"] = "fail"
    references: tuple[TableName, str] | None = None

    @property
    def source_name(self) -> str:
        """The column's name in source files."""
        return self.name if self.header is None else self.header

    @property
    def source_names(self) -> tuple[str, ...]:
        """All names that the column has in source files; a file has one of them."""
        return (self.source_name, *self.other_headers)

    def spelling(self, others: Spelling) -> Spelling:
        """Return how the column's values are written in files where those of other columns are written as `others`."""
        return Spelling(
            others.decimal if self.decimal is None else self.decimal,
            self.dates or others.date,
            others.thousands if self.thousands is None else self.thousands,
            self.unit,
        )

    def null_texts(self, source: Source | None) -> tuple[str, ...]:
        """Return the texts that mean null in this column of source files; null is written as the first."""
        null, *others = source.null_texts if source else ("",)
        return (null, *(others if self.nulls is None else self.nulls))


_BATCH, _MOMENT, _FILE, _NUMBER = LINEAGE_COLUMNS

# Descriptions are stored in the tables' schemas: a different wording changes every loaded table on its next write.
LINEAGE = (
    Column(_BATCH, "string", required=True, description="Batch that the row came in."),
    Column(_MOMENT, "timestamptz", required=True, description="Moment at which the batch was loaded."),
    Column(_FILE, "string", required=True, description="File that the row came from, or `api`."),
    Column(_NUMBER, "long", required=True, description="Number of the record in its batch, from 1."),
)
"""The lineage columns as columns of a contract."""


@dataclass(frozen=True)
class Contract:
    """The data contract of one table.

    Attributes:
        table: its name.
        version: version of the contract.
        file: path of the contract.
        hash: SHA-256 of the contract's content; comments and formatting do not matter.
        columns: its own columns, in order.
        description: what a row is and means.
        owner: the team responsible for it.
        key: columns that identify a row; empty if there is no key.
        partition: partition transforms, such as `month(sold_at)`; None if the contract does not set any.
        sort: sort fields, such as `sold_at desc`.
        bloom: columns that the files have bloom filters of.
        order_by: of rows with the same key, the one with the greatest value in this column wins a merge.
        materialization: how a model builds it; None if no model does.
        scd2: how its history is built; None if it has none.
        incremental: its increments; None if it is not incremental.
        source: the format of the files that it is loaded from; None if it is not loaded from files.
        dropped: columns and nested fields that were removed for good, and not renamed.
        quarantine_share: of a batch's records, at most this share may be in quarantine.
        row_count_change: maximum relative change of the number of rows against main; None for no limit.
        drift: maximum relative change of the mean of a column against main.
        severity: whether the rules `key`, `quarantine_share`, `row_count` and `drift` fail an audit or only warn, if
            the contract sets it.
        features: how its rows are features of machine learning; None if they are not.
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
    bloom: tuple[str, ...] = ()
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
    features: Features | None = None

    @cached_property
    def all_columns(self) -> tuple[Column, ...]:
        """The table's columns: its own, followed by the lineage columns if it has a source."""
        return self.columns + LINEAGE if self.source else self.columns

    @cached_property
    def former_names(self) -> Mapping[str, tuple[str, ...]]:
        """The former names of renamed columns and fields, by path: `city`, `address.city`."""
        found = {column.name: column.former_names for column in self.columns if column.former_names}
        for column in self.columns:
            found.update({f"{column.name}.{path}": names for path, names in column.former_fields.items()})
        return found

    @cached_property
    def layout(self) -> tuple[str, ...]:
        """The partition transforms of a new table: those of the contract, else by day if it is loaded from files."""
        if self.partition is not None:
            return self.partition
        day = f"day({_MOMENT})"
        taken = any(column.name == f"{_MOMENT}_day" for column in self.columns)
        return (day,) if self.source and not taken else ()

    def column(self, name: str) -> Column | None:
        """Return the column of this name, lineage columns included, or None."""
        return next((column for column in self.all_columns if column.name == name), None)

    def schema(self) -> Schema:
        """Return the Iceberg schema: required columns, documentation, the key as identifier; new ids from 1.

        The ids are for a new table; an existing table has its own.
        """
        from lagoa.contracts.iceberg_schema import build_schema

        columns = [(column.name, column.type, column.required, column.description) for column in self.all_columns]
        return build_schema(columns, self.key)

    def partition_spec(self, schema: Schema) -> PartitionSpec:
        """Return the partition spec with the field ids of `schema`, the table's schema."""
        from lagoa.contracts.iceberg_schema import build_partition_spec

        return build_partition_spec(self.layout, schema)

    def sort_order(self, schema: Schema) -> SortOrder:
        """Return the sort order with the field ids of `schema`, the table's schema."""
        from lagoa.contracts.iceberg_schema import build_sort_order

        return build_sort_order(self.sort, schema)
