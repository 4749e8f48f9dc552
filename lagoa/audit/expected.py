"""The checks that a state must pass: those that follow from the contracts, and those of the check files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.audit.check_files import check_files
from lagoa.audit.kinds import KINDS
from lagoa.audit.kinds.soda import Soda
from lagoa.audit.kinds.uncontracted import Uncontracted

if TYPE_CHECKING:
    from collections.abc import Collection

    from lagoa.audit.check import Check
    from lagoa.context import LakeContext
    from lagoa.contracts.contract import Contract
    from lagoa.domain.ports.catalog import Pointers
    from lagoa.domain.tables import TableName


def expected_checks(
    context: LakeContext, pointers: Pointers, tables: frozenset[TableName] | None = None
) -> list[Check]:
    """Return every check that must have a result for a state, by id; only those of `tables` if given.

    Raises:
        CheckError: a check file that cannot be run.
    """
    if tables is None:
        check_files(context)  # those that belong to no table are refused
    present = pointers.keys()
    checks: list[Check] = []
    for table in sorted(present if tables is None else (table for table in tables if table in present)):
        contract = context.contracts.get(table)
        if contract is None:
            checks.append(Uncontracted.of_table(table))
            continue
        checks += _of_contract(context, contract, present)
        checks += _of_check_file(context, contract)
    return sorted(checks, key=lambda check: check.id)


def contract_checks(contract: Contract, tables: Collection[TableName]) -> list[Check]:
    """Return the checks of every kind that follow from a contract, given which tables exist."""
    has_quarantine = contract.table.quarantine in tables
    return [check for kind in KINDS for check in kind.of(contract, has_quarantine=has_quarantine)]


# A lake audits table by table, then all of it, then publishes: it keeps the checks that it has created.


def _of_contract(context: LakeContext, contract: Contract, tables: Collection[TableName]) -> list[Check]:
    # The contract of a quarantine, and so its hash, does not depend on the table's contract, but its owner does.
    key = ("contract", contract.table, contract.hash, contract.owner, contract.table.quarantine in tables)
    checks: list[Check] = context.cache.of(key, lambda: contract_checks(contract, tables))
    return checks


def _of_check_file(context: LakeContext, contract: Contract) -> list[Soda]:
    table = contract.table
    path = context.settings.checks_folder / table.layer / f"{table.name}.yaml"
    if not path.is_file():
        return []
    file = context.auditor.read(table, path)
    key = ("file", file.path, file.text, contract.hash, contract.owner)
    checks: list[Soda] = context.cache.of(key, lambda: Soda.of_file(file, contract, context.engine))
    return checks
