"""MLflow of a lake, in its state folder or on a server; it is imported when it is first needed."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

from lagoa.domain.optional import extra
from lagoa.errors import ModelChanged, TrainingUnavailable
from lagoa.training.digest import digest_of_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lagoa.adapters.mlflow.server import MlflowServer
    from lagoa.adapters.mlflow.store import MlflowStore
    from lagoa.domain.ports.training import Tracked
    from lagoa.domain.training import TrainingRun

_SAVED = "data/model"
"""Where a logged model has what `Fitted.save` wrote."""


class MlflowTracking:
    """See `lagoa.domain.ports.training.Tracking`; what a model's files are is held against the run's record.

    Args:
        folder: of MLflow's own store, a SQLite file and a folder, or else of what was fetched from the server; made
            when it is first needed.
        lake: the folder of the lake.
        server: the server that is used in place of that store.
    """

    def __init__(self, folder: Path, lake: Path, server: MlflowServer | None = None) -> None:
        self._folder = folder.absolute()
        self._lake = lake
        self._server = server
        self._lock = Lock()
        self._opened: MlflowStore | None = None

    def prepare(self) -> None:
        """Import MLflow, connect, and create its tables and the experiment if they are not there."""
        self._store()

    def log(self, run: TrainingRun, model: Path, plots: Path, example: Mapping[str, float | str | None]) -> Tracked:
        """Show a run with its training set, and register its model."""
        return self._store().log(run, model, plots, example)

    def set_alias(self, model: str, alias: str, version: int) -> None:
        """Let an alias name a version of a model."""
        self._store().set_alias(model, alias, version)

    def files(self, run: TrainingRun) -> Path:
        """Return the folder of the saved model of a run."""
        place = urlparse(run.place)
        if place.scheme in {"", "file"}:
            folder = Path(unquote(place.path) if place.scheme else run.place) / _SAVED
            if not folder.is_dir():
                raise TrainingUnavailable(run.place, f"the files of {run.model} {run.version} are not there")
            return _checked(run, folder)
        kept = self._folder / "fetched" / hashlib.sha256(f"{run.place} {run.saved}".encode()).hexdigest()
        if kept.is_dir():
            try:
                return _checked(run, kept)
            except ModelChanged:  # here, so they are fetched again
                shutil.rmtree(kept)
        return self._fetched(run, kept)

    def _fetched(self, run: TrainingRun, kept: Path) -> Path:
        """Fetch the files of a model, and keep them if they are those that were saved."""
        if self._server is None:
            advice = 'Name the server in lagoa.toml: `tracking = "server"`, `mlflow_url`.'
            reason = f"the files of {run.model} {run.version} are on a server, and the lake has none"
            raise TrainingUnavailable(run.place, reason, advice)
        kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
            found = _checked(run, self._store().fetch(f"{run.place}/{_SAVED}", Path(folder)))
            try:
                found.rename(kept)
            except OSError:
                if not kept.is_dir():  # else another process was first
                    raise
        return kept

    def _store(self) -> MlflowStore:
        with self._lock:
            if self._opened is None:
                with extra("ml", "`lagoa ml`"):
                    from lagoa.adapters.mlflow.store import LocalStore, ServerStore

                server, lake = self._server, self._lake
                self._opened = LocalStore(self._folder, lake) if server is None else ServerStore(server, lake)
            return self._opened


def _checked(run: TrainingRun, folder: Path) -> Path:
    """Return a folder if it has the files that were saved; records of earlier versions do not say which."""
    if run.saved and digest_of_folder(folder) != run.saved:
        raise ModelChanged(run.model, run.version, run.place)
    return folder
