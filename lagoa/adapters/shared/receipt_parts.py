"""The parts that receipts consist of, each kept once under the hash of its content, whatever keeps them.

A receipt names groups of tables, a group names the results of its tables: what did not change since the receipt before
is named again, and not written again.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from lagoa.domain.cache import Cache
from lagoa.domain.checks import CheckResult
from lagoa.domain.results import Basis, TableResults

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from lagoa.domain.results import Group, Results

_KEPT = 512
"""How many groups, and how many results of tables, are kept in memory besides those in use."""

_RESULT = tuple(each.name for each in fields(CheckResult) if each.name != "reused")


class Parts:
    """The parts of one store; those last used are kept in memory. Threads may share one.

    Args:
        read: returns the documents of parts by their digests; raises `ValueError` if one is missing or another.
    """

    def __init__(self, read: Callable[[Collection[str]], Mapping[str, str]]) -> None:
        self._read = read
        self._groups: Cache[str, Mapping[str, TableResults]] = Cache(_KEPT)
        self._results: Cache[str, tuple[CheckResult, ...]] = Cache(_KEPT)

    def tables(self, digests: Collection[str]) -> Mapping[str, Mapping[str, TableResults]]:
        """Return the tables of each group."""
        found = {digest: each for digest in digests if (each := self._groups.get(digest)) is not None}
        missing = [digest for digest in digests if digest not in found]
        for digest, document in (self._read(missing) if missing else {}).items():
            found[digest] = {
                table: TableResults.stored(
                    table,
                    each["results"],
                    self,
                    contract=each.get("contract", ""),
                    outcomes=each["outcomes"],
                    basis=_basis(each.get("basis")),
                )
                for table, each in json.loads(document).items()
            }
            self._groups.keep(digest, found[digest])
        return found

    def results(self, digests: Collection[str]) -> Mapping[str, tuple[CheckResult, ...]]:
        """Return the results of each table."""
        found = {digest: each for digest in digests if (each := self._results.get(digest)) is not None}
        missing = [digest for digest in digests if digest not in found]
        for digest, document in (self._read(missing) if missing else {}).items():
            found[digest] = tuple(CheckResult(**each, reused=True) for each in json.loads(document))
            self._results.keep(digest, found[digest])
        return found

    def keep(self, results: Results) -> None:
        """Keep the groups of results that were just stored."""
        for group in results.groups.values():
            if self._groups.get(group.digest) is None and group.is_open:
                self._groups.keep(group.digest, group.tables)


class Inventory:
    """The parts that a store has, each looked at once: whether those of a receipt are there, and what they were."""

    def __init__(self) -> None:
        self._names: dict[str, Collection[str]] = {}
        self._whole: set[str] = set()

    def add(self, digest: str, document: str) -> None:
        """Look at a part; raises `ValueError`, `TypeError` or `KeyError` if it is not what was kept."""
        if hash_of(document) != digest:
            raise ValueError(f"its part {digest[:12]} was changed")
        found = json.loads(document)
        self._names[digest] = [each["results"] for each in found.values()] if isinstance(found, dict) else ()

    def require(self, results: Results) -> None:
        """Raise `ValueError` unless all parts of the results of a receipt are there."""
        for digest in {group.digest for group in results.groups.values() if group.digest} - self._whole:
            for each in (digest, *self._names.get(digest, ())):
                if each not in self._names:
                    raise ValueError(f"its part {each[:12]} is missing")
            self._whole.add(digest)


def write_results(results: Results) -> dict[str, Any]:
    """Return what a receipt has of its results."""
    for group in results.groups.values():
        digest_of(group)
    return results.references


def new_parts(results: Results, known: Callable[[Collection[str]], Collection[str]]) -> dict[str, str]:
    """Return the documents of the parts that a store does not have, by their digests.

    Args:
        results: of a receipt.
        known: returns which of some parts the store has; one that has a group has all that it names.
    """
    groups = {digest_of(group): group for group in results.groups.values()}
    had = known(groups)
    found = {digest: _group_document(group) for digest, group in groups.items() if digest not in had}
    tables = [table for digest in found for table in groups[digest].tables.values()]
    had = known([_digest_of_table(table) for table in tables]) if tables else ()
    return found | {table.digest: _table_document(table) for table in tables if table.digest not in had}


def hash_of(document: str) -> str:
    """Return the digest of a part."""
    return hashlib.sha256(document.encode()).hexdigest()


def digest_of(group: Group) -> str:
    """Return the digest of a group."""
    if not group.digest:
        group.digest = hash_of(_group_document(group))
    return group.digest


def _digest_of_table(table: TableResults) -> str:
    if not table.digest:
        table.digest = hash_of(_table_document(table))
    return table.digest


def _group_document(group: Group) -> str:
    return _to_json({name: _entry(table) for name, table in sorted(group.tables.items())})


def _entry(table: TableResults) -> dict[str, Any]:
    entry: dict[str, Any] = {"results": _digest_of_table(table), "outcomes": dict(table.outcomes)}
    if table.contract:
        entry["contract"] = table.contract
    if table.basis is not None:
        basis = table.basis
        entry["basis"] = [basis.key, list(basis.reads), basis.compares, list(basis.clock)]
    return entry


def _table_document(table: TableResults) -> str:
    return _to_json([{name: getattr(each, name) for name in _RESULT} for each in table.results])


def _basis(found: list[Any] | None) -> Basis | None:
    if found is None:
        return None
    key, reads, compares, clock = found
    return Basis(key, tuple(reads), compares, tuple(clock))


def _to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
