"""What is drawn on pages: places of points, in the units of an SVG element."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from lagoa.domain.checks import CheckResult

_MARGIN = 4


def scaled(value: float, low: float, high: float, room: float) -> float:
    """Return where a value is on an axis from the least to the greatest one; the middle if they are equal."""
    return round(room * ((value - low) / (high - low) if high > low else 0.5), 1)


@dataclass(frozen=True)
class Line:
    """One check's figures over the publications, oldest first, as a line that can be drawn.

    Attributes:
        results: its results, this audit's last.
        moments: when each was found.
    """

    results: Sequence[CheckResult]
    moments: Sequence[datetime]
    width: int = 120
    height: int = 24

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


@dataclass(frozen=True)
class Strip:
    """The quantiles of a column before and after, one over the other on the same axis.

    Attributes:
        before: five values that rise; None if there were none.
        after: likewise.
    """

    before: Sequence[float] | None
    after: Sequence[float] | None
    width: int = 140
    height: int = 26

    @property
    def words(self) -> str:
        """The same as text."""
        sides = (("before", self.before), ("after", self.after))
        return "; ".join(f"{name}: {', '.join(f'{each:,.6g}' for each in values)}" for name, values in sides if values)

    @property
    def boxes(self) -> list[tuple[str, float, list[float]]]:
        """For each side its name, its height, and the places of its quantiles from left to right."""
        values = [each for side in (self.before, self.after) for each in side or ()]
        low, high = min(values, default=0.0), max(values, default=0.0)
        room = self.width - 2 * _MARGIN
        return [
            (name, y, [round(_MARGIN + scaled(each, low, high, room), 1) for each in side])
            for name, y, side in (("before", 7.0, self.before), ("after", 19.0, self.after))
            if side
        ]


@dataclass(frozen=True)
class Series:
    """A figure over time before and after, as two lines.

    Attributes:
        labels: the moments, in order.
        before: the figure at each; None where there is none.
        after: likewise.
    """

    labels: Sequence[str]
    before: Sequence[float | None]
    after: Sequence[float | None]
    width: int = 300
    height: int = 60

    @property
    def words(self) -> str:
        """What is drawn, in words."""
        return f"From {self.labels[0]} to {self.labels[-1]}: dashed before, solid after" if self.labels else ""

    @property
    def lines(self) -> list[tuple[str, list[tuple[float, float]]]]:
        """For each side its name and its points."""
        values = [each for each in (*self.before, *self.after) if each is not None]
        low, high = min(values, default=0.0), max(values, default=0.0)
        wide, tall = self.width - 2 * _MARGIN, self.height - 2 * _MARGIN
        last = max(len(self.labels) - 1, 1)
        return [
            (
                name,
                [
                    (
                        round(_MARGIN + wide * place / last, 1),
                        round(self.height - _MARGIN - scaled(each, low, high, tall), 1),
                    )
                    for place, each in enumerate(side)
                    if each is not None
                ],
            )
            for name, side in (("before", self.before), ("after", self.after))
        ]
