"""What an object keeps in memory of what never changes: the last used of it, for all threads."""

from __future__ import annotations

from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar

from cachetools import LRUCache

if TYPE_CHECKING:
    from collections.abc import Callable

_K = TypeVar("_K")
_V = TypeVar("_V")


def _one(_: object) -> int:
    return 1


class Kept(Generic[_K, _V]):
    """Values by key; those that were not used for longest go. Threads share one.

    Args:
        most: how many values are kept, or how much they may come to.
        size: what a value counts.
    """

    def __init__(self, most: int, size: Callable[[_V], int] = _one) -> None:
        self._lock = Lock()
        self._values: LRUCache[_K, _V] = LRUCache(most, getsizeof=size)

    def get(self, key: _K) -> _V | None:
        """Return the value of a key, if it is kept."""
        with self._lock:
            return self._values.get(key)

    def keep(self, key: _K, value: _V) -> None:
        """Keep a value, unless it alone is more than all may come to."""
        with self._lock, suppress(ValueError):
            self._values[key] = value

    def of(self, key: _K, make: Callable[[], _V]) -> _V:
        """Return the value of a key: the one that is kept, else one that is made and then kept.

        Threads that want the same at one moment may each make it.
        """
        value = self.get(key)
        if value is None:
            value = make()
            self.keep(key, value)
        return value
