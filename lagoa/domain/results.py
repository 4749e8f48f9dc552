"""The results of an audit, kept by table: audits in a row share those of the tables that did not change."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol, overload

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from lagoa.domain.checks import CheckResult, Outcome

_GROUPS = 64
"""Tables are kept in so many groups: an audit in which one table changed makes one group anew."""


@dataclass(frozen=True, slots=True)
class Basis:
    """What the results of a table depend on: while it is the same, they need not be found again.

    Attributes:
        key: hash of all of it.
        reads: names of the other tables that the checks read, or would read if they were there.
        compares: whether a check compares the table with main's.
        clock: formats of the time, one for each unit after which a result is out of date.
    """

    key: str
    reads: tuple[str, ...] = ()
    compares: bool = False
    clock: tuple[str, ...] = ()


class StoredParts(Protocol):
    """Reads what a store keeps of results, by the digests of the parts."""

    def tables(self, digests: Collection[str]) -> Mapping[str, Mapping[str, TableResults]]:
        """Return the tables of each group."""

    def results(self, digests: Collection[str]) -> Mapping[str, tuple[CheckResult, ...]]:
        """Return the results of each table."""


class TableResults:
    """The results of all checks of one table. They do not change; those of a store are read when they are needed.

    Attributes:
        table: its name, as text.
        contract: hash of the contract that was checked; empty if there is none.
        outcomes: number of results by outcome.
        basis: what they depend on; None if they must be found again.
        digest: by which stores keep them; empty until one does.
    """

    __slots__ = ("_parts", "_results", "basis", "contract", "digest", "outcomes", "table")

    def __init__(
        self, table: str, results: Sequence[CheckResult], contract: str = "", basis: Basis | None = None
    ) -> None:
        self.table = table
        self.contract = contract
        self.outcomes: Mapping[Outcome, int] = Counter(each.outcome for each in results)
        self.basis = basis
        self.digest = ""
        self._results: tuple[CheckResult, ...] | None = tuple(replace(each, reused=True) for each in results)
        self._parts: StoredParts | None = None

    @classmethod
    def stored(
        cls,
        table: str,
        digest: str,
        parts: StoredParts,
        *,
        contract: str,
        outcomes: Mapping[Outcome, int],
        basis: Basis | None,
    ) -> TableResults:
        """Return what a store keeps under a digest."""
        found = cls(table, (), contract, basis)
        found.outcomes, found.digest, found._parts, found._results = outcomes, digest, parts, None
        return found

    @property
    def results(self) -> tuple[CheckResult, ...]:
        """The results, each marked as reused: whether it was is known by the audit."""
        if self._results is None:
            read_all([self])
        assert self._results is not None  # noqa: S101 - read right above
        return self._results

    def is_same(self, other: TableResults | None) -> bool:
        """Return whether the other one is known to be equal, without reading anything."""
        return self is other or (other is not None and bool(self.digest) and self.digest == other.digest)


def read_all(tables: Iterable[TableResults]) -> None:
    """Read the results of some tables at once."""
    waiting = [each for each in tables if each._results is None]
    if waiting:
        parts = waiting[0]._parts
        assert parts is not None  # noqa: S101 - those without results were stored
        found = parts.results([each.digest for each in waiting])
        for each in waiting:
            each._results = found[each.digest]


class Group:
    """Some tables of an audit, those whose names have the same hash.

    Attributes:
        digest: by which stores keep it; empty until one does.
    """

    __slots__ = ("_parts", "_tables", "digest")

    def __init__(
        self, tables: Mapping[str, TableResults] | None, digest: str = "", parts: StoredParts | None = None
    ) -> None:
        self.digest = digest
        self._tables = tables
        self._parts = parts

    @property
    def is_open(self) -> bool:
        """Whether it is known, without reading anything, which tables it has."""
        return self._tables is not None

    @property
    def tables(self) -> Mapping[str, TableResults]:
        """The tables by name."""
        if self._tables is None:
            open_all([self])
        assert self._tables is not None  # noqa: S101 - read right above
        return self._tables

    def is_same(self, other: Group | None) -> bool:
        """Return whether the other one is known to be equal, without reading anything."""
        return self is other or (other is not None and bool(self.digest) and self.digest == other.digest)


def open_all(groups: Iterable[Group]) -> None:
    """Read which tables some groups have, at once."""
    waiting = [each for each in groups if each._tables is None]
    if waiting:
        parts = waiting[0]._parts
        assert parts is not None  # noqa: S101 - those without tables were stored
        found = parts.tables([each.digest for each in waiting])
        for each in waiting:
            each._tables = found[each.digest]


class Results(Sequence["CheckResult"]):
    """The results of an audit, in the order of the ids of their checks.

    Attributes:
        groups: the tables in groups, by the number of the group.
        ran: ids of the checks that the audit ran; the other results are of earlier audits.
        outcomes: number of results by outcome.
    """

    def __init__(self, groups: Mapping[int, Group], ran: frozenset[str], outcomes: Mapping[Outcome, int]) -> None:
        self.groups = groups
        self.ran = ran
        self.outcomes = outcomes
        self._all: tuple[CheckResult, ...] | None = None

    @classmethod
    def of(cls, results: Iterable[CheckResult]) -> Results:
        """Return results that come one by one."""
        by_table: dict[str, list[CheckResult]] = {}
        for each in results:
            by_table.setdefault(each.table, []).append(each)
        ran = frozenset(each.check for found in by_table.values() for each in found if not each.reused)
        return NONE.changed((TableResults(table, found) for table, found in by_table.items()), (), ran)

    def changed(self, tables: Iterable[TableResults], gone: Iterable[str], ran: frozenset[str]) -> Results:
        """Return these results with those of some tables replaced, and of others left out.

        Args:
            tables: those that are new or replaced.
            gone: names of the tables that are left out.
            ran: ids of the checks that ran.
        """
        changes: dict[int, dict[str, TableResults | None]] = {}
        for name in gone:
            changes.setdefault(group_of(name), {})[name] = None
        for each in tables:
            changes.setdefault(group_of(each.table), {})[each.table] = each
        groups, outcomes = dict(self.groups), Counter(self.outcomes)
        for number, replaced in changes.items():
            left = dict(groups[number].tables) if number in groups else {}
            for name, table in replaced.items():
                before = left.pop(name, None)
                outcomes.subtract(before.outcomes if before else {})
                if table is not None:
                    left[name] = table
                    outcomes.update(table.outcomes)
            if left:
                groups[number] = Group(left)
            else:
                groups.pop(number, None)
        return Results(groups, ran, +outcomes)

    @classmethod
    def stored(cls, found: Mapping[str, Any], parts: StoredParts) -> Results:
        """Return the results that `references` named."""
        groups = {int(number): Group(None, digest, parts) for number, digest in found["groups"].items()}
        return cls(groups, frozenset(found["ran"]), found["outcomes"])

    @property
    def references(self) -> dict[str, Any]:
        """The digests of the groups, by which a store that keeps all of them has these results."""
        return {
            "groups": {str(number): group.digest for number, group in sorted(self.groups.items())},
            "outcomes": dict(self.outcomes),
            "ran": sorted(self.ran),
        }

    @property
    def is_stored(self) -> bool:
        """Whether a store keeps all of them."""
        return all(group.digest for group in self.groups.values())

    def tables(self) -> Iterator[TableResults]:
        """Yield the tables, in no order."""
        open_all(self.groups.values())
        return chain.from_iterable(each.tables.values() for each in self.groups.values())

    def table(self, name: str) -> TableResults | None:
        """Return the results of a table; None if it was not audited."""
        group = self.groups.get(group_of(name))
        return group.tables.get(name) if group else None

    def find(self, check: str) -> CheckResult | None:
        """Return the result of a check; None if the audit has none."""
        table = self.table(check.partition("/")[0])
        found = next((each for each in (table.results if table else self) if each.check == check), None)
        return replace(found, reused=False) if found and check in self.ran else found

    def differing(self, other: Results) -> list[str]:
        """Return the names of the tables whose results may not be the same, by name."""
        found: list[str] = []
        for number in self.groups.keys() | other.groups.keys():
            ours, theirs = self.groups.get(number), other.groups.get(number)
            if ours and ours.is_same(theirs):
                continue
            left, right = (each.tables if each else {} for each in (ours, theirs))
            names = left.keys() | right.keys()
            found += (name for name in names if name not in left or not left[name].is_same(right.get(name)))
        return sorted(found)

    def having(self, outcomes: Collection[Outcome]) -> tuple[CheckResult, ...]:
        """Return the results with one of some outcomes; of tables without any nothing is read."""
        if not any(self.outcomes.get(each) for each in outcomes):
            return ()
        return tuple(self._of(lambda table: any(table.outcomes.get(each) for each in outcomes), outcomes))

    def _of(
        self, wanted: Callable[[TableResults], bool], outcomes: Collection[Outcome] | None = None
    ) -> Iterator[CheckResult]:
        tables = sorted(filter(wanted, self.tables()), key=lambda each: f"{each.table}/")
        read_all(tables)
        for each in chain.from_iterable(table.results for table in tables):
            if outcomes is None or each.outcome in outcomes:
                yield replace(each, reused=False) if each.check in self.ran else each

    def __len__(self) -> int:
        return sum(self.outcomes.values())

    def __iter__(self) -> Iterator[CheckResult]:
        return iter(self._whole())

    @overload
    def __getitem__(self, index: int) -> CheckResult: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[CheckResult, ...]: ...
    def __getitem__(self, index: int | slice) -> CheckResult | tuple[CheckResult, ...]:
        return self._whole()[index]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and self._whole() == tuple(other)

    def __hash__(self) -> int:
        return hash(self._whole())

    def __repr__(self) -> str:
        return f"<Results of {len(self)} checks>"

    def __reduce__(self) -> tuple[Callable[[tuple[CheckResult, ...]], Results], tuple[tuple[CheckResult, ...]]]:
        """Return all of them for a pickle or a copy: what reads the others stays in this process."""
        return Results.of, (self._whole(),)

    def _whole(self) -> tuple[CheckResult, ...]:
        if self._all is None:
            self._all = tuple(self._of(lambda _: True))
        return self._all


NONE = Results({}, frozenset(), {})
"""Those of an audit of no table."""


class ContractsOf(Mapping[str, str]):
    """The hash of the contract of each table in the results of an audit, without those that have none."""

    def __init__(self, results: Results) -> None:
        self._results = results
        self._found: dict[str, str] | None = None

    def _all(self) -> dict[str, str]:
        if self._found is None:
            tables = sorted(self._results.tables(), key=lambda each: each.table)
            self._found = {each.table: each.contract for each in tables if each.contract}
        return self._found

    def __getitem__(self, table: str) -> str:
        return self._all()[table]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __reduce__(self) -> tuple[type[dict[str, str]], tuple[dict[str, str]]]:
        """Return a plain copy, as for `Results`."""
        return dict, (self._all(),)


def group_of(table: str) -> int:
    """Return the number of the group of a table."""
    return zlib.crc32(table.encode()) % _GROUPS
