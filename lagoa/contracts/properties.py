"""The custom properties `lagoa.*`, which extend ODCS, as models and as a published JSON schema.

`properties.schema.json` next to this file is the output of `properties_schema()`, for editors and other tools.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from lagoa.contracts.intervals import Grain  # noqa: TC001 - pydantic reads the annotations
from lagoa.contracts.sources import DateForms, DecimalMark, ThousandsMark  # noqa: TC001
from lagoa.domain.suggestions import did_you_mean
from lagoa.domain.tables import IDENTIFIER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from open_data_contract_standard.model import CustomProperty

    from lagoa.contracts.findings import Location
    from lagoa.contracts.sources import SourceFormats
    from lagoa.contracts.yaml_file import ContractFile

PREFIX = "lagoa."
"""The prefix of the names of Lagoa's custom properties."""

_Model = TypeVar("_Model", bound=BaseModel)

Share = Annotated[float, Field(ge=0, le=1)]
Change = Annotated[float, Field(ge=0)]
Text = Annotated[str, Field(min_length=1)]
ColumnName = Annotated[str, Field(pattern=f"^{IDENTIFIER.pattern}$")]

Materialization = Literal["full", "merge", "scd2", "incremental"]
"""How a model builds its table."""

TableRule = Literal["key", "quarantine_share", "row_count", "drift"]
"""The rules of a whole table whose severity can be set, by the names of their checks."""


class ByTime(BaseModel):
    """Increments by time: intervals whose input changed are built again, the others stay.

    Attributes:
        by: `time`.
        column: the table's column that determines a row's interval.
        grain: the length of an interval, in UTC.
        inputs: for each input that is read by interval, its column that determines a row's interval. An interval of
            the model's table depends on the rows of the same interval there, and on other inputs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: Literal["time"]
    column: Text
    grain: Grain
    inputs: Annotated[dict[Text, Text], Field(min_length=1)]


class ByBatch(BaseModel):
    """Increments by batch: the rows of new batches are added, or merged by key where the table has a `lagoa.orderBy`.

    Attributes:
        by: `batch`.
        input: the table whose batches are read.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: Literal["batch"]
    input: Text


class Scd2(BaseModel):
    """A history: one version of a key for each change of its values.

    Attributes:
        deletions: how a deletion is recognized: never (`none`), by a column `is_deleted` of the SELECT (`marker`), or
            by a missing key, where each time in the SELECT is a full delivery (`missing`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    deletions: Literal["none", "marker", "missing"] = "none"


class Features(BaseModel):
    """How the rows of a table are features of machine learning: one row an entity and moment.

    Attributes:
        event: the column with the moment from which on a row is known. It is in the key, and the other columns of the
            key are the join keys.
        created: the column with the moment at which a row was written, if there is one.
        zone: the time zone of these columns where their type has none, such as `America/Sao_Paulo`.
        ttl: for how long after its moment a row may be used, such as `12h`, `90d` or `4w`; for ever by default.
        domain: the part of the business that the features belong to, such as `sales`.
        exclude: columns that are no features.
        online: whether the online store has them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    event: Text
    created: Text | None = None
    zone: Text = "UTC"
    ttl: Annotated[str, Field(pattern=r"^[1-9]\d{0,5}[smhdw]$")] | None = None
    domain: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")] | None = None
    exclude: list[Text] = []
    online: bool = True


class TableProperties(BaseModel):
    """The custom properties of a table, under their names in the contract.

    Attributes:
        source: the format of its files; a table with a source has the lineage columns.
        partition: partition transforms, such as `month(sold_at)`.
        sort: columns that the files are sorted by, such as `customer_id` or `sold_at desc`.
        bloom: columns whose values the files have bloom filters of, for queries that look for single values.
        order_by: of rows with the same key, the one with the greatest value in this column wins a merge.
        materialization: how a model builds the table: completely (`full`), by key (`merge`), as the history of its
            rows (`scd2`), or by increments (`incremental`).
        scd2: how the history of a table of materialization `scd2` is built.
        incremental: the increments of an incremental table.
        dropped: columns, and nested fields by their path, that were removed for good: they are not former names of
            columns of the same type that are added at the same time.
        quarantine_share: of a batch's records, at most this share may be in quarantine.
        row_count_change: maximum relative change of the number of rows against main.
        drift: maximum relative change of the mean of a column against main.
        severity: whether a broken rule of the whole table fails an audit (the default) or only warns.
        features: how its rows are features of machine learning.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: dict[str, Any] | None = Field(None, alias="lagoa.source")
    partition: list[Text] | None = Field(None, alias="lagoa.partition")
    sort: list[Text] = Field([], alias="lagoa.sort")
    bloom: list[Text] = Field([], alias="lagoa.bloom")
    order_by: Text | None = Field(None, alias="lagoa.orderBy")
    materialization: Materialization | None = Field(None, alias="lagoa.materialization")
    scd2: Scd2 | None = Field(None, alias="lagoa.scd2")
    incremental: Annotated[ByTime | ByBatch, Field(discriminator="by")] | None = Field(None, alias="lagoa.incremental")
    dropped: list[Text] = Field([], alias="lagoa.dropped")
    quarantine_share: Share = Field(0.01, alias="lagoa.quarantineShare")
    row_count_change: Change | None = Field(None, alias="lagoa.rowCountChange")
    drift: dict[str, Change] = Field({}, alias="lagoa.drift")
    severity: dict[TableRule, Literal["fail", "warn"]] = Field({}, alias="lagoa.severity")
    features: Features | None = Field(None, alias="lagoa.features")


class ColumnProperties(BaseModel):
    """The custom properties of a column, under their names in the contract.

    Attributes:
        former_name: the column's name before it was renamed; a list, the latest first, if it had several.
        former_fields: former names of nested fields, by their path below the column; an element of a list is
            `element`, a value of a map `value`: `{element.sku: code}`.
        header: its name in the files, if that differs; a list, the present one first, if it changed over time. An empty
            text is the name of a column without one.
        nulls: texts that are null in this column; they replace the `nulls` of the files.
        date: how its dates are written, if differently from the others in the files; a list for several forms.
        decimal: the decimal mark of its numbers, if it differs.
        thousands: the mark between thousands of its numbers; empty if there is none.
        unit: what may be before or behind its numbers, such as `R$` or `%`.
        severity: whether a broken rule of this column fails an audit or only warns.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    former_name: ColumnName | Annotated[list[ColumnName], Field(min_length=1)] | None = Field(
        None, alias="lagoa.formerName"
    )
    former_fields: dict[Text, Text | Annotated[list[Text], Field(min_length=1)]] = Field({}, alias="lagoa.formerFields")
    header: str | Annotated[list[str], Field(min_length=1)] | None = Field(None, alias="lagoa.header")
    nulls: list[str] | None = Field(None, alias="lagoa.nulls")
    date: DateForms | None = Field(None, alias="lagoa.date")
    decimal: DecimalMark | None = Field(None, alias="lagoa.decimal")
    thousands: ThousandsMark | None = Field(None, alias="lagoa.thousands")
    unit: Text | None = Field(None, alias="lagoa.unit")
    severity: Literal["fail", "warn"] = Field("fail", alias="lagoa.severity")


def custom_properties(
    file: ContractFile, model: type[_Model], place: Location, found: Sequence[CustomProperty] | None
) -> _Model:
    """Return the `lagoa.*` properties of the table or column at `place`; properties of other tools are ignored.

    Raises:
        ContractError: an unknown name, a duplicate, or an invalid value.
    """
    known = [each.alias or name for name, each in model.model_fields.items()]
    values: dict[str, Any] = {}
    places: dict[str | int, Location] = {}
    for number, each in enumerate(found or []):
        where, name = (*place, "customProperties", number), each.property or ""
        if not name:
            raise file.error(where, "a custom property has no name.", "Give it `property: name`.")
        if not name.startswith(PREFIX):
            continue
        if name not in known:
            message = f"the custom property {name!r} is not known here.{did_you_mean(name, known)}"
            raise file.error((*where, "property"), message, f"Known here: {', '.join(known)}.")
        if name in values:
            raise file.error((*where, "property"), f"{name} is set twice.", "Remove one of them.")
        values[name], places[name] = each.value, (*where, "value")
    return file.validate(model, values, places)


def properties_schema(formats: SourceFormats) -> dict[str, Any]:
    """Return the JSON schema of the `lagoa.*` custom properties: the valid values of each by its name.

    Args:
        formats: the formats of source files.
    """
    tables, columns = TableProperties.model_json_schema(), ColumnProperties.model_json_schema()
    options = {each.options.__name__: each.options.model_json_schema() for each in formats.values()}
    tables["properties"]["lagoa.source"] = {
        "anyOf": [*({"$ref": f"#/$defs/{name}"} for name in options), {"type": "null"}],
        "default": None,
    }
    definitions: dict[str, Any] = {}
    for each in (tables, columns, *options.values()):
        definitions.update(each.pop("$defs", {}))
    for each in (tables, columns):
        for field in each["properties"].values():
            field.pop("title", None)  # derived from the name, and redundant
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Custom properties of Lagoa in ODCS contracts",
        "description": "`table` has those of a schema object, `column` those of its properties: name and value.",
        "type": "object",
        "properties": {"table": tables, "column": columns},
        "additionalProperties": False,
        "$defs": {**definitions, **options},
    }
