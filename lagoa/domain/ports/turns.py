"""The port of turns: publications that wait for each other go on in the order in which they came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


class Turns(Protocol):
    """The turns to move `main` of one lake: one at a time has it, among the threads and processes that ask for it.

    A turn saves work and is fair, but it is no lock: `main` is moved by compare-and-swap, and whoever has waited too
    long, or cannot have a turn, does so without one.
    """

    def turn(self, patience_s: float) -> AbstractContextManager[bool]:
        """Wait for a turn, which lasts until the end of the `with` block; yield whether it came.

        They come in the order in which they were asked for. A process that ends, or is killed, loses its turn or its
        place at once. A thread that has a turn and asks for another one waits for itself. In a forked process the
        block goes on without the turn, which stays with its parent.

        Args:
            patience_s: how many seconds to wait at most; then, or where turns are not possible, it yields False.
        """

    def close(self) -> None:
        """Close what is kept open for the next turn."""
