"""MLflow in the lake's state folder; it is imported when it is first needed."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

from lagoa.domain.optional import extra
from lagoa.errors import TrainingUnavailable

if TYPE_CHECKING:
    from lagoa.adapters.mlflow.store import MlflowStore
    from lagoa.domain.ports.training import Tracked
    from lagoa.domain.training import TrainingRun


class MlflowTracking:
    """See `lagoa.domain.ports.training.Tracking`; MLflow's own store in a SQLite file, its artifacts in a folder.

    Args:
        folder: where both are; made when it is first needed.
        lake: the folder of the lake.
    """

    def __init__(self, folder: Path, lake: Path) -> None:
        self._folder = folder.absolute()
        self._lake = lake
        self._lock = Lock()
        self._opened: MlflowStore | None = None

    def prepare(self) -> None:
        """Import MLflow, connect, and create its tables and the experiment if they are not there."""
        self._store()

    def log(self, run: TrainingRun, model: Path, plots: Path) -> Tracked:
        """Show a run with its training set, and register its model."""
        return self._store().log(run, model, plots)

    def set_alias(self, model: str, alias: str, version: int) -> None:
        """Let an alias name a version of a model."""
        self._store().set_alias(model, alias, version)

    def files(self, run: TrainingRun) -> Path:
        """Return the folder of the saved model of a run."""
        place = urlparse(run.place)
        folder = Path(unquote(place.path) if place.scheme == "file" else run.place) / "data" / "model"
        if not folder.is_dir():
            raise TrainingUnavailable(run.place, f"the files of {run.model} {run.version} are not there")
        return folder

    def _store(self) -> MlflowStore:
        with self._lock:
            if self._opened is None:
                with extra("ml", "`lagoa ml`"):
                    from lagoa.adapters.mlflow.store import MlflowStore

                self._opened = MlflowStore(self._folder, self._lake)
            return self._opened
