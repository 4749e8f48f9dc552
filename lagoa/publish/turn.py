"""The turn of a publication: those that are ready at the same time move `main` one after the other."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

    from lagoa.context import LakeContext


class Turn:
    """The turn of one publication, from when it is first needed until `main` has moved or the publication failed.

    Attributes:
        taken: whether nothing waits for it any more: it came, did not come in time, or is not needed.

    Args:
        context: the lake.
        held: whether who waits for this publication has the turn, so that it needs none of its own.
    """

    def __init__(self, context: LakeContext, *, held: bool = False) -> None:
        self._context = context
        self.taken = held or context.settings.publish_wait_s <= 0
        self._had = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def take(self) -> None:
        """Wait for the turn, but only once and no longer than the setting `publish_wait_s` allows."""
        if not self.taken:
            self.taken = True
            self._had.enter_context(self._context.turns.turn(self._context.settings.publish_wait_s))

    def end(self) -> None:
        """Let the next publication go on."""
        self._had.close()
