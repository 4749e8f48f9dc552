"""The port of the online store: the applied definitions, and the newest features of each entity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lagoa.domain.features import Definitions, FeatureView, OnlineRow, OnlineView, Standing


class OnlineFeatures(Protocol):
    """The online store of one lake.

    A state of it (`Standing`) is replaced as a whole in one transaction. The parts of the state before stay until the
    next one, so that a reader who holds a `Standing` reads all its views from one commit and waits for nobody.
    """

    def definitions(self) -> Definitions | None:
        """Return what was applied; None before."""

    def registry(self) -> bytes | None:
        """Return Feast's registry; None before the first one."""

    def set_registry(self, registry: bytes, definitions: Definitions) -> None:
        """Keep Feast's registry, and what it defines."""

    def standing(self) -> Standing | None:
        """Return the state that readers see now; None before the first one."""

    def replace(self, expected: int, commit: str, kept: Mapping[str, OnlineView], new: Sequence[NewView]) -> Standing:
        """Put a new state in, and let readers see it; nothing is done if any of it fails.

        Args:
            expected: number of the state that it follows; 0 for the first.
            commit: the commit of main that all rows are of.
            kept: views whose rows are the same as in the state before.
            new: views with their rows.

        Raises:
            OnlineStateLost: another state was put in meanwhile.
            FeaturesUnavailable: the store does not answer, or cannot be written.
        """

    def read(
        self, part: int, view: FeatureView, keys: Sequence[str], columns: Sequence[int]
    ) -> Mapping[str, OnlineRow]:
        """Return the rows of some entities by their keys, with only some values: those of the features at `columns`.

        Entities without features are left out.

        Raises:
            OnlineStateLost: the part is gone, as two newer states were put in.
            FeaturesUnavailable: the store does not answer.
        """

    def push(self, view: FeatureView, rows: Sequence[OnlineRow]) -> int:
        """Write rows of single entities to the present state unless it has newer ones; return how many were written.

        Raises:
            OnlineStateLost: the view has not been materialized since its definition changed.
        """

    def pushed(self, part: int) -> int:
        """Return how many rows of a part were pushed; raises `OnlineStateLost` if it is gone."""

    def close(self) -> None:
        """Close the connection."""


class NewView(Protocol):
    """A view with the rows that go into a new state."""

    @property
    def view(self) -> FeatureView:
        """The definition."""

    @property
    def pointer(self) -> str:
        """Of the table that the rows were read from."""

    def rows(self) -> Iterable[OnlineRow]:
        """Yield one row an entity; can be called again."""
