"""Compares two definitions of a check: the values, bounds and limits by which the second lets more pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_SHOWN = 5


def more_values(old: list[Any], new: list[Any]) -> Iterator[str]:
    """Yield the values that a list allows and the former one did not."""
    more = [str(value) for value in new if value not in old]
    if more:
        rest = f" and {len(more) - _SHOWN} more" if len(more) > _SHOWN else ""
        yield f"allows {', '.join(more[:_SHOWN])}{rest}, too"


def wider_bounds(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """Yield the bounds that accept values which the former ones did not."""
    for strict, sign, weaker in ((">", ">=", _lower), ("<", "<=", _higher)):
        was, now = _tightest(old, sign, strict, weaker), _tightest(new, sign, strict, weaker)
        if was is None:
            continue
        if now is None:
            yield f"no longer {was[1]} {was[0]}"
        elif weaker(now[0], was[0]) or (now[0] == was[0] and (was[1], now[1]) == (strict, sign)):
            yield f"{now[1]} {now[0]} instead of {was[1]} {was[0]}"


def higher_limit(old: Mapping[str, float], new: Mapping[str, float]) -> Iterator[str]:
    """Yield the `limit` of a definition, a share, if it is higher than the former one."""
    if new["limit"] > old["limit"]:
        yield f"up to {new['limit']:.2%} instead of {old['limit']:.2%}"


def _lower(a: Any, b: Any) -> bool:
    return bool(a < b)


def _higher(a: Any, b: Any) -> bool:
    return bool(a > b)


def _tightest(
    bounds: Mapping[str, Any], sign: str, strict: str, weaker: Callable[[Any, Any], bool]
) -> tuple[Any, str] | None:
    """Return the effective bound of one side, with its sign."""
    given = [(bounds[each], each) for each in (strict, sign) if each in bounds]
    if len(given) > 1 and weaker(given[0][0], given[1][0]):
        return given[1]
    return given[0] if given else None
