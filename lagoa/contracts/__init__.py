"""The data contracts of a lake: one ODCS file a table, `<layer>/<table>.odcs.yaml`, read strictly."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lagoa.contracts.contract import Column, Contract
from lagoa.contracts.increments import check_increment_inputs
from lagoa.contracts.quarantine import quarantine_contract
from lagoa.contracts.reading import read_contract
from lagoa.contracts.references import check_references
from lagoa.contracts.sources import Source
from lagoa.contracts.yaml_file import ContractFile
from lagoa.domain.suggestions import near
from lagoa.domain.tables import TableName
from lagoa.errors import ContractError, FileError, InvalidName

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from lagoa.contracts.sources import SourceFormats

__all__ = ["SUFFIX", "Column", "Contract", "Contracts", "Reading", "Source", "read_contracts"]

SUFFIX = ".odcs.yaml"
"""How the name of a contract's file ends."""


class Contracts:
    """The contracts of a lake by table, and with them those of the quarantine tables, which follow from them."""

    def __init__(self, folder: Path, contracts: Iterable[Contract]) -> None:
        """Hold `contracts`, which stand under `folder`."""
        self._folder = folder
        self._contracts = {contract.table: contract for contract in contracts}
        self._quarantined = {table.quarantine: contract for table, contract in self._contracts.items()}

    @classmethod
    def load(cls, folder: Path, formats: SourceFormats) -> Contracts:
        """Read every contract under a folder; without the folder there are none.

        Args:
            folder: of the contracts.
            formats: of the files that tables are loaded from.

        Raises:
            ContractError: the first thing found that cannot be used, with its file and line.
        """
        found = read_contracts(folder, formats)
        if found.faults:
            raise found.faults[0]
        return found.contracts

    @property
    def tables(self) -> tuple[TableName, ...]:
        """The tables that have a contract of their own, by name."""
        return tuple(sorted(self._contracts))

    def get(self, table: TableName) -> Contract | None:
        """Return the contract of a table, or of the quarantine table of one; None when there is none."""
        if table in self._contracts:
            return self._contracts[table]
        origin = self._quarantined.get(table)
        return quarantine_contract(origin) if origin else None

    def __getitem__(self, table: TableName) -> Contract:
        """Return the contract of a table.

        Raises:
            ContractError: there is none.
        """
        contract = self.get(table)
        if contract is None:
            raise ContractError(
                self._folder / table.layer / f"{table.name}{SUFFIX}",
                None,
                f"{table} has no contract.{near(str(table), map(str, self._contracts))}",
                f"Write it there, or let `lagoa contract infer FILE --table {table}` do so from a file.",
            )
        return contract

    def __contains__(self, table: object) -> bool:
        return isinstance(table, TableName) and (table in self._contracts or table in self._quarantined)

    def __iter__(self) -> Iterator[Contract]:
        """Yield the contracts that have a file, by table."""
        return (self._contracts[table] for table in self.tables)

    def __len__(self) -> int:
        return len(self._contracts)


class Reading(NamedTuple):
    """What came of reading every contract of a folder.

    Attributes:
        contracts: those that can be used.
        faults: all that is wrong, by file.
        broken: the tables whose contract cannot be used.
        files: the file of each table that could be opened.
    """

    contracts: Contracts
    faults: list[FileError]
    broken: frozenset[TableName]
    files: Mapping[TableName, ContractFile]


def read_contracts(folder: Path, formats: SourceFormats) -> Reading:
    """Read every contract under a folder, to its end where one has faults, and see whether they fit each other.

    Args:
        folder: of the contracts.
        formats: of the files that tables are loaded from.
    """
    faults: list[FileError] = []
    files: dict[TableName, ContractFile] = {}
    found: dict[TableName, Contract] = {}
    broken: set[TableName] = set()
    for path in _files(folder):
        try:
            table = _table_of(path, folder)
            broken.add(table)
            files[table] = ContractFile(path)
        except FileError as error:
            faults.append(error)
    for table, file in sorted(files.items()):
        with file.going_on():
            found[table] = read_contract(file, table, formats)
            broken.remove(table)
    for table, contract in found.items():
        with files[table].going_on():
            check_references(files[table], contract, found, broken)
            check_increment_inputs(files[table], contract, found, broken)
    faults += [error for _, file in sorted(files.items()) for error in file.faults]
    return Reading(Contracts(folder, found.values()), faults, frozenset(broken), files)


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*.y*ml")) if folder.is_dir() else ():
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix in {".yaml", ".yml"} and not hidden:
            yield path


def _table_of(path: Path, folder: Path) -> TableName:
    parts = path.relative_to(folder).parts
    form = f"A contract is {folder.name}/<layer>/<table>{SUFFIX}."
    if len(parts) != 2 or not path.name.endswith(SUFFIX):  # noqa: PLR2004 - layer and file
        raise ContractError(path, None, "this file would not be read.", f"{form} Rename or move it.")
    try:
        table = TableName.parse(f"{parts[0]}.{path.name.removesuffix(SUFFIX)}")
    except InvalidName as error:
        raise ContractError(path, None, error.message, f"{error.advice} {form}") from error
    if table.is_quarantine:
        message = "the layer quarantine is Lagoa's own, and so are its contracts."
        raise ContractError(path, None, message, "Take the file away.")
    return table
