"""Checks of main's state that are removed, loosened or changed in the next one, and those that are new or stricter."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lagoa.audit.check import Check
from lagoa.audit.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from lagoa.domain.checks import CheckResult


def loosened(
    before: Sequence[CheckResult],
    after: Sequence[CheckResult],
    tables: Collection[str],
    renames: Mapping[str, Mapping[str, str]],
) -> tuple[str, ...]:
    """Return what became weaker, one sentence per check, such as `silver.orders/enum/status: removed`.

    Args:
        before: the results of the checks of a state of main.
        after: the results of the checks of the state that replaces it.
        tables: the tables of the latter; checks of dropped tables do not count.
        renames: for each table, the name of each renamed column by its former name: its checks are the same.
    """
    now = {each.check: each for each in after}
    found = []
    for was in before:
        if was.table not in tables:
            continue
        check = next((each for each in _ids(was, renames.get(was.table, {})) if each in now), None)
        words = ["removed"] if check is None else list(_weaker(was, now[check]))
        if words:
            found.append(f"{check or was.check}: {'; '.join(words)}")
    return tuple(found)


def tightened(
    before: Sequence[CheckResult],
    after: Sequence[CheckResult],
    tables: Collection[str],
    renames: Mapping[str, Mapping[str, str]],
) -> tuple[str, ...]:
    """Return what became stricter, one sentence per check, such as `silver.orders/unique/code: new`.

    Args:
        before: the results of the checks of a state of main.
        after: the results of the checks of the state that replaces it.
        tables: the tables of the former; checks of new tables do not count.
        renames: as of `loosened`.
    """
    known = {each: was for was in before for each in _ids(was, renames.get(was.table, {}))}
    found = []
    for now in after:
        if now.table not in tables:
            continue
        was = known.get(now.check)
        if was is None:
            found.append(f"{now.check}: new")
        elif not list(_weaker(was, now)):
            words = ["blocks now"] if was.severity == "warn" and now.severity == "fail" else []
            if was.definition and now.definition and was.definition != now.definition:
                words += ["stricter"]
            found += [f"{now.check}: {'; '.join(words)}"] if words else []
    return tuple(found)


def _ids(was: CheckResult, renames: Mapping[str, str]) -> Iterator[str]:
    """Yield the id of a check, and the one that it has after its columns were renamed."""
    yield was.check
    kind, columns = _kind_and_rest(was)
    yield f"{was.table}/{kind}/{'+'.join(renames.get(name, name) for name in columns.split('+'))}"


def _weaker(was: CheckResult, now: CheckResult) -> Iterator[str]:
    if was.severity == "fail" and now.severity == "warn":
        yield "only warns now"
    if was.definition and now.definition and was.definition != now.definition:
        # A rollback restores results as they were kept: their kind may no longer exist.
        name, _ = _kind_and_rest(now)
        kind = next((each for each in KINDS if each.kind == name), Check)
        yield from kind.weaker(json.loads(was.definition), json.loads(now.definition))


def _kind_and_rest(result: CheckResult) -> tuple[str, str]:
    """Return the two parts of a check's id after the table: its kind, and what it is about."""
    kind, _, rest = result.check.removeprefix(f"{result.table}/").partition("/")
    return kind, rest
