"""Reads the contracts in a folder and checks that they are consistent with each other."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from lagoa.contracts.cache import Known, agreement
from lagoa.contracts.increments import check_increment_inputs
from lagoa.contracts.places import SUFFIX, contract_files, contract_path, stamp_of, table_of
from lagoa.contracts.quarantine import quarantine_contract
from lagoa.contracts.reading import read_contract
from lagoa.contracts.references import check_references
from lagoa.contracts.yaml_file import ContractFile
from lagoa.domain.suggestions import did_you_mean
from lagoa.domain.tables import TableName
from lagoa.errors import ContractError, FileError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lagoa.contracts.cache import ContractCache
    from lagoa.contracts.contract import Contract
    from lagoa.contracts.sources import SourceFormats


class Contracts:
    """The contracts of a lake by table, including those of its quarantine tables, which are derived from them."""

    def __init__(self, folder: Path, contracts: Mapping[TableName, Contract]) -> None:
        """Hold `contracts`, whose files are in `folder`."""
        self._folder = folder
        self._contracts = contracts
        self._quarantined = {table.quarantine: table for table in contracts}

    @classmethod
    def load(cls, folder: Path, formats: SourceFormats, cache: ContractCache | None = None) -> Contracts:
        """Read every contract in a folder; a missing folder has none.

        Args:
            folder: the folder.
            formats: the formats of the files that tables are loaded from.
            cache: contracts that were read before; only changed files are read again.

        Raises:
            ContractError: the first error, with its file and line.
        """
        reading = read_contracts(folder, formats, cache.known if cache else None)
        for fault in reading.faults:
            raise fault
        if cache:
            cache.keep(reading.known)
        return reading.contracts

    @cached_property
    def tables(self) -> tuple[TableName, ...]:
        """The tables with a contract file, by name."""
        return tuple(sorted(self._contracts, key=lambda table: (table.namespace, table.name)))

    @property
    def quarantines(self) -> Mapping[TableName, TableName]:
        """The table of each quarantine table."""
        return self._quarantined

    @cached_property
    def contents(self) -> Mapping[TableName, str]:
        """The SHA-256 of the contract file of each table, or the hash of a contract that was not read from a file."""
        if isinstance(self._contracts, _Lazily):
            return self._contracts.contents()
        return {table: contract.hash for table, contract in self._contracts.items()}

    def of_models(self) -> Iterator[Contract]:
        """Yield the contracts of the tables that models build, by table."""
        lazily = self._contracts if isinstance(self._contracts, _Lazily) else None
        for table in self.tables:
            if lazily is None or lazily.may_say(table, "materialization"):
                contract = self._contracts[table]
                if contract.materialization:
                    yield contract

    def get(self, table: TableName) -> Contract | None:
        """Return the contract of a table or quarantine table, or None."""
        if table in self._contracts:
            return self._contracts[table]
        origin = self._quarantined.get(table)
        return quarantine_contract(self._contracts[origin]) if origin else None

    def __getitem__(self, table: TableName) -> Contract:
        """Return the contract of a table.

        Raises:
            ContractError: there is none.
        """
        contract = self.get(table)
        if contract is None:
            raise ContractError(
                contract_path(self._folder, table),
                None,
                f"{table} has no contract.{did_you_mean(str(table), map(str, self._contracts))}",
                f"`lagoa contract infer` drafts it from a file (`FILE --table {table}`), a model (`--model {table}`).",
            )
        return contract

    def __contains__(self, table: object) -> bool:
        return isinstance(table, TableName) and (table in self._contracts or table in self._quarantined)

    def __iter__(self) -> Iterator[Contract]:
        """Yield the contracts with a file, by table."""
        return (self._contracts[table] for table in self.tables)

    def __len__(self) -> int:
        return len(self._contracts)


class Reading(NamedTuple):
    """The result of reading every contract in a folder.

    Attributes:
        contracts: the valid contracts, apart from what `faults` reports.
        known: the cache entry of each, by the name of its table as text.
        faults: all errors, by file; contracts are compared with each other while this is iterated.
        broken: the tables whose contract is invalid.
        files: the files that were read now, by table.
    """

    contracts: Contracts
    known: Mapping[str, Known]
    faults: Iterator[FileError]
    broken: frozenset[TableName]
    files: Mapping[TableName, ContractFile]


def read_contracts(folder: Path, formats: SourceFormats, known: Mapping[str, Known] | None = None) -> Reading:
    """Read every contract in a folder, also after errors, and check that they are consistent with each other.

    Args:
        folder: the folder; a missing one has no contracts.
        formats: the formats of the files that tables are loaded from.
        known: contracts that were read before and were consistent, by the names of their tables. One of them is read
            again only if its file or a contract that it refers to has changed.
    """
    reader = _Reader(folder, formats)
    for parts in contract_files(folder):
        reader.open(parts, known or {})
    reader.read(reader.files)
    reader.read_again()
    contracts = Contracts(folder, reader.contracts)
    return Reading(contracts, reader.named(), reader.all_faults(), frozenset(reader.broken), reader.files)


class _Lazily(Mapping["TableName", "Contract"]):
    """The contracts of a folder by table, each decoded on first access."""

    def __init__(self, folder: Path, formats: SourceFormats, known: Mapping[TableName, Known]) -> None:
        self._folder = folder
        self._formats = formats
        self._known = known

    def __getitem__(self, table: TableName) -> Contract:
        return self._known[table].contract(table, self._folder, self._formats)

    def __contains__(self, table: object) -> bool:
        return table in self._known

    def contents(self) -> dict[TableName, str]:
        """Return the SHA-256 of each file."""
        return {table: each.content for table, each in self._known.items()}

    def may_say(self, table: TableName, field: str) -> bool:
        """Return whether a contract may say something in a field, without decoding it."""
        return self._known[table].may_say(field)

    def __iter__(self) -> Iterator[TableName]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


class _Reader:
    """Reads the files of a folder.

    Attributes:
        faults: errors of files that cannot be opened or belong to no table.
        files: the files that were read.
        found: the cache entry of each contract, read now or before.
        contracts: their contracts.
        broken: the tables whose contract is invalid.
    """

    def __init__(self, folder: Path, formats: SourceFormats) -> None:
        self._folder = folder
        self._formats = formats
        self.faults: list[FileError] = []
        self.files: dict[TableName, ContractFile] = {}
        self._stamps: dict[TableName, str] = {}
        self.found: dict[TableName, Known] = {}
        self.contracts = _Lazily(folder, formats, self.found)
        self.broken: set[TableName] = set()

    def open(self, parts: tuple[str, ...], known: Mapping[str, Known]) -> None:
        """Open a file, or use its cached contract."""
        try:
            table = table_of(self._folder, parts)
            path = os.path.join(self._folder, *parts)  # noqa: PTH118 - there may be thousands
            stamp, before = stamp_of(path), known.get(str(table))
            if before is not None and before.is_of(path, stamp):
                self.found[table] = before
            else:
                self._stamps[table] = stamp
                self.broken.add(table)
                self.files[table] = ContractFile(self._folder.joinpath(*parts))
        except FileError as error:
            self.faults.append(error)

    def read(self, tables: Iterable[TableName]) -> None:
        """Read contracts from open files."""
        for table in tables:
            file = self.files[table]
            with file.going_on():
                contract = read_contract(file, table, self._formats)
                self.found[table] = Known.of(contract, file.content, self._stamps[table])
                self.broken.remove(table)

    def read_again(self) -> None:
        """Read cached contracts again if a contract that they refer to has changed."""
        named = self.named()
        kept = ((table, each) for table, each in self.found.items() if table not in self.files)
        again = [table for table, each in kept if each.names and each.agrees != agreement(each, named)]
        for table in again:
            del self.found[table]
            self.open((table.layer, f"{table.name}{SUFFIX}"), {})
        self.read(table for table in again if table in self.files)

    def named(self) -> dict[str, Known]:
        """Return the cache entries by the names of their tables as text."""
        return {str(table): each for table, each in self.found.items()}

    def all_faults(self) -> Iterator[FileError]:
        """Yield all errors, by file."""
        yield from self.faults
        contracts, named = self.contracts, self.named()
        for table in sorted(self.files):
            file = self.files[table]
            if table not in self.broken:
                with file.going_on():
                    check_references(file, contracts[table], contracts, self.broken)
                    check_increment_inputs(file, contracts[table], contracts, self.broken)
                if not file.faults:
                    self.found[table].agrees = agreement(self.found[table], named)
            yield from file.faults
