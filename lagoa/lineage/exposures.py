"""Exposures: who outside of the lake reads its tables, such as a dashboard, as files in `exposures/` declare it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import BaseModel, Field

from lagoa.contracts.yaml_file import YamlFile, declaration_files
from lagoa.domain.suggestions import did_you_mean
from lagoa.domain.tables import TableName
from lagoa.errors import ExposureError, FileError, InvalidName

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from lagoa.contracts import Contracts

Kind = Literal["dashboard", "report", "notebook", "application", "export"]

_URL = re.compile(r"https?://[^\s<>\"'\\`]+")
_WEB = "Write an address that begins with https:// or http://."


class _Read(BaseModel):
    """A table that is read, and which columns of it."""

    table: str
    columns: Annotated[list[str], Field(min_length=1)]


class _Declared(BaseModel):
    """One exposure; the keys of an entry, as docs/review.md explains them."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,99}$")]
    kind: Kind
    owner: Annotated[str, Field(min_length=1, max_length=200)]
    reads: Annotated[list[str | _Read], Field(min_length=1)]
    url: Annotated[str, Field(max_length=2000)] = ""
    description: Annotated[str, Field(max_length=10_000)] = ""


class _Document(BaseModel):
    exposures: Annotated[list[_Declared], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Exposure:
    """Something outside of the lake that reads tables of it.

    Attributes:
        name: its name.
        kind: what it is.
        owner: who answers for it.
        reads: the columns of each table that it reads; None for all of them.
        url: where it is found; may be empty.
        description: what it is for; may be empty.
        file: the file that declares it.
        line: the line on which it begins there.
    """

    name: str
    kind: Kind
    owner: str
    reads: Mapping[TableName, frozenset[str] | None]
    url: str
    description: str
    file: Path
    line: int


class _ExposureFile(YamlFile):
    noun: ClassVar[str] = "file of exposures"
    advice: ClassVar[str] = "Look at docs/review.md for one."
    failure: ClassVar[type[FileError]] = ExposureError


def read_exposures(folder: Path, contracts: Contracts) -> tuple[tuple[Exposure, ...], tuple[FileError, ...]]:
    """Return the exposures that a folder declares, by name, and what is wrong with the others.

    Args:
        folder: where the files are, `*.yaml`; it need not exist.
        contracts: of the tables that may be read.
    """
    found: dict[str, Exposure] = {}
    advice = f"Exposures are declared in {folder.name}/<any name>.yaml. Rename, move or remove it."
    paths, faults = declaration_files(folder, _ExposureFile, advice)
    for path in paths:
        try:
            file = _ExposureFile(path)
        except FileError as error:
            faults.append(error)
            continue
        declared: list[_Declared] = []
        with file.going_on():
            declared = file.validate(_Document, file.data).exposures
        faults += file.faults
        for place, each in enumerate(declared):
            try:
                exposure = _checked(file, place, each, contracts)
                if (other := found.get(each.name)) is not None:
                    message = f"{each.name} is declared in {other.file.name}, line {other.line}, too."
                    raise file.error(("exposures", place, "name"), message, "Give each another name.")
                found[each.name] = exposure
            except FileError as error:
                faults.append(error)
    return tuple(found[name] for name in sorted(found)), tuple(faults)


def _checked(file: YamlFile, place: int, said: _Declared, contracts: Contracts) -> Exposure:
    if said.url and not _URL.fullmatch(said.url):
        raise file.error(("exposures", place, "url"), f"{said.url!r} is no address of a page.", _WEB)
    reads: dict[TableName, frozenset[str] | None] = {}
    for number, (table, columns) in enumerate(_reads(file, place, said)):
        where = ("exposures", place, "reads", number)
        contract = contracts.get(table)
        if contract is None:
            hint = did_you_mean(str(table), map(str, contracts.tables))
            raise file.error(where, f"there is no contract for a table {table}.{hint}", "Fix the name.")
        for column in columns or ():
            file.known_column(contract, where, column)
        if table in reads:
            raise file.error(where, f"{table} is named twice.", "Name all its columns in one place.")
        reads[table] = frozenset(columns) if columns else None
    line = file.line(("exposures", place))
    return Exposure(said.name, said.kind, said.owner, reads, said.url, said.description, file.path, line)


def _reads(file: YamlFile, place: int, said: _Declared) -> Iterator[tuple[TableName, list[str] | None]]:
    for number, each in enumerate(said.reads):
        name, columns = (each, None) if isinstance(each, str) else (each.table, each.columns)
        try:
            yield TableName.parse(name), columns
        except InvalidName as error:
            raise file.error(("exposures", place, "reads", number), error.message, error.advice) from error
