"""The HTML report of an audit."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from lagoa.audit import failing_rows
from lagoa.audit.records import kept_audits
from lagoa.domain.notebooks import shown_value
from lagoa.errors import LagoaError
from lagoa.review.pages import page
from lagoa.review.pages.charts import Line
from lagoa.review.personal import masked, personal_columns

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from lagoa.audit.records import KeptAudit
    from lagoa.context import LakeContext
    from lagoa.domain.checks import CheckResult, Outcome

ROWS = 20
"""Failing rows that are shown for a check."""

PUBLICATIONS = 30
"""Publications that the history of a check covers."""

_ORDER: dict[Outcome, int] = {"failed": 0, "not evaluated": 1, "warned": 2, "passed": 3}


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows that a check is about.

    Attributes:
        columns: their names.
        rows: their values as text; None for a null.
        masked: names of the columns whose values are hidden.
        error: why there are no rows.
    """

    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str | None]] = ()
    masked: Collection[str] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class TableAudit:
    """One table's checks.

    Attributes:
        name: the table's name.
        owner: the team that owns it.
        contract: hash of its contract.
        results: blocking ones first, then warnings, then by id.
    """

    name: str
    owner: str
    contract: str
    results: Sequence[CheckResult]

    @property
    def outcomes(self) -> dict[Outcome, int]:
        """The number of checks by outcome, without outcomes that do not occur."""
        found = [each.outcome for each in self.results]
        return {outcome: found.count(outcome) for outcome in _ORDER if outcome in found}


def audit_page(context: LakeContext, kept: KeptAudit, *, personal: bool = False) -> str:
    """Return the report of a kept audit, as one HTML page.

    Args:
        context: the lake.
        kept: the audit.
        personal: show values of columns that contracts classify as personal.
    """
    report = kept.report
    bad = sorted((each for each in report.results if each.outcome != "passed"), key=_by_outcome)
    return page(
        "audit.html",
        lake=context.settings.name,
        kept=kept,
        receipt=kept.receipt,
        report=report,
        outcomes=TableAudit("", "", "", report.results).outcomes,
        reused=sum(1 for each in report.results if each.reused),
        tables=_tables(kept),
        bad=bad,
        failing={each.check: _rows(context, kept, each, personal=personal) for each in bad if each.samples_sql},
        lines=_lines(context, kept),
        shown=ROWS,
    )


def _tables(kept: KeptAudit) -> list[TableAudit]:
    by_table: dict[str, list[CheckResult]] = defaultdict(list)
    for result in kept.report.results:
        by_table[result.table].append(result)
    contracts = kept.receipt.contracts
    return [
        TableAudit(name, results[0].owner, contracts.get(name, ""), sorted(results, key=_by_outcome))
        for name, results in sorted(by_table.items())
    ]


def _by_outcome(result: CheckResult) -> tuple[int, str]:
    return _ORDER[result.outcome], result.check


def _lines(context: LakeContext, kept: KeptAudit) -> Mapping[str, Line]:
    """Return the figures of each check over the publications up to this audit."""
    before = (each for each in kept_audits(context) if each.receipt.prepared_at < kept.receipt.prepared_at)
    audits = [*reversed(list(islice(before, PUBLICATIONS))), kept]
    found: dict[str, list[tuple[CheckResult, datetime]]] = defaultdict(list)
    for audit in audits:
        for result in audit.report.results:
            found[result.check].append((result, audit.published_at or audit.receipt.prepared_at))
    return {
        result.check: Line([each for each, _ in found[result.check]], [moment for _, moment in found[result.check]])
        for result in kept.report.results
    }


def _rows(context: LakeContext, kept: KeptAudit, result: CheckResult, *, personal: bool) -> Rows:
    """Return rows that a check is about; personal values are hidden unless `personal`."""
    try:
        found = failing_rows(context, kept.report, result.check, ROWS)
        hidden = frozenset() if personal or found is None else personal_columns(context, result, found)
    except LagoaError as error:
        return Rows(error=error.message)
    if found is None:
        return Rows()
    return Rows(
        found.column_names,
        [[_text(value) for value in row.values()] for row in masked(found, hidden).to_pylist()],
        hidden,
    )


def _text(value: Any) -> str | None:
    return None if value is None else shown_value(value)
