"""What ODCS has no word for: the custom properties `lagoa.*`, as models and as a published JSON schema.

`properties.schema.json`, beside this file, is `properties_schema()` written out, for editors and other tools.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from lagoa.contracts.intervals import Grain  # noqa: TC001 - pydantic reads the annotations
from lagoa.domain.suggestions import near

if TYPE_CHECKING:
    from collections.abc import Sequence

    from open_data_contract_standard.model import CustomProperty

    from lagoa.contracts.findings import Location
    from lagoa.contracts.sources import SourceFormats
    from lagoa.contracts.yaml_file import ContractFile

PREFIX = "lagoa."
"""What the names of Lagoa's own custom properties begin with."""

_Model = TypeVar("_Model", bound=BaseModel)

Share = Annotated[float, Field(ge=0, le=1)]
Change = Annotated[float, Field(ge=0)]
Text = Annotated[str, Field(min_length=1)]
ColumnName = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]{0,126}$")]

Materialization = Literal["full", "merge", "scd2", "incremental"]
"""How a model builds its table."""

TableRule = Literal["key", "quarantine_share", "row_count", "drift"]
"""The rules of a whole table that may be told only to warn, by the names of their checks."""


class ByTime(BaseModel):
    """Increments by time: intervals whose input changed are made anew, the others stay.

    Attributes:
        by: `time`.
        column: the table's column that tells a row's interval.
        grain: how long an interval is; intervals are those of UTC.
        inputs: for each table that is read by intervals, its column that tells a row's interval. What stands in an
            interval of the model's table follows from the rows of the same interval there, and from other inputs.
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
        input: the table whose batches come in.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: Literal["batch"]
    input: Text


class Scd2(BaseModel):
    """The history of things: a version for each time that one was other than before.

    Attributes:
        deletions: how it shows that a thing is gone: it never is (`none`), the SELECT has a column `is_deleted`
            (`marker`), or each moment of the SELECT is a full delivery, which then lacks the thing (`missing`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    deletions: Literal["none", "marker", "missing"] = "none"


class TableProperties(BaseModel):
    """The custom properties of a table, under their names in the contract.

    Attributes:
        source: the form of its files; a table with a source carries the lineage columns.
        partition: partition transforms, such as `month(sold_at)`.
        sort: columns that the files are sorted by, such as `customer_id` or `sold_at desc`.
        order_by: of rows with one key, the one with the greatest value here wins a merge.
        materialization: how a model builds the table: anew (`full`), by key (`merge`), as the history of its
            rows (`scd2`), or only what is new in it (`incremental`).
        scd2: how the history of a table of materialization `scd2` is made.
        incremental: what the increments of an incremental table are.
        dropped: columns, and fields within them by their path, that were taken out for good: they are not what another
            column of their type, which comes in at the same time, was called before.
        quarantine_share: of a batch's records, at most this share may be in quarantine.
        row_count_change: against main, the number of rows may change at most by this share.
        drift: against main, the mean of a column may change at most by this share.
        severity: whether a broken rule of the whole table fails an audit or only warns; `fail` where nothing is said.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: dict[str, Any] | None = Field(None, alias="lagoa.source")
    partition: list[Text] | None = Field(None, alias="lagoa.partition")
    sort: list[Text] = Field([], alias="lagoa.sort")
    order_by: Text | None = Field(None, alias="lagoa.orderBy")
    materialization: Materialization | None = Field(None, alias="lagoa.materialization")
    scd2: Scd2 | None = Field(None, alias="lagoa.scd2")
    incremental: Annotated[ByTime | ByBatch, Field(discriminator="by")] | None = Field(None, alias="lagoa.incremental")
    dropped: list[Text] = Field([], alias="lagoa.dropped")
    quarantine_share: Share = Field(0.01, alias="lagoa.quarantineShare")
    row_count_change: Change | None = Field(None, alias="lagoa.rowCountChange")
    drift: dict[str, Change] = Field({}, alias="lagoa.drift")
    severity: dict[TableRule, Literal["fail", "warn"]] = Field({}, alias="lagoa.severity")


class ColumnProperties(BaseModel):
    """The custom properties of a column, under their names in the contract.

    Attributes:
        former_name: the column's name before it was renamed; a list, the last one first, where it had several.
        former_fields: the same of fields within it, by their path from the column on; an element of a list is
            `element`, a value of a map `value`: `{element.sku: code}`.
        header: its name in the files, where that is another.
        severity: whether a broken rule of this column fails an audit or only warns.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    former_name: ColumnName | Annotated[list[ColumnName], Field(min_length=1)] | None = Field(
        None, alias="lagoa.formerName"
    )
    former_fields: dict[Text, Text | Annotated[list[Text], Field(min_length=1)]] = Field({}, alias="lagoa.formerFields")
    header: Text | None = Field(None, alias="lagoa.header")
    severity: Literal["fail", "warn"] = Field("fail", alias="lagoa.severity")


def custom_properties(
    file: ContractFile, model: type[_Model], place: Location, found: Sequence[CustomProperty] | None
) -> _Model:
    """Return the `lagoa.*` properties of the table or column at `place`; those of others are left alone.

    Raises:
        ContractError: an unknown name, one that stands there twice, or a value that cannot be used.
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
            message = f"the custom property {name!r} is not known here.{near(name, known)}"
            raise file.error((*where, "property"), message, f"Known here: {', '.join(known)}.")
        if name in values:
            raise file.error((*where, "property"), f"{name} stands here for the second time.", "Remove one of them.")
        values[name], places[name] = each.value, (*where, "value")
    return file.validate(model, values, places)


def properties_schema(formats: SourceFormats) -> dict[str, Any]:
    """Return the JSON schema of the `lagoa.*` custom properties: the values of each by its name.

    Args:
        formats: of the files that tables are loaded from.
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
            field.pop("title", None)  # made from the name, and says no more than it
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Custom properties of Lagoa in ODCS contracts",
        "description": "`table` has those of a schema object, `column` those of its properties: name and value.",
        "type": "object",
        "properties": {"table": tables, "column": columns},
        "additionalProperties": False,
        "$defs": {**definitions, **options},
    }
