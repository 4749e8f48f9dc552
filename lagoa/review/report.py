"""The HTML report of an audit: one file without scripts or external resources."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lagoa.audit import failing_rows
from lagoa.audit.records import kept_audits
from lagoa.domain.notebooks import moment, shown_value
from lagoa.errors import LagoaError
from lagoa.review.personal import masked, personal_columns

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from lagoa.audit.records import KeptAudit
    from lagoa.context import LakeContext
    from lagoa.domain.checks import CheckResult, Outcome

ROWS = 20
"""Failing rows that are shown for a check."""

PUBLICATIONS = 30
"""Publications that the history of a check covers."""

_TEMPLATES = Path(__file__).parent
_ORDER: dict[Outcome, int] = {"failed": 0, "not evaluated": 1, "warned": 2, "passed": 3}
_WIDTH, _HEIGHT, _MARGIN = 120, 24, 4


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


@dataclass(frozen=True)
class Line:
    """One check's figures over the publications, oldest first, as a line that can be drawn.

    Attributes:
        results: its results, this audit's last.
        moments: when each was found.
    """

    results: Sequence[CheckResult]
    moments: Sequence[datetime]
    width: int = _WIDTH
    height: int = _HEIGHT

    @property
    def flat(self) -> bool:
        """Whether figure and outcome are always the same."""
        return len({(each.figure, each.outcome) for each in self.results}) <= 1

    @cached_property
    def points(self) -> list[tuple[float, float, CheckResult, datetime]]:
        """The position of each result that has a finite figure."""
        finite = {
            number: each.figure
            for number, each in enumerate(self.results)
            if each.figure is not None and math.isfinite(each.figure)
        }
        low, high = min(finite.values(), default=0.0), max(finite.values(), default=0.0)
        step = (self.width - 2 * _MARGIN) / max(len(self.results) - 1, 1)
        room = self.height - 2 * _MARGIN
        points = []
        for number, figure in finite.items():
            rise = (figure - low) / (high - low) if high > low else 0.5
            x, y = _MARGIN + step * number, self.height - _MARGIN - room * rise
            points.append((round(x, 1), round(y, 1), self.results[number], self.moments[number]))
        return points


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
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    report = kept.report
    bad = sorted((each for each in report.results if each.outcome != "passed"), key=_by_outcome)
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["moment"] = moment
    return environment.get_template("audit_report.html").render(
        lake=context.settings.name,
        kept=kept,
        receipt=kept.receipt,
        report=report,
        outcomes=TableAudit("", "", "", report.results).outcomes,
        reused=sum(1 for each in report.results if each.reused),
        tables=_tables(kept),
        bad=bad,
        rows={each.check: _rows(context, kept, each, personal=personal) for each in bad if each.samples_sql},
        lines=_lines(context, kept),
        shown=ROWS,
        now=datetime.now(UTC),
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
