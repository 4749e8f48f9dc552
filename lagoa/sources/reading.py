"""Reads `sources/<name>.yaml`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lagoa.contracts.yaml_file import YamlFile, declaration_files
from lagoa.domain.suggestions import did_you_mean
from lagoa.domain.tables import TableName
from lagoa.errors import DeclarationError, FileError, InvalidName, SourceError
from lagoa.sources.registry import KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lagoa.contracts import Contracts
    from lagoa.sources.declaration import Declaration

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


@dataclass(frozen=True, slots=True)
class Source:
    """A declared source.

    Attributes:
        name: its name, which is that of its file.
        declared: what the file says.
        tables: the tables that are loaded from it, in the file's order.
        file: the file.
    """

    name: str
    declared: Declaration
    tables: tuple[TableName, ...]
    file: Path


class _SourceFile(YamlFile):
    noun: ClassVar[str] = "declaration of a source"
    advice: ClassVar[str] = "Look at docs/sources.md for one."
    failure: ClassVar[type[FileError]] = DeclarationError
    hidden: ClassVar[tuple[str, ...]] = ("connection",)  # somebody may have written a password there


def read_sources(folder: Path, contracts: Contracts) -> tuple[Mapping[str, Source], tuple[FileError, ...]]:
    """Return the sources that a folder declares, by name, and what is wrong with the others.

    Args:
        folder: where the files are, `<name>.yaml`; it need not exist.
        contracts: of the tables that are loaded.
    """
    found: dict[str, Source] = {}
    owners: dict[TableName, Source] = {}
    advice = f"Sources are declared in {folder.name}/<name>.yaml. Rename, move or remove it."
    paths, faults = declaration_files(folder, _SourceFile, advice, (".md", ".py", ".pyc"))
    for path in paths:
        try:
            file = _SourceFile(path)
            source = _read(file, contracts)
            for table in source.tables:
                if (other := owners.get(table)) is not None:
                    where = ("tables", str(table))
                    raise file.error(where, f"{table} is loaded from {other.name}, too.", "Load it from one of them.")
        except FileError as error:
            faults.append(error)
            continue
        found[source.name] = source
        owners |= dict.fromkeys(source.tables, source)
    return found, tuple(faults)


def find_source(folder: Path, contracts: Contracts, name: str) -> Source:
    """Return a declared source by its name.

    Raises:
        DeclarationError: its file cannot be used.
        SourceError: there is none of that name.
    """
    sources, faults = read_sources(folder, contracts)
    if name in sources:
        return sources[name]
    for fault in faults:
        if fault.file == str(folder / f"{name}.yaml"):
            raise fault
    known = sorted(sources)
    message = f"no such source is declared.{did_you_mean(name, known)}"
    raise SourceError(
        name, message, f"There are: {', '.join(known) or 'none'}; {folder.name}/<name>.yaml declares one."
    )


def tables_of(source: Source, names: Sequence[str] | None) -> tuple[TableName, ...]:
    """Return the tables of a source that are named, in the order of its declaration; by default all of them.

    Raises:
        SourceError: a name is none of its tables.
    """
    if names is None:
        return source.tables
    known = {str(table): table for table in source.tables}
    for name in names:
        if name not in known:
            message = f"it has no table {name!r}.{did_you_mean(name, known)}"
            raise SourceError(source.name, message, f"There are: {', '.join(known)}.")
    return tuple(table for name, table in known.items() if name in names)


def _read(file: _SourceFile, contracts: Contracts) -> Source:
    name = file.path.stem
    if not _NAME.fullmatch(name):
        advice = "Use lower-case letters, digits and _, a letter first; at most 63 characters."
        raise file.error((), f"{name!r} is not the name of a source.", advice)
    kind = file.data.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        told = "kind is missing" if kind is None else f"there is no kind of source {kind!r}"
        hint = did_you_mean(kind, KINDS) if isinstance(kind, str) else ""
        raise file.error(("kind",), f"{told}.{hint}", f"There are: {', '.join(sorted(KINDS))}.")
    declared: Declaration = file.validate(KINDS[kind].options, file.data)
    tables = []
    for text, said in declared.tables.items():
        where = ("tables", text)
        try:
            table = TableName.parse(text)
        except InvalidName as error:
            raise file.error(where, error.message, error.advice) from error
        contract = contracts.get(table)
        if contract is None:
            hint = did_you_mean(text, map(str, contracts.tables))
            advice = f"Write one; `lagoa source infer {name}` drafts it."
            raise file.error(where, f"there is no contract for a table {table}.{hint}", advice)
        if contract.source is None:
            message = f"the contract of {table} does not say what is read (`lagoa.source`)."
            raise file.error(where, message, "Add it, such as {format: csv, delimiter: ','}.")
        if said.mode == "merge" and not contract.key:
            raise file.error(where, f"{table} has no key to merge by.", "Mark it in its contract (primaryKey).")
        tables.append(table)
    return Source(name, declared, tuple(tables), file.path)
