"""Which checks must come back for a state: those that follow from the contracts, and those of the check files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.audit.kinds import KINDS
from lagoa.audit.kinds.soda import Soda
from lagoa.audit.kinds.uncontracted import Uncontracted
from lagoa.domain.tables import TableName
from lagoa.errors import CheckError, InvalidName

if TYPE_CHECKING:
    from collections.abc import Collection

    from lagoa.audit.check import Check
    from lagoa.context import LakeContext
    from lagoa.contracts.contract import Contract
    from lagoa.domain.ports.catalog import Pointers

_made: dict[tuple[TableName, str, str, bool], list[Check]] = {}
"""Checks by contract: one run of a lake audits table by table, then whole, then publishes."""


def expected_checks(
    context: LakeContext, pointers: Pointers, tables: frozenset[TableName] | None = None
) -> list[Check]:
    """Return every check that must come back for a state, by id; for some tables only when `tables` is given.

    Raises:
        CheckError: a check file that cannot be run.
    """
    present = frozenset(pointers)
    if tables is None:
        _refuse_strays(context)
    checks: list[Check] = []
    for table in sorted(present if tables is None else present & tables):
        contract = context.contracts.get(table)
        if contract is None:
            checks.append(Uncontracted.of_table(table))
            continue
        checks += contract_checks(contract, present)
        checks += _of_check_file(context, contract)
    return sorted(checks, key=lambda check: check.id)


def contract_checks(contract: Contract, tables: Collection[TableName]) -> list[Check]:
    """Return the checks of every kind that follow from a contract, given which tables are there."""
    has_quarantine = contract.table.quarantine in tables
    # What a quarantine must be, and so its hash, follows from no word of the owner's contract, but its owner does.
    key = (contract.table, contract.hash, contract.owner, has_quarantine)
    if key not in _made:
        _made[key] = [check for kind in KINDS for check in kind.of(contract, has_quarantine=has_quarantine)]
    return list(_made[key])


def _of_check_file(context: LakeContext, contract: Contract) -> list[Soda]:
    table = contract.table
    path = context.settings.checks_folder / table.layer / f"{table.name}.yaml"
    if not path.is_file():
        return []
    return Soda.of_file(context.auditor.read(table, path), contract, context.engine)


def _refuse_strays(context: LakeContext) -> None:
    """Refuse check files that no table reads, such as one with a misspelt name: their checks would never run."""
    folder = context.settings.checks_folder
    for path in sorted(folder.glob("**/*.y*ml")):
        name = ".".join(path.relative_to(folder).with_suffix("").parts)
        try:
            known = TableName.parse(name) in context.contracts and path.suffix == ".yaml"
        except InvalidName:
            known = False
        if not known:
            advice = "Check files are soda/<layer>/<table>.yaml."
            raise CheckError(path, None, f"there is no contract of a table {name}.", advice)
