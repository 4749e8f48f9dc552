"""The ports of training: the lake's own records of runs, and the tracking server that shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lagoa.domain.training import Promotion, TrainingRun


class TrainingRuns(Protocol):
    """The records of trained models. What is in them never changes; they are only added to.

    Every method raises `TrainingUnavailable` if they cannot be read or written.
    """

    def add(self, run: TrainingRun) -> None:
        """Keep a run; one that is there already stays as it is, and another one of its id is refused."""

    def runs(self, model: str | None = None) -> Sequence[TrainingRun]:
        """Return the runs, of one model or all, newest first."""

    def promotions(self, model: str) -> Sequence[Promotion]:
        """Return the promotions of a model, newest first."""

    def promote(self, promotion: Promotion) -> None:
        """Keep a promotion, if its number is the next one of its model; one that is there already stays as it is.

        Raises:
            PromotionLost: another one came between.
        """

    def close(self) -> None:
        """Close the connection."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """Where the tracking server has a run.

    Attributes:
        run: its id there.
        version: of the registered model.
        place: where the model's files are.
    """

    run: str
    version: int
    place: str


class Tracking(Protocol):
    """Shows runs and their models to people and tools, and keeps the models' files.

    Every method raises `TrainingUnavailable` if it cannot be reached, or refuses.
    """

    def prepare(self) -> None:
        """Connect, so that what follows is quick; creates what there must be."""

    def log(self, run: TrainingRun, model: Path, plots: Path, example: Mapping[str, float | str | None]) -> Tracked:
        """Show a run with its training set, and register its model.

        Args:
            run: the run.
            model: the folder of the saved model.
            plots: a folder of files to be shown with the run.
            example: the features of a row that the model can be asked with.
        """

    def set_alias(self, model: str, alias: str, version: int) -> None:
        """Let an alias name a version of a model."""

    def files(self, run: TrainingRun) -> Path:
        """Return the folder of the saved model of a run, fetched if it is elsewhere."""
