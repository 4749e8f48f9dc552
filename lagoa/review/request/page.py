"""A review as one HTML page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lagoa.review.pages import page
from lagoa.review.pages.charts import Series, Strip
from lagoa.review.request import words

if TYPE_CHECKING:
    from lagoa.review.request.results import ColumnProfile, Kpi, Review

OTHERS = 200
"""Readers, tables without comparison and checks that a page lists; further ones are counted."""


def review_page(review: Review) -> str:
    """Return a review as one page; every value in it is escaped."""
    compared = [each for each in review.tables if each.compared]
    return page(
        "review.html",
        review=review,
        words=words,
        compared=compared,
        shown=[each for each in review.tables if not each.same],
        strips={
            (each.table, one.column): strip
            for each in compared
            if each.profile
            for one in each.profile.columns
            if (strip := _strip(one))
        },
        series=[(each, _series(each)) for each in review.kpis],
        most=OTHERS,
    )


def _strip(profile: ColumnProfile) -> Strip | None:
    sides: list[Any] = [each.quantiles if each else None for each in (profile.before, profile.after)]
    return Strip(*sides) if any(sides) else None


def _series(kpi: Kpi) -> Series | None:
    return Series(kpi.moments, kpi.before, kpi.after) if len(kpi.moments) > 1 else None
