"""Caches contracts, so that an unchanged file is not read again."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from lagoa.contracts.documents import from_document, to_document
from lagoa.contracts.increments import increment_inputs
from lagoa.contracts.places import contract_path
from lagoa.contracts.sources import Source
from lagoa.domain.cache_file import CacheFile, code_version

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lagoa.contracts.contract import Contract
    from lagoa.contracts.sources import SourceFormats
    from lagoa.domain.tables import TableName

_READ_BY = ("open-data-contract-standard", "pydantic", "pyyaml")


class Known:
    """A contract that was read from a file with a certain content; it is decoded on first access.

    Attributes:
        content: SHA-256 of the file.
        hash: hash of the contract.
        names: the other tables that it refers to, as text.
        agrees: `agreement` of the contracts that it is consistent with; empty if it was not compared.
    """

    __slots__ = ("_contract", "_document", "agrees", "content", "hash", "names")

    def __init__(self, content: str, said: str, names: tuple[str, ...], agrees: str = "") -> None:
        self.content = content
        self.hash = said
        self.names = names
        self.agrees = agrees
        self._contract: Contract | None = None
        self._document = ""

    @classmethod
    def of(cls, contract: Contract, content: str) -> Known:
        """Return the entry of a contract that was just read."""
        named = {column.references[0] for column in contract.columns if column.references}
        inputs = increment_inputs(contract.incremental) if contract.incremental else {}
        known = cls(content, contract.hash, tuple(sorted(map(str, {*named, *inputs}))))
        known._contract = contract
        return known

    @classmethod
    def from_text(cls, text: str) -> Known:
        """Return the entry that `text` encoded."""
        content, said, agrees, names, document = text.split("\t", 4)
        known = cls(content, said, tuple(names.split(",")) if names else (), agrees)
        known._document = document
        return known

    @property
    def text(self) -> str:
        """The entry as one line."""
        if not self._document and self._contract is not None:
            self._document = to_document(self._contract)
        return "\t".join((self.content, self.hash, self.agrees, ",".join(self.names), self._document))

    def contract(self, table: TableName, folder: Path, formats: SourceFormats) -> Contract:
        """Return the contract. In one lake, an entry always has the same table and folder."""
        if self._contract is None:
            self._contract = from_document(self._document, table, contract_path(folder, table), formats)
        return self._contract

    def may_say(self, field: str) -> bool:
        """Return whether the contract says something in a field; True, too, if another text in it looks like it."""
        if self._contract is None:
            return f'"{field}":' in self._document
        return bool(getattr(self._contract, field))


class ContractCache:
    """The contracts of one lake as they were last read, in memory and in a file.

    Args:
        file: the file for the next process.
        formats: the formats of the files that tables are loaded from.

    Attributes:
        known: the entries, by the names of their tables as text.
    """

    def __init__(self, file: Path, formats: SourceFormats) -> None:
        options = (kind for each in formats.values() for kind in each.options.__mro__ if issubclass(kind, Source))
        modules = {kind.__module__ for kind in options}
        self._file = CacheFile(file, code_version(("lagoa.contracts", *sorted(modules)), _READ_BY))
        self.known = {name: Known.from_text(text) for name, text in self._file.read().items()}

    def keep(self, found: Mapping[str, Known]) -> None:
        """Replace the entries by those of contracts that are consistent with each other."""
        if found.keys() != self.known.keys() or any(self.known[name] is not each for name, each in found.items()):
            self._file.write({name: each.text for name, each in found.items()})
        self.known = dict(found)


def agreement(known: Known, others: Mapping[str, Known]) -> str:
    """Return a hash of the contracts that a contract refers to."""
    said = (f"{name} {others[name].hash if name in others else ''}" for name in known.names)
    return hashlib.sha256("\n".join(said).encode()).hexdigest()
