"""Which backups are kept: the last ones, and the newest of each hour, day, week, month and year."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.backup.manifest import time_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from lagoa.settings import KeepRules

_PERIODS: dict[str, Callable[[datetime], str]] = {
    "hourly": lambda at: f"{at:%Y-%m-%dT%H}",
    "daily": lambda at: f"{at:%Y-%m-%d}",
    "weekly": lambda at: f"{at:%G-%V}",
    "monthly": lambda at: f"{at:%Y-%m}",
    "yearly": lambda at: f"{at:%Y}",
}
"""The period of a time (UTC) for each rule, the newest backup of which is kept."""


def kept_by(rules: KeepRules, ids: Sequence[str]) -> dict[str, list[str]]:
    """Return for each backup the rules that keep it; none for one that is not kept.

    A rule counts periods that have a backup: `daily = 7` keeps seven, though there was none on some days.

    Args:
        rules: of the lake's settings.
        ids: of the backups, oldest first.
    """
    newest_first = ids[::-1]
    found: dict[str, list[str]] = {each: [] for each in ids}
    for id_ in newest_first[: rules.last]:
        found[id_].append("last")
    for name, period in _PERIODS.items():
        newest: dict[str, str] = {}
        for id_ in newest_first:
            newest.setdefault(period(time_of(id_)), id_)
        for id_ in list(newest.values())[: getattr(rules, name)]:
            found[id_].append(name)
    return found
