"""The form that receipts and results of checks are kept in, whatever keeps them."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lagoa.adapters.shared.receipt_parts import write_results
from lagoa.domain.approvals import Approval
from lagoa.domain.checks import AuditReport, CheckResult
from lagoa.domain.receipts import Receipt
from lagoa.domain.results import ContractsOf, Results

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lagoa.adapters.shared.receipt_parts import Parts

MAX_RESULTS = 200_000
"""Results kept for use by later audits; the oldest go first."""


def write_receipt(receipt: Receipt) -> str:
    """Return the document of a receipt; `receipt_parts.new_parts` returns those of its parts."""
    return _to_json(receipt)


def read_receipt(document: str, parts: Parts) -> Receipt:
    """Return the receipt that a document holds.

    Args:
        document: of this version, or of one that kept all results in it.
        parts: reads its parts when they are needed.
    """
    found = json.loads(document)
    report = found.pop("report")
    if isinstance(report["results"], list):
        report["results"] = tuple(CheckResult(**result) for result in report["results"])
    else:
        report["results"] = Results.stored(report["results"], parts)
        found.setdefault("contracts", ContractsOf(report["results"]))
    report["started_at"] = datetime.fromisoformat(report["started_at"])
    found["prepared_at"] = datetime.fromisoformat(found["prepared_at"])
    for name in ("unseen", "loosened", "uncommitted"):  # the latter two are not in receipts of the first Lagoa
        found[name] = tuple(found.get(name, ()))
    found["approvals"] = tuple(map(_approval, found.get("approvals", ())))
    return Receipt(**found, report=AuditReport(**report))


def write_approval(approval: Approval) -> str:
    """Return the document of an approval."""
    return _to_json(approval)


def read_approval(document: str) -> Approval:
    """Return the approval that a document holds."""
    return _approval(json.loads(document))


def _approval(found: dict[str, Any]) -> Approval:
    return Approval(**{**found, "at": datetime.fromisoformat(found["at"])})


def write_each(results: Sequence[CheckResult]) -> dict[str, str]:
    """Return the document of each result by its key; one that was reused is kept as the original that it is."""
    return {each.key: _to_json(replace(each, reused=False)) for each in results}


def read_result(document: str) -> CheckResult:
    """Return the result that a document holds."""
    return CheckResult(**json.loads(document))


def first_digits(prefix: str) -> tuple[str, str]:
    """Return the bounds of the ids that begin with `prefix`: the first, and the one behind the last."""
    return prefix, f"{prefix}g"  # `g` comes behind every hexadecimal digit


def _to_json(value: Receipt | CheckResult | Approval) -> str:
    return json.dumps(value, default=_plain, ensure_ascii=False, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Results):
        return write_results(value)
    # Not `asdict`, which copies every value within. The contracts of results are in their parts.
    found = {each.name: getattr(value, each.name) for each in fields(value)}
    return {name: each for name, each in found.items() if not isinstance(each, ContractsOf)}
