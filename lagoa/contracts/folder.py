"""The contracts of a folder: which there are, and whether they fit each other."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from lagoa.contracts.cache import Known, agreement
from lagoa.contracts.increments import check_increment_inputs
from lagoa.contracts.places import SUFFIX, content_of, contract_files, contract_path, table_of
from lagoa.contracts.quarantine import quarantine_contract
from lagoa.contracts.reading import read_contract
from lagoa.contracts.references import check_references
from lagoa.contracts.yaml_file import ContractFile
from lagoa.domain.suggestions import near
from lagoa.domain.tables import TableName
from lagoa.errors import ContractError, FileError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lagoa.contracts.cache import ContractCache
    from lagoa.contracts.contract import Contract
    from lagoa.contracts.sources import SourceFormats


class Contracts:
    """The contracts of a lake by table, and with them those of the quarantine tables, which follow from them."""

    def __init__(self, folder: Path, contracts: Mapping[TableName, Contract]) -> None:
        """Hold `contracts`, which stand under `folder`."""
        self._folder = folder
        self._contracts = contracts
        self._quarantined = {table.quarantine: table for table in contracts}

    @classmethod
    def load(cls, folder: Path, formats: SourceFormats, cache: ContractCache | None = None) -> Contracts:
        """Read every contract under a folder; without the folder there are none.

        Args:
            folder: of the contracts.
            formats: of the files that tables are loaded from.
            cache: what was read before, of which only what changed is read again.

        Raises:
            ContractError: the first thing found that cannot be used, with its file and line.
        """
        reading = read_contracts(folder, formats, cache.known if cache else None)
        for fault in reading.faults:
            raise fault
        if cache:
            cache.keep(reading.known)
        return reading.contracts

    @cached_property
    def tables(self) -> tuple[TableName, ...]:
        """The tables that have a contract of their own, by name."""
        return tuple(sorted(self._contracts, key=lambda table: (table.namespace, table.name)))

    def get(self, table: TableName) -> Contract | None:
        """Return the contract of a table, or of the quarantine table of one; None when there is none."""
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
        contracts: those that can be used, but for what `faults` says of them.
        known: what is known of each of these, by the name of its table as text.
        faults: all that is wrong, by file; whether contracts fit each other is seen when the next one is asked for.
        broken: the tables whose contract cannot be used.
        files: the file of each table that was read now.
    """

    contracts: Contracts
    known: Mapping[str, Known]
    faults: Iterator[FileError]
    broken: frozenset[TableName]
    files: Mapping[TableName, ContractFile]


def read_contracts(folder: Path, formats: SourceFormats, known: Mapping[str, Known] | None = None) -> Reading:
    """Read every contract under a folder, to its end where one has faults, and see whether they fit each other.

    Args:
        folder: of the contracts; without it there are none.
        formats: of the files that tables are loaded from.
        known: contracts that were read before and agreed with each other, by the names of their tables. Of these, a
            file is read again only when its content is another, or what a contract says that it names.
    """
    reader = _Reader(folder, formats)
    for parts in contract_files(folder):
        reader.open(parts, known or {})
    reader.read(reader.files)
    reader.read_again()
    contracts = Contracts(folder, reader.contracts)
    return Reading(contracts, reader.named(), reader.all_faults(), frozenset(reader.broken), reader.files)


class _Lazily(Mapping["TableName", "Contract"]):
    """The contracts of a folder by table, each put together when it is first wanted."""

    def __init__(self, folder: Path, formats: SourceFormats, known: Mapping[TableName, Known]) -> None:
        self._folder = folder
        self._formats = formats
        self._known = known

    def __getitem__(self, table: TableName) -> Contract:
        return self._known[table].contract(table, contract_path(self._folder, table), self._formats)

    def __contains__(self, table: object) -> bool:
        return table in self._known

    def __iter__(self) -> Iterator[TableName]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


class _Reader:
    """Reads the files of a folder.

    Attributes:
        faults: what is wrong with files that could not be opened, or belong nowhere.
        files: those that were read.
        found: what is known of each contract, from its file or from before.
        contracts: the contracts of these.
        broken: the tables of contracts that cannot be used.
    """

    def __init__(self, folder: Path, formats: SourceFormats) -> None:
        self._folder = folder
        self._formats = formats
        self.faults: list[FileError] = []
        self.files: dict[TableName, ContractFile] = {}
        self.found: dict[TableName, Known] = {}
        self.contracts = _Lazily(folder, formats, self.found)
        self.broken: set[TableName] = set()

    def open(self, parts: tuple[str, ...], known: Mapping[str, Known]) -> None:
        """Open a file, or take its contract from those that are known."""
        try:
            table = table_of(self._folder, parts)
            before = known.get(str(table))
            if before is not None and before.content == content_of(os.path.join(self._folder, *parts)):  # noqa: PTH118
                self.found[table] = before
            else:
                self.broken.add(table)
                self.files[table] = ContractFile(self._folder.joinpath(*parts))
        except FileError as error:
            self.faults.append(error)

    def read(self, tables: Iterable[TableName]) -> None:
        """Read contracts from files that are open."""
        for table in tables:
            file = self.files[table]
            with file.going_on():
                self.found[table] = Known.of(read_contract(file, table, self._formats), file.content)
                self.broken.remove(table)

    def read_again(self) -> None:
        """Read contracts that are known, but fitted others than those that are there now."""
        named = self.named()
        kept = ((table, each) for table, each in self.found.items() if table not in self.files)
        again = [table for table, each in kept if each.names and each.agrees != agreement(each, named)]
        for table in again:
            del self.found[table]
            self.open((table.layer, f"{table.name}{SUFFIX}"), {})
        self.read(table for table in again if table in self.files)

    def named(self) -> dict[str, Known]:
        """Return what is known of each contract by the name of its table as text."""
        return {str(table): each for table, each in self.found.items()}

    def all_faults(self) -> Iterator[FileError]:
        """Yield all that is wrong, by file."""
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
