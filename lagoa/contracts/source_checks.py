"""Checks what a contract says about its files against itself: options, and how single columns are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.contracts.iceberg_types import DATED, NUMBERS, parse_type
from lagoa.domain.suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lagoa.contracts.contract import Column, Contract
    from lagoa.contracts.findings import Location
    from lagoa.contracts.sources import Source
    from lagoa.contracts.yaml_file import ContractFile

_COLUMNS: Location = ("schema", 0, "properties")
_OF_NUMBERS = ("decimal", "thousands", "unit")


def check_source(file: ContractFile, contract: Contract, places: dict[str, Location]) -> None:
    """Make sure that the table is loaded from files or by a model, and that its source does not contradict itself.

    Args:
        file: the contract's text; gets the errors.
        contract: what was read.
        places: where the table's custom properties are, by name.
    """
    source = contract.source
    for number, column in enumerate(contract.columns):
        for key, message, advice in _column_faults(column, source):
            with file.going_on():
                place = _place(file, number, key)
                raise file.error(place, f"column {column.name}: {message}", advice)
    if source is None:
        return
    if contract.materialization:
        message = "the table has a lagoa.source and a lagoa.materialization."
        advice = "Rows come from files or from a model: remove one of the two."
        raise file.error(places["lagoa.materialization"], message, advice)
    for key, message, advice in source.faults():
        raise file.error((*places["lagoa.source"], key), message, advice)
    _check_names(file, contract, source.field_names or (), (*places["lagoa.source"], "header"))


def _check_names(file: ContractFile, contract: Contract, names: Sequence[str], place: Location) -> None:
    """Make sure that a list of names in files names columns, each once, and all that are required."""
    if not names:
        return
    columns = {name: column for column in contract.columns for name in column.source_names}
    found: dict[str, str] = {}
    last = max((number for number, name in enumerate(names) if name), default=-1)
    for number, name in enumerate(names):
        if not name and name not in columns and number > last >= 0:
            continue  # a last column without a name
        if name not in columns:
            message = f"header has {name!r}, and no column has this name in files.{did_you_mean(name, columns)}"
            raise file.error((*place, number), message, "Give a column this lagoa.header, or fix the name.")
        if columns[name].name in found:
            message = f"header has {name!r} and {found[columns[name].name]!r}, which are the same column."
            raise file.error((*place, number), message, "Remove one of the two.")
        found[columns[name].name] = name
    for column in contract.columns:
        if column.required and column.name not in found:
            message = f"header lacks {column.source_name!r}, which is required."
            raise file.error(place, message, "Add it, or make the column optional.")


def _column_faults(column: Column, source: Source | None) -> Iterator[tuple[str, str, str]]:
    """Yield what is wrong with how a column is written: the property without `lagoa.`, what, and what to do."""
    own = {
        "nulls": column.nulls is not None,
        "date": bool(column.dates),
        "decimal": column.decimal is not None,
        "thousands": column.thousands is not None,
        "unit": bool(column.unit),
    }
    given = [key for key, is_given in own.items() if is_given]
    if not given:
        return
    if source is None or not source.written:
        files = "is not loaded from files" if source is None else f"is loaded from {source.files} files"
        yield given[0], f"lagoa.{given[0]} is for values in text files, and the table {files}.", "Remove it."
        return
    kind = parse_type(column.type)
    for key in given:
        fits = kind.name in NUMBERS if key in _OF_NUMBERS else kind.name in DATED if key == "date" else not kind.parts
        if not fits:
            words = "numbers" if key in _OF_NUMBERS else "dates and timestamps" if key == "date" else "plain values"
            yield key, f"lagoa.{key} is for {words}, and the column is {kind}.", "Remove it, or change the type."
            return
    for key, message, advice in column.spelling(source.spelling).faults():
        yield key if own[key] else given[0], message, advice
    yield from _null_faults(column)


def _null_faults(column: Column) -> Iterator[tuple[str, str, str]]:
    nulls = column.nulls or ()
    for number, word in enumerate(nulls):
        if word in nulls[:number]:
            yield "nulls", f"{word!r} is in lagoa.nulls twice.", "Remove one of the two."
        if word in map(str, column.enum):
            yield "nulls", f"{word!r} is an allowed value and a word for null.", "Remove it from enum or lagoa.nulls."


def _place(file: ContractFile, number: int, key: str) -> Location:
    """Return the place of a column's property."""
    found = file.data["schema"][0]["properties"][number].get("customProperties") or []
    names = [each.get("property") for each in found]
    place: Location = (*_COLUMNS, number)
    return (*place, "customProperties", names.index(f"lagoa.{key}"), "value") if f"lagoa.{key}" in names else place
