"""Checks that guarded main's state and guard the next one no more, or less: removed, loosened, or changed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from lagoa.domain.checks import CheckResult

_SHOWN = 5
_LEVEL = "level"


def loosened(
    before: Sequence[CheckResult],
    after: Sequence[CheckResult],
    tables: Collection[str],
    renames: Mapping[str, Mapping[str, str]],
) -> tuple[str, ...]:
    """Return what became weaker, a sentence a check, such as `silver.orders/enum/status: removed`.

    Args:
        before: the results of the checks that guarded a state of main.
        after: the results of those that guard what takes its place.
        tables: the tables of the latter; checks of tables that are gone do not count.
        renames: for each table, the name of each renamed column by its former one: its checks are the same.
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


def _ids(was: CheckResult, renames: Mapping[str, str]) -> Iterator[str]:
    """Yield the id of a check, and the one that it has when its columns were renamed."""
    yield was.check
    kind, _, columns = was.check.removeprefix(f"{was.table}/").partition("/")
    yield f"{was.table}/{kind}/{'+'.join(renames.get(name, name) for name in columns.split('+'))}"


def _weaker(was: CheckResult, now: CheckResult) -> Iterator[str]:
    if was.severity == "fail" and now.severity == "warn":
        yield "only warns now"
    if was.definition and now.definition and was.definition != now.definition:
        old, new = json.loads(was.definition), json.loads(now.definition)
        yield from _file_check(old, new) if isinstance(old, list) else _contract_check(old, new)


def _contract_check(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    for what, asked in old.items():
        compare = _COMPARED.get(what, _other)
        yield from compare(asked, new.get(what))


def _values(old: list[Any], new: list[Any]) -> Iterator[str]:
    more = [str(value) for value in new if value not in old]
    if more:
        rest = f" and {len(more) - _SHOWN} more" if len(more) > _SHOWN else ""
        yield f"allows {', '.join(more[:_SHOWN])}{rest}, too"


def _bounds(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for strict, sign, weaker in ((">", ">=", _lower), ("<", "<=", _higher)):
        was, now = _tightest(old, sign, strict, weaker), _tightest(new, sign, strict, weaker)
        if was is None:
            continue
        if now is None:
            yield f"no longer {was[1]} {was[0]}"
        elif weaker(now[0], was[0]) or (now[0] == was[0] and (was[1], now[1]) == (strict, sign)):
            yield f"{now[1]} {now[0]} instead of {was[1]} {was[0]}"


def _lower(a: Any, b: Any) -> bool:
    return bool(a < b)


def _higher(a: Any, b: Any) -> bool:
    return bool(a > b)


def _tightest(
    bounds: Mapping[str, Any], sign: str, strict: str, weaker: Callable[[Any, Any], bool]
) -> tuple[Any, str] | None:
    """Return the bound of one side that decides, with its sign."""
    given = [(bounds[each], each) for each in (strict, sign) if each in bounds]
    if len(given) > 1 and weaker(given[0][0], given[1][0]):
        return given[1]
    return given[0] if given else None


def _limit(old: float, new: float) -> Iterator[str]:
    if new > old:
        yield f"up to {new:.2%} instead of {old:.2%}"


def _other(old: Any, new: Any) -> Iterator[str]:
    if old != new:
        yield f"changed from {old} to {new}"


_COMPARED: dict[str, Callable[[Any, Any], Iterator[str]]] = {
    "enum": _values,
    "range": _bounds,
    "length": _bounds,
    "limit": _limit,
}


def _file_check(old: list[Any], new: list[Any]) -> Iterator[str]:
    """Compare two definitions of a check file: its kind, its body and what it stands in."""
    was, now = _flat(old[1].get("threshold") or {}), _flat(new[1].get("threshold") or {})
    rest = [[kind, _without_words(body), context] for kind, body, context in (old, new)]
    if rest[0] != rest[1] or was.keys() != now.keys():
        yield "changed"
        return
    for name in was:
        if was[name] == now[name]:
            continue
        rises = "less_than" in name
        numbers = all(type(each[name]) in {int, float} for each in (was, now))
        if not numbers or "not_between" in name or not (rises or "greater_than" in name):
            yield f"{name} changed from {was[name]} to {now[name]}"
        elif (now[name] > was[name]) is rises:
            yield f"{name} {now[name]} instead of {was[name]}"


def _flat(threshold: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in threshold.items():
        if isinstance(value, dict):
            found.update(_flat(value, f"{prefix}{name}."))
        elif name != _LEVEL:  # the severity, which is compared by itself
            found[f"{prefix}{name}"] = value
    return found


def _without_words(body: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key not in {"name", "attributes", "threshold"}}
