"""A thread-safe cache of values that never change; it evicts the least recently used."""

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


class Cache(Generic[_K, _V]):
    """Cached values by key; the least recently used are evicted. Threads may share one.

    Args:
        most: the maximum number of values, or their maximum total size.
        size: the size of a value; 1 by default.
    """

    def __init__(self, most: int, size: Callable[[_V], int] = _one) -> None:
        self._lock = Lock()
        self._values: LRUCache[_K, _V] = LRUCache(most, getsizeof=size)

    def get(self, key: _K) -> _V | None:
        """Return the value of a key, or None if it is not cached."""
        with self._lock:
            return self._values.get(key)

    def keep(self, key: _K, value: _V) -> None:
        """Cache a value, unless it alone exceeds the maximum size."""
        with self._lock, suppress(ValueError):
            self._values[key] = value

    def of(self, key: _K, make: Callable[[], _V]) -> _V:
        """Return the cached value of a key, or make it and cache it.

        Threads that need the same value at the same time may each make it.
        """
        value = self.get(key)
        if value is None:
            value = make()
            self.keep(key, value)
        return value
