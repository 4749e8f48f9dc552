"""Turns among the processes of one machine, by locked files in a folder: without a server, and without polling.

Whoever waits has a ticket: a locked file, whose name is its number. The next number is given out under the lock of the
folder. Each waits for the lock of the ticket before its own; when nobody has a lower number, it is its turn. The kernel
ends the locks of a process, however that ends.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from lagoa.adapters.flock.locked_file import LockedFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FOLDER_LOCK = "lock"


class FlockTurns:
    """The turns of a lake whose processes run on one machine; nobody has one where files cannot be written or locked.

    Args:
        folder: of the files; made when it is first needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def turn(self, patience_s: float) -> Iterator[bool]:
        """See the port `Turns`."""
        ticket = self._wait(time.monotonic() + patience_s)
        try:
            yield ticket is not None
        finally:
            if ticket is not None:
                ticket.give_up()

    def close(self) -> None:
        """See the port `Turns`; there is nothing to close."""

    def _wait(self, deadline: float) -> _Ticket | None:
        """Return a ticket whose turn it is; None if there was none until the deadline, or there can be none."""
        try:
            with ExitStack() as undo:
                ticket = self._draw(deadline)
                undo.callback(ticket.give_up)
                while before := self._before(ticket, deadline):
                    with before:
                        before.lock(fcntl.LOCK_SH, deadline)
                undo.pop_all()
                return ticket
        except OSError:  # too late; or the folder is read-only, on a full disk, or on a file system without locks
            return None

    def _draw(self, deadline: float) -> _Ticket:
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._alone(deadline):
            return _Ticket(self._folder, max(self._numbers(), default=0) + 1)

    def _before(self, ticket: _Ticket, deadline: float) -> LockedFile | None:
        """Return the last ticket before this one that somebody has; those of dead processes are removed."""
        with self._alone(deadline):
            lower = sorted((each for each in self._numbers() if each < ticket.number), reverse=True)
            return next(filter(None, map(self._of_somebody, lower)), None)

    def _of_somebody(self, number: int) -> LockedFile | None:
        path = self._folder / str(number)
        with suppress(FileNotFoundError), ExitStack() as undo:  # given up meanwhile
            file = undo.enter_context(LockedFile(path, os.O_RDONLY))
            if not file.try_lock(fcntl.LOCK_SH):
                undo.pop_all()
                return file
            path.unlink()
        return None

    def _numbers(self) -> list[int]:
        return [int(path.name) for path in self._folder.iterdir() if path.name.isdecimal()]

    @contextmanager
    def _alone(self, deadline: float) -> Iterator[None]:
        """Give out or look at numbers while nobody else does."""
        with LockedFile(self._folder / _FOLDER_LOCK, os.O_RDWR | os.O_CREAT) as lock:
            lock.lock(fcntl.LOCK_EX, deadline)
            yield


class _Ticket:
    """A place among those who wait: a locked file, which is removed with it.

    Args:
        folder: of the files.
        number: of the ticket.

    Raises:
        OSError: it cannot be made or locked.
    """

    def __init__(self, folder: Path, number: int) -> None:
        self.number = number
        self._path = folder / str(number)
        self._file = LockedFile(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        try:
            self._file.lock(fcntl.LOCK_EX, 0)
        except OSError:
            self.give_up()
            raise

    def give_up(self) -> None:
        """Let the next one go on; a forked process does not have the ticket of its parent, and gives up nothing."""
        if self._file.is_open:
            with suppress(OSError):
                self._path.unlink()
            self._file.close()
