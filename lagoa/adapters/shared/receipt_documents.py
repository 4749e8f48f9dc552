"""The form that receipts and results of checks are kept in, whatever keeps them."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lagoa.domain.approvals import Approval
from lagoa.domain.checks import AuditReport, CheckResult
from lagoa.domain.receipts import Receipt

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_RESULTS = 200_000
"""Results kept for use by later audits; the oldest go first."""


def write_receipt(receipt: Receipt) -> str:
    """Return the document of a receipt."""
    return _to_json(receipt)


def read_receipt(document: str) -> Receipt:
    """Return the receipt that a document holds."""
    found = json.loads(document)
    report = found.pop("report")
    report["results"] = tuple(CheckResult(**result) for result in report["results"])
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


def write_results(results: Sequence[CheckResult]) -> dict[str, str]:
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
    # Not `asdict`, which copies every value within: for some hundred results that is what a publication would wait for.
    return {each.name: getattr(value, each.name) for each in fields(value)}
