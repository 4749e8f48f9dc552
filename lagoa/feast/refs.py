"""The ref that features are read at."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_REF: ContextVar[str | None] = ContextVar("lagoa_features_ref", default=None)


@contextmanager
def at_ref(ref: str) -> Iterator[None]:
    """Let calls of Feast in the block read features at a ref: a branch, a tag, `main@<hash>`, `main*<time>`.

    The ref is resolved once a call, and the result says which commit that was. What is online does not depend on it.
    """
    token = _REF.set(ref)
    try:
        yield
    finally:
        _REF.reset(token)


def current_ref() -> str | None:
    """Return the ref of the `at_ref` around this call; None without one."""
    return _REF.get()
