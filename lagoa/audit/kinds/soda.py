"""`t/soda/…`: the checks in the check file of a table, run by Soda Core."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from lagoa.audit.check import SessionCheck
from lagoa.audit.on_engine import engine_rows
from lagoa.domain.tables import TableName
from lagoa.errors import CheckError, EngineTooOld, EngineUnavailable, LagoaError, QueryError

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping, Sequence
    from typing import Self

    from lagoa.audit.state import State
    from lagoa.contracts.contract import Contract
    from lagoa.domain.checks import CheckFile, CheckResult, FileCheck
    from lagoa.domain.ports.engine import SqlEngine, SqlSession

_UNITS = {"minute": "%Y-%m-%dT%H:%M", "hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d"}


@dataclass(frozen=True, kw_only=True)
class Soda(SessionCheck):
    """One check of a check file, which defines its figure and limit.

    Attributes:
        file: the check file.
        entry: the check in it.
        opened: all that any check of the file reads: it runs as a whole.
    """

    kind: ClassVar[str] = "soda"
    how: ClassVar[str] = "file"

    file: CheckFile
    entry: FileCheck
    opened: frozenset[TableName]

    @classmethod
    def of_file(cls, file: CheckFile, contract: Contract, engine: SqlEngine) -> list[Soda]:
        """Return the checks of the check file of a table.

        Raises:
            CheckError: SQL that is not a SELECT over tables of the lake.
        """
        reads = [tables_read(file, check, engine) for check in file.checks]
        opened = frozenset[TableName]().union(*reads)
        return [
            cls(
                table=file.table,
                about=check.id.removeprefix(f"{file.table}/{cls.kind}/"),
                contract=contract,
                others=others,
                severity=check.severity,
                definition=check.definition,
                threshold="",
                file=file,
                entry=check,
                opened=opened,
            )
            for check, others in zip(file.checks, reads, strict=True)
        ]

    @property
    def text(self) -> str:
        """The check's definition in the file."""
        return self.definition

    @property
    def clock(self) -> str:
        """The day, hour or minute where the check depends on the clock."""
        return _UNITS[self.entry.clock] if self.entry.clock else ""

    def runner(self, state: State) -> str:
        """Return the versions of the engine and of what runs check files in it."""
        return f"{super().runner(state)}, {state.context.auditor.version}"

    @property
    def part(self) -> None:
        """All check files: they run one by one."""
        return None

    @property
    def opens(self) -> frozenset[TableName]:
        """All tables that the file reads."""
        return self.opened

    @property
    def group(self) -> Hashable:
        """All check files."""
        return Soda

    @classmethod
    def measure(cls, checks: Sequence[Self], state: State, session: SqlSession) -> Iterator[CheckResult]:
        """Run the files, each as a whole; results of checks that are not among these are dropped."""
        due = {check.id: check for check in checks}
        files = {check.table: check.file for check in checks}
        try:
            ran = _run(list(files.values()), checks, state, session)
        except (EngineUnavailable, EngineTooOld):
            raise
        except LagoaError as error:
            yield from (check.not_evaluated(state, error.message) for check in checks)
            return
        yield from (due[each.check].completed(state, each) for each in ran if each.check in due)

    def completed(self, state: State, ran: CheckResult) -> CheckResult:
        """Return the result of a run, with what only this object knows."""
        return replace(self._signed(ran), key=state.key(self))

    @classmethod
    def weaker(cls, old: Any, new: Any) -> Iterator[str]:
        """Compare two definitions: the type of check, its body and its context, which is the column and the filter."""
        was, now = _flat(old[1].get("threshold") or {}), _flat(new[1].get("threshold") or {})
        rest = [[kind, _without_words(body), context] for kind, body, context in (old, new)]
        if rest[0] != rest[1] or was.keys() != now.keys():
            yield "changed"
            return
        for name in was:
            if was[name] == now[name]:
                continue
            rises = "less_than" in name
            numbers = all(type(each[name]) in {int, float} for each in (was, now))
            if not numbers or "not_between" in name or not (rises or "greater_than" in name):
                yield f"{name} changed from {was[name]} to {now[name]}"
            elif (now[name] > was[name]) is rises:
                yield f"{name} {now[name]} instead of {was[name]}"


def _run(files: Sequence[CheckFile], checks: Sequence[Soda], state: State, session: SqlSession) -> list[CheckResult]:
    """Run check files, with the help of another engine, if there is one, for those that read much."""
    auditor = state.context.auditor
    if state.context.open_model_engine is None:
        return list(auditor.run(files, session))
    opened = {check.table: check.opened for check in checks}
    results: list[CheckResult] = []
    for file in files:
        tables = {table: state.pointers[table] for table in opened[file.table] if table in state.pointers}
        with engine_rows(state.context, tables) as elsewhere:
            results += auditor.run([file], session, elsewhere)
    return results


def tables_read(file: CheckFile, check: FileCheck, engine: SqlEngine) -> frozenset[TableName]:
    """Return the tables that a check of a file reads: its own, those that it names, and those of its SQL.

    Raises:
        CheckError: SQL that is not a SELECT over tables of the lake.
    """
    reads = {file.table, *check.tables}
    for query in check.queries:
        try:
            reads |= engine.tables_read(query)
        except QueryError as error:
            name = check.id.rpartition("/")[2]
            raise CheckError(file.path, None, f"{name}: {error.message}", error.advice) from error
    return frozenset(reads)


def _flat(threshold: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in threshold.items():
        if isinstance(value, dict):
            found.update(_flat(value, f"{prefix}{name}."))
        elif name != "level":  # the severity, which is compared separately
            found[f"{prefix}{name}"] = value
    return found


def _without_words(body: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key not in {"name", "attributes", "threshold"}}
