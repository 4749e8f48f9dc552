"""What an audit does not look at again: the tables of which nothing changed that their results depend on.

A lake's tables may be thousands, and one of them changes: an audit costs what that one costs. The results of the others
are those of the audit before in this process, or of the receipt of main's head.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from lagoa.audit.check_files import check_files
from lagoa.audit.kinds import KINDS
from lagoa.audit.state import FORMAT
from lagoa.domain.cache_file import code_version
from lagoa.domain.results import NONE, Basis, Results, TableResults
from lagoa.domain.tables import TableName

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from lagoa.audit.check import Check
    from lagoa.audit.check_files import CheckFiles
    from lagoa.audit.state import State
    from lagoa.context import LakeContext
    from lagoa.contracts import Contracts
    from lagoa.domain.checks import CheckResult
    from lagoa.domain.ports.catalog import Pointers

_T = TypeVar("_T")


@dataclass(frozen=True)
class Definitions:
    """What says which checks there are.

    Attributes:
        by: hash of the code and the versions of what runs them.
        tables: for each table hashes of its contract and its check file.
    """

    by: str
    tables: Mapping[TableName, str]


@dataclass(frozen=True)
class Audited:
    """A state that was audited.

    Attributes:
        definitions: the checks.
        pointers: of each table.
        base: main's pointers then.
        now: the time (UTC).
        results: what was found.
        delicate: the tables whose results depend on more than their own pointer, and on what; None if they were not
            evaluated.
    """

    definitions: Definitions
    pointers: Pointers
    base: Pointers
    now: datetime
    results: Results
    delicate: Mapping[TableName, Basis | None]


@dataclass(frozen=True)
class Due:
    """What an audit has to look at.

    Attributes:
        tables: the tables to check.
        gone: names of tables that were audited before and are not there any more.
        results: of the audit before: those of the other tables are used again.
        delicate: those of it.
    """

    tables: frozenset[TableName]
    gone: Sequence[str]
    results: Results
    delicate: Mapping[TableName, Basis | None]


def definitions_of(context: LakeContext) -> Definitions:
    """Return the definitions of a lake's checks now; raises `CheckError` for a check file that belongs to no table."""
    files = check_files(context)
    by = _version(context, files)
    last: tuple[CheckFiles, Definitions] | None = context.cache.get(("definitions",))
    if last and last[0] is files and last[1].by == by:
        return last[1]
    found = Definitions(by, _definitions(context.contracts, files))
    context.cache.keep(("definitions",), (files, found))
    return found


def _definitions(contracts: Contracts, files: CheckFiles) -> dict[TableName, str]:
    found = {table: f"{content} {files.contents.get(table, '')}" for table, content in contracts.contents.items()}
    return found | {bad: f"quarantine of {found[table]}" for bad, table in contracts.quarantines.items()}


def _version(context: LakeContext, files: CheckFiles) -> str:
    folders = {kind.__module__.rpartition(".")[0] or kind.__module__ for kind in KINDS}
    code = code_version(tuple(sorted({"lagoa.audit", "lagoa.audit.bases", "lagoa.contracts", *folders})), ())
    auditor = context.auditor.version if files.contents else ""
    kinds = [f"{kind.__module__}.{kind.__qualname__}" for kind in KINDS]
    return _hash([FORMAT, code, kinds, context.engine.version, auditor])


def due(state: State, base: str, definitions: Definitions) -> Due:
    """Return what has to be checked at a state.

    Args:
        state: the state.
        base: id of main's commit.
        definitions: the checks.
    """
    last: Audited | None = state.context.cache.get(("audited",))
    if last is not None and last.definitions.by == definitions.by:
        return _due_since(state, last, definitions)
    receipt = state.context.receipts.audited(base)
    return _due_by_keys(state, receipt.report.by_table if receipt else NONE, definitions)


def _due_since(state: State, last: Audited, definitions: Definitions) -> Due:
    """Return what changed since an audit of this process."""
    touched = _changed(last.pointers, state.pointers)
    touched |= _changed(last.definitions.tables, definitions.tables)
    moved, names = _changed(last.base, state.base), {str(table) for table in touched}
    tables = {table for table in touched if table in state.pointers}
    for table, basis in last.delicate.items():
        if table in state.pointers and (
            basis is None
            or not names.isdisjoint(basis.reads)
            or (basis.compares and table in moved)
            or any(last.now.strftime(each) != state.now.strftime(each) for each in basis.clock)
        ):
            tables.add(table)
    gone = [str(table) for table in touched if table in last.pointers and table not in state.pointers]
    delicate = {table: basis for table, basis in last.delicate.items() if table not in touched}
    return Due(frozenset(tables), gone, last.results, delicate)


def _due_by_keys(state: State, results: Results, definitions: Definitions) -> Due:
    """Return what the results of a receipt do not say."""
    tables, delicate, names = set[TableName](), dict[TableName, Basis | None](), set[str]()
    for table in state.pointers:
        name = str(table)
        names.add(name)
        known = results.table(name)
        basis = known.basis if known else None
        if basis is None or basis.key != _key(state, table, basis, definitions):
            tables.add(table)
        elif basis.reads or basis.compares or basis.clock:
            delicate[table] = basis
    gone = [each.table for each in results.tables() if each.table not in names]
    return Due(frozenset(tables), gone, results, delicate)


def put_together(
    state: State, due: Due, definitions: Definitions, checks: Iterable[Check], results: Iterable[CheckResult]
) -> Results:
    """Return the results of an audit, and keep them for the next one.

    Args:
        state: the audited state.
        due: what was to be checked.
        definitions: the checks of all tables.
        checks: those of the tables that were due.
        results: theirs.
    """
    found: dict[TableName, tuple[list[Check], list[CheckResult]]] = {table: ([], []) for table in due.tables}
    for check, result in zip(checks, results, strict=True):
        found[check.table][0].append(check)
        found[check.table][1].append(result)
    delicate = dict(due.delicate)
    changed: list[TableResults] = []
    for table, (its_checks, its_results) in found.items():
        basis = _basis(state, table, its_checks, its_results, definitions)
        contract = its_checks[0].contract
        changed.append(TableResults(str(table), its_results, contract.hash if contract else "", basis))
        delicate.pop(table, None)
        if basis is None or basis.reads or basis.compares or basis.clock:
            delicate[table] = basis
    ran = frozenset(each.check for _, its in found.values() for each in its if not each.reused)
    whole = due.results.changed(changed, due.gone, ran)
    state.context.cache.keep(("audited",), Audited(definitions, state.pointers, state.base, state.now, whole, delicate))
    return whole


def _basis(
    state: State, table: TableName, checks: Sequence[Check], results: Sequence[CheckResult], definitions: Definitions
) -> Basis | None:
    if any(each.outcome == "not evaluated" for each in results):
        return None
    reads = {str(each) for check in checks for each in check.reads if each != table}
    contract = checks[0].contract
    if contract is not None and contract.source is not None:
        reads.add(str(table.quarantine))  # checks of it come with it
    basis = Basis(
        "",
        tuple(sorted(reads)),
        compares=any(check.compares for check in checks),
        clock=tuple(sorted({check.clock for check in checks if check.clock})),
    )
    return replace(basis, key=_key(state, table, basis, definitions))


def _key(state: State, table: TableName, basis: Basis, definitions: Definitions) -> str:
    """Return the hash of all that the results of a table depend on."""
    return _hash(
        [
            definitions.by,
            str(table),
            definitions.tables.get(table),
            state.pointers.get(table),
            [[each, state.pointers.get(TableName.of_text(each))] for each in basis.reads],
            state.base.get(table) if basis.compares else None,
            [state.now.strftime(each) for each in basis.clock],
        ]
    )


def _hash(parts: list[object]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _changed(before: Mapping[TableName, _T], after: Mapping[TableName, _T]) -> set[TableName]:
    """Return the tables that are new, gone, or have another value."""
    if before is after:
        return set()
    found = {table for table, value in after.items() if before.get(table) != value}
    new = sum(table not in before for table in found)
    if len(before) > len(after) - new:
        found |= {table for table in before if table not in after}
    return found
