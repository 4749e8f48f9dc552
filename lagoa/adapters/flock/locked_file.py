"""Open files whose locks (`flock`) end with the process that took them, whatever processes it forked."""

from __future__ import annotations

import fcntl
import os
import time
from concurrent.futures import Future
from contextlib import suppress
from threading import RLock, Thread
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

_CLOSED = -1

_open: set[LockedFile] = set()
_opening = RLock()
"""Held while a file is opened or closed, so that a forked process knows all that it inherits."""


class LockedFile:
    """An open file with at most one lock.

    A forked process inherits open files, and would keep their locks after the death of its parent: it closes them.

    Args:
        path: the file.
        flags: as of `os.open`.

    Raises:
        OSError: it cannot be opened.
    """

    def __init__(self, path: Path, flags: int) -> None:
        with _opening:
            self._keep(os.open(path, flags, 0o666))

    def _keep(self, descriptor: int) -> None:
        self._descriptor = descriptor
        _open.add(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def is_open(self) -> bool:
        """Whether it is open; in a forked process it is not."""
        return self._descriptor != _CLOSED

    def try_lock(self, kind: int) -> bool:
        """Lock the file, unless a lock of another open file excludes this one; return whether it is locked.

        Args:
            kind: `fcntl.LOCK_SH` or `fcntl.LOCK_EX`.

        Raises:
            OSError: the file system has no locks.
        """
        try:
            fcntl.flock(self._descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def lock(self, kind: int, deadline: float) -> None:
        """Lock the file as soon as no lock of another open file excludes this one.

        Args:
            kind: `fcntl.LOCK_SH` or `fcntl.LOCK_EX`.
            deadline: how long to wait, as a value of `time.monotonic`.

        Raises:
            TimeoutError: another one did exclude it until then.
            OSError: the file system has no locks.
        """
        if self.try_lock(kind):
            return
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        # `flock` has no time limit: a thread waits, by a descriptor of its own for the same open file. The lock is that
        # of the open file, and ends when both are closed, so also if it comes too late.
        done: Future[None] = Future()
        Thread(target=self._twin()._wait, args=(kind, done), name="lagoa-lock", daemon=True).start()
        done.result(left)

    def _twin(self) -> LockedFile:
        twin = object.__new__(LockedFile)
        with _opening:
            twin._keep(os.dup(self._descriptor))
        return twin

    def _wait(self, kind: int, done: Future[None]) -> None:
        failure = None
        with self:
            try:
                fcntl.flock(self._descriptor, kind)
            except OSError as error:
                failure = error
        if failure is None:
            done.set_result(None)
        else:
            done.set_exception(failure)

    def close(self) -> None:
        """Close the file, which ends its lock."""
        with _opening:
            descriptor, self._descriptor = self._descriptor, _CLOSED
            if descriptor != _CLOSED:
                _open.remove(self)
                os.close(descriptor)


def _close_inherited() -> None:
    for file in list(_open):
        with suppress(OSError):
            file.close()
    _opening.release()


os.register_at_fork(before=_opening.acquire, after_in_parent=_opening.release, after_in_child=_close_inherited)
