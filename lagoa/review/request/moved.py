"""How far a column moved: one number by which columns are put in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lagoa.review.request.results import Figures


def moved(before: Figures | None, after: Figures | None) -> float:
    """Return how far a column moved, from 0 to 1; 0 if there is nothing to compare.

    It is the greatest of the changes of the share of nulls, of the share of different values, and of mean and quantiles
    in units of the distance between the 5 % and the 95 % quantile before. Where these are not known before, it is how
    far the least and the greatest number go beyond those before, in units of the range before.
    """
    if before is None or after is None:
        return 0.0
    return round(min(1.0, max(_changes(before, after), default=0.0)), 4)


def _changes(before: Figures, after: Figures) -> Iterator[float]:
    if before.null_share is not None and after.null_share is not None:
        yield abs(after.null_share - before.null_share)
    shares = [_distinct_share(each) for each in (before, after)]
    if shares[0] is not None and shares[1] is not None:
        yield abs(shares[1] - shares[0])
    if before.quantiles and after.quantiles:
        scale = before.quantiles[-1] - before.quantiles[0] or abs(before.quantiles[2]) or 1.0
        distances = [abs(now - was) for was, now in zip(before.quantiles, after.quantiles, strict=True)]
        yield sum(distances) / len(distances) / scale
        if before.mean is not None and after.mean is not None:
            yield abs(after.mean - before.mean) / scale
    elif before.mean is not None and after.mean is not None:  # the share of true ones
        yield abs(after.mean - before.mean)
    elif after.quantiles and before.minimum is not None and before.maximum is not None:
        least, greatest = float(before.minimum), float(before.maximum)
        beyond = max(least - float(after.minimum), float(after.maximum) - greatest, 0.0)
        yield beyond / (greatest - least or abs(greatest) or 1.0)


def _distinct_share(figures: Figures) -> float | None:
    """Return the share of values that are different; None if there are none, or it is not known."""
    if figures.distinct is None or figures.nulls is None or figures.rows == figures.nulls:
        return None
    return min(1.0, figures.distinct / (figures.rows - figures.nulls))
