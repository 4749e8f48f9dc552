"""The checks of the state that would be published: their results, and how they differ from those of main."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.audit import run_checks
from lagoa.audit.expected import expected_checks
from lagoa.audit.loosened import loosened, tightened
from lagoa.audit.state import State
from lagoa.review.request.results import ReviewedChecks

if TYPE_CHECKING:
    from lagoa.context import LakeContext
    from lagoa.domain.ports.catalog import Pointers


def review_checks(context: LakeContext, after: Pointers, before: Pointers, base: str, *, audit: bool) -> ReviewedChecks:
    """Return the checks of a state.

    Results are kept by everything that they depend on: a publication of the same state uses them again.

    Args:
        context: the lake.
        after: the pointers of the state.
        before: those of main.
        base: id of main's commit.
        audit: run the checks that have no result yet; not done for a role that may not read the quarantine.
    """
    checks = expected_checks(context, after)
    state = State(context, after, before, context.clock())
    if audit and context.settings.sees_quarantine:
        results = run_checks(state, checks)
        unknown: list[str] = []
    else:
        known = context.receipts.results([state.key(check) for check in checks])
        results = [check.used_again(known[state.key(check)]) for check in checks if state.key(check) in known]
        unknown = [check.id for check in checks if state.key(check) not in known]
    receipt = context.receipts.of_commit(base)
    if receipt is None:
        return ReviewedChecks(tuple(results), tuple(unknown))
    defined = [check.not_evaluated(state, "") for check in checks]  # what is compared is what each requires
    renames = {
        str(contract.table): {former: column.name for column in contract.columns for former in column.former_names}
        for contract in context.contracts
    }
    was, tables = receipt.report.results, {str(table) for table in after}
    contracts = {str(table): contract.hash for table in after if (contract := context.contracts.get(table)) is not None}
    return ReviewedChecks(
        tuple(results),
        tuple(unknown),
        loosened(was, defined, tables, renames),
        tightened(was, defined, {str(table) for table in before}, renames),
        tuple(sorted(name for name, digest in contracts.items() if receipt.contracts.get(name, digest) != digest)),
    )
