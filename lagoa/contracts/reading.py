"""Turns a contract's file into a `Contract`: checks each part, then that the parts fit together."""

from __future__ import annotations

import hashlib
import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from lagoa.contracts.columns import read_column
from lagoa.contracts.contract import Contract
from lagoa.contracts.features import check_features
from lagoa.contracts.iceberg_types import NUMBERS, PARTITIONS, SORTS, PartitionField, SortField, parse_type
from lagoa.contracts.increments import check_increments
from lagoa.contracts.properties import PREFIX, Scd2, TableProperties, custom_properties
from lagoa.contracts.renames import check_renames
from lagoa.contracts.scd2 import check_history
from lagoa.contracts.source_checks import check_source
from lagoa.contracts.sources import read_source
from lagoa.domain.bloom import BLOOM_TYPES
from lagoa.domain.tables import LINEAGE_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable

    from open_data_contract_standard.model import OpenDataContractStandard, SchemaObject

    from lagoa.contracts.contract import Column
    from lagoa.contracts.findings import Location
    from lagoa.contracts.sources import Source, SourceFormats
    from lagoa.contracts.yaml_file import ContractFile
    from lagoa.domain.tables import TableName

VERSIONS = ("v3.0.0", "v3.0.1", "v3.0.2", "v3.1.0", "v3.2.0")
"""Versions of the Open Data Contract Standard that are read."""

_Field = TypeVar("_Field")
_TABLE: Location = ("schema", 0)
_REFUSED = {
    "quality": "Checks beyond the contract belong in soda/<layer>/<table>.yaml.",
    "relationships": "Write a foreign key at its column: `relationships: [{to: layer.table.column}]`.",
}


def read_contract(file: ContractFile, table: TableName, formats: SourceFormats) -> Contract:
    """Return the contract of `table` that `file` contains.

    References to other tables are not checked here.

    Args:
        file: the contract's text.
        table: by the file's folder and name.
        formats: of the files that tables are loaded from.

    Raises:
        ContractError: with the line of the first error.
    """
    from open_data_contract_standard.model import OpenDataContractStandard

    document = file.validate(OpenDataContractStandard, file.data)
    with file.going_on():
        _check_head(file, document, table)
    found = _check_object(file, document.schema_ or [], table)
    columns, key, extra, source = _read_parts(file, found, formats)
    team = file.data.get("team")
    contract = Contract(
        table=table,
        version=document.version or "",
        file=file.path,
        hash=hashlib.sha256(json.dumps(file.data, sort_keys=True, default=str).encode()).hexdigest(),
        columns=columns,
        description=found.description or "",
        owner=team.get("name", "") if isinstance(team, dict) else "",
        key=key,
        partition=None if extra.partition is None else tuple(extra.partition),
        sort=tuple(extra.sort),
        bloom=tuple(extra.bloom),
        order_by=extra.order_by,
        materialization=extra.materialization,
        scd2=extra.scd2 or (Scd2() if extra.materialization == "scd2" else None),
        incremental=extra.incremental,
        source=source,
        dropped=tuple(extra.dropped),
        quarantine_share=extra.quarantine_share,
        row_count_change=extra.row_count_change,
        drift=MappingProxyType(extra.drift),
        severity=MappingProxyType(extra.severity),
        features=extra.features,
    )
    _check_fit(file, contract)
    return contract


def _read_parts(
    file: ContractFile, found: SchemaObject, formats: SourceFormats
) -> tuple[tuple[Column, ...], tuple[str, ...], TableProperties, Source | None]:
    """Return columns, key, properties and source of the table; the checks that follow need them all."""
    columns: list[Column] = []
    key: tuple[str, ...] = ()
    extra = TableProperties.model_validate({})
    source: Source | None = None
    for number, each in enumerate(found.properties or []):
        with file.going_on():
            columns.append(read_column(file, number, each))
    with file.going_on():
        key = _key(file, found.properties or [])
    with file.going_on():
        extra = custom_properties(file, TableProperties, _TABLE, found.customProperties)
        if extra.source is not None:
            source = read_source(file, _places(file)["lagoa.source"], extra.source, formats)
    file.stop_at_faults()
    return tuple(columns), key, extra, source


def _check_fit(file: ContractFile, contract: Contract) -> None:
    """Check that the parts of the contract fit together."""
    places = _places(file)
    with file.going_on():
        _check_columns(file, contract)
    with file.going_on():
        check_renames(file, contract, places.get("lagoa.dropped", ()))
    with file.going_on():
        _check_table(file, contract)
    with file.going_on():
        check_source(file, contract, places)
    with file.going_on():
        check_increments(file, contract, places)
    with file.going_on():
        check_history(file, contract, places)
    with file.going_on():
        check_features(file, contract, places)
    file.stop_at_faults()


def _check_head(file: ContractFile, document: OpenDataContractStandard, table: TableName) -> None:
    for key in ("apiVersion", "kind", "id", "version", "name", "schema"):
        with file.going_on():
            if not file.data.get(key):
                advice = "Every contract has apiVersion, kind, id, name, version and a schema."
                raise file.error((key,), f"{key} is missing.", advice)
    if document.apiVersion and document.apiVersion not in VERSIONS:
        message = f"apiVersion {document.apiVersion!r} is not supported."
        raise file.error(("apiVersion",), message, f"Lagoa supports {', '.join(VERSIONS)}.")
    if document.kind and document.kind != "DataContract":
        raise file.error(("kind",), f"kind {document.kind!r} is not supported.", "Write DataContract.")
    with file.going_on():
        if document.name:
            _check_name(file, ("name",), document.name, str(table))
    for number, each in enumerate(document.customProperties or []):
        with file.going_on():
            if (each.property or "").startswith(PREFIX):
                message = f"{each.property} is at the top of the contract."
                raise file.error(("customProperties", number), message, "Move it to customProperties of the table.")


def _check_object(file: ContractFile, objects: list[SchemaObject], table: TableName) -> SchemaObject:
    if len(objects) != 1:
        raise file.error(("schema", 1), f"schema has {len(objects)} tables.", "Write one table per file.")
    found = objects[0]
    with file.going_on():
        _check_name(file, (*_TABLE, "name"), found.name, table.name)
    with file.going_on():
        if found.physicalName is not None:
            _check_name(file, (*_TABLE, "physicalName"), found.physicalName, str(table))
    for key, advice in _REFUSED.items():
        with file.going_on():
            if getattr(found, key):
                raise file.error((*_TABLE, key), f"{key} of a table are not supported.", advice)
    if not found.properties:
        raise file.error((*_TABLE, "properties"), "the table has no columns.", "Name them under properties.")
    return found


def _check_name(file: ContractFile, place: Location, found: str | None, wanted: str) -> None:
    if found != wanted:
        message = f"{place[-1]} is {found!r}, but by its folder and name the file is the contract of {wanted!r}."
        raise file.error(place, message, f"Write {wanted}, or move the file.")


def _key(file: ContractFile, properties: list[Any]) -> tuple[str, ...]:
    """Return the columns of the primary key, by position and then in the order of the file."""
    members: list[tuple[int, int, str]] = []
    for number, each in enumerate(properties):
        place = (*_TABLE, "properties", number)
        position = each.primaryKeyPosition
        if each.primaryKey:
            if position is not None and any(position == known for known, _, _ in members):
                raise file.error((*place, "primaryKeyPosition"), f"position {position} is taken.", "Count from 1.")
            members.append((len(properties) if position in {None, -1} else position, number, each.name))
        elif position not in {None, -1}:
            message = f"column {each.name} has a position in the key but is not part of it."
            raise file.error((*place, "primaryKeyPosition"), message, "Add `primaryKey: true`.")
    return tuple(name for _, _, name in sorted(members))


def _check_columns(file: ContractFile, contract: Contract) -> None:
    names: set[str] = set()
    headers: set[str] = set()
    for number, column in enumerate(contract.columns):
        place = (*_TABLE, "properties", number)
        if column.name in names:
            raise file.error((*place, "name"), f"column {column.name} occurs twice.", "Rename one.")
        if contract.source and column.name in LINEAGE_COLUMNS:
            message = f"column {column.name} is one that Lagoa adds to tables with a source."
            raise file.error((*place, "name"), message, "Remove it.")
        for name in column.source_names:
            if name in headers:
                message = f"two columns have the name {name!r} in the files."
                raise file.error(place, message, "Fix lagoa.header of one of them.")
            headers.add(name)
        if column.name in contract.key:
            _check_key(file, place, column)
        names.add(column.name)


def _check_key(file: ContractFile, place: Location, column: Column) -> None:
    if not column.required:
        message = f"column {column.name} is in the key but not required."
        raise file.error((*place, "primaryKey"), message, "Add `required: true`.")
    kind = parse_type(column.type)
    if kind.parts or kind.name in {"float", "double"}:
        message = f"column {column.name} is {column.type}, and Iceberg does not allow such a column in a key."
        raise file.error((*place, "primaryKey"), message, "Choose another column or another type.")


def _check_table(file: ContractFile, contract: Contract) -> None:
    places = _places(file)
    _check_partition(file, contract, places.get("lagoa.partition", ()))
    for number, text in enumerate(contract.sort):
        with file.going_on():
            place = (*places["lagoa.sort"], number)
            _ordered(file, contract, place, _parsed(file, place, SortField.parse, text, SORTS).column)
    for number, name in enumerate(contract.bloom):
        with file.going_on():
            _check_bloom(file, contract, (*places["lagoa.bloom"], number), name)
    with file.going_on():
        if contract.order_by is not None:
            _ordered(file, contract, places["lagoa.orderBy"], contract.order_by)
    for name in contract.drift:
        with file.going_on():
            place = (*places["lagoa.drift"], name)
            column = file.known_column(contract, place, name)
            if parse_type(column.type).name not in NUMBERS:
                message = f"column {name} is {column.type}, and drift is the change of a mean."
                raise file.error(place, message, "Choose a numeric column.")
    if contract.materialization == "merge" and not contract.key:
        message = "lagoa.materialization is merge, and the table has no key."
        raise file.error(places["lagoa.materialization"], message, "Give key columns `primaryKey: true`.")


def _check_bloom(file: ContractFile, contract: Contract, place: Location, name: str) -> None:
    column = file.known_column(contract, place, name)
    if parse_type(column.type).name not in BLOOM_TYPES:
        message = f"column {name} is {column.type}, and no engine looks for its values in bloom filters."
        raise file.error(place, message, f"Choose a column of type {', '.join(BLOOM_TYPES)}.")
    if contract.bloom.count(name) > 1 and contract.bloom.index(name) != place[-1]:
        raise file.error(place, f"column {name} occurs twice.", "Remove one of the two.")


def _check_partition(file: ContractFile, contract: Contract, where: Location) -> None:
    taken: set[str] = set()
    for number, text in enumerate(contract.partition or ()):
        with file.going_on():
            place = (*where, number)
            each = _parsed(file, place, PartitionField.parse, text, PARTITIONS)
            kind = file.known_column(contract, place, each.column).type
            _parsed(file, place, each.check, kind, "Choose another transform.")
            if each.name in taken or (each.transform != "identity" and contract.column(each.name)):
                message = f"{text!r} creates a field {each.name}, which exists already."
                raise file.error(place, message, "Remove one of the two.")
            taken.add(each.name)


def _places(file: ContractFile) -> dict[str, Location]:
    found = file.data["schema"][0].get("customProperties") or []
    return {each["property"]: (*_TABLE, "customProperties", number, "value") for number, each in enumerate(found)}


def _parsed(file: ContractFile, place: Location, parse: Callable[[str], _Field], text: str, advice: str) -> _Field:
    try:
        return parse(text)
    except ValueError as error:
        raise file.error(place, str(error), advice) from error


def _ordered(file: ContractFile, contract: Contract, place: Location, name: str) -> None:
    column = file.known_column(contract, place, name)
    if parse_type(column.type).parts:
        message = f"column {column.name} is {column.type}, which has no order."
        raise file.error(place, message, "Choose a column of a primitive type.")
