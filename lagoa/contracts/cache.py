"""Caches contracts, so that an unchanged file is not read again."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from lagoa.contracts.documents import from_document, to_document
from lagoa.contracts.increments import increment_inputs
from lagoa.contracts.places import content_of, contract_path
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
        stamp: `stamp_of` the file when it had that content; empty if it had none.
        hash: hash of the contract.
        names: the other tables that it refers to, as text.
        agrees: `agreement` of the contracts that it is consistent with; empty if it was not compared.
    """

    __slots__ = ("_contract", "_document", "agrees", "content", "hash", "names", "stamp")

    def __init__(self, content: str, stamp: str, said: str, names: tuple[str, ...], agrees: str = "") -> None:
        self.content = content
        self.stamp = stamp
        self.hash = said
        self.names = names
        self.agrees = agrees
        self._contract: Contract | None = None
        self._document = ""

    @classmethod
    def of(cls, contract: Contract, content: str, stamp: str) -> Known:
        """Return the entry of a contract that was just read."""
        named = {column.references[0] for column in contract.columns if column.references}
        inputs = increment_inputs(contract.incremental) if contract.incremental else {}
        known = cls(content, stamp, contract.hash, tuple(sorted(map(str, {*named, *inputs}))))
        known._contract = contract
        return known

    @classmethod
    def from_text(cls, text: str) -> Known:
        """Return the entry that `text` encoded."""
        content, stamp, said, agrees, names, document = text.split("\t", 5)
        known = cls(content, stamp, said, tuple(names.split(",")) if names else (), agrees)
        known._document = document
        return known

    @property
    def text(self) -> str:
        """The entry as one line."""
        if not self._document and self._contract is not None:
            self._document = to_document(self._contract)
        return "\t".join((self.content, self.stamp, self.hash, self.agrees, ",".join(self.names), self._document))

    def is_of(self, path: str, stamp: str) -> bool:
        """Return whether a file has this content; it is not read if it has the stamp that it had.

        Args:
            path: the file.
            stamp: of the file, taken now. It is kept if the content is the same.
        """
        if stamp and stamp == self.stamp:
            return True
        same = self.content == content_of(path)
        if same:
            self.stamp = stamp
        return same

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
        self._stamps = _stamps(self.known)

    def keep(self, found: Mapping[str, Known]) -> None:
        """Replace the entries by those of contracts that are consistent with each other."""
        stamps = _stamps(found)
        if stamps != self._stamps or any(self.known[name] is not each for name, each in found.items()):
            self._file.write({name: each.text for name, each in found.items()})
        self.known, self._stamps = dict(found), stamps


def _stamps(known: Mapping[str, Known]) -> dict[str, str]:
    return {name: each.stamp for name, each in known.items()}


def agreement(known: Known, others: Mapping[str, Known]) -> str:
    """Return a hash of the contracts that a contract refers to."""
    said = (f"{name} {others[name].hash if name in others else ''}" for name in known.names)
    return hashlib.sha256("\n".join(said).encode()).hexdigest()
