"""The tracking store and registry of MLflow: runs, datasets, registered models and aliases."""

from __future__ import annotations

import fcntl
import json
import logging
import math
import re
import shutil
import warnings
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import TYPE_CHECKING, Any

import mlflow
import pandas as pd
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.tracking import MlflowClient
from mlflow.types.schema import ColSpec, Schema
from mlflow.utils import rest_utils
from mlflow.version import VERSION

from lagoa.domain.ports.training import Tracked
from lagoa.domain.training import EXPERIMENT
from lagoa.errors import NotAllowed, SignInFailed, TrainingUnavailable
from lagoa.training.shown import SOURCE_TYPE, digest_of_set, profile_of, schema_of, source_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lagoa.adapters.mlflow.server import MlflowServer
    from lagoa.domain.training import TrainingRun

for _name in ("mlflow", "alembic"):
    logging.getLogger(_name).setLevel(logging.WARNING)

_LONGEST = 250
_REFUSED = re.compile(r"\b(40[13])(?= != 200| Client Error)")
"""How MLflow's client writes the status of an answer."""
_NAMELESS = re.compile(r"[^\w\-. :/]")
"""What MLflow's names of metrics cannot have, and columns can; the record of a run has the names as they are."""
_SOURCE_BYTES = 65_535
"""What MLflow keeps of a source."""


class MlflowStore:
    """What is the same for each store.

    Args:
        uri: by which MLflow finds it.
        place: what errors call it.
        lake: the folder of the lake.
    """

    def __init__(self, uri: str, place: str, lake: Path) -> None:
        self._uri = uri
        self._place = place
        self._lake = lake
        self._lock = Lock()
        self._client: Any = None

    def _used(self) -> AbstractContextManager[None]:
        """Let MLflow's functions reach the store meanwhile."""
        return nullcontext()

    def log(self, run: TrainingRun, model: Path, plots: Path, example: Mapping[str, float | str | None]) -> Tracked:
        """See `lagoa.domain.ports.training.Tracking.log`."""
        with self._lock, self._translated(), self._named():
            client = self._client
            experiment = client.get_experiment_by_name(EXPERIMENT)
            shown = client.create_run(experiment.experiment_id, run_name=f"{run.model} {run.id}", tags=_tags(run))
            name = shown.info.run_id
            try:
                self._describe(run, name, plots)
                info = self._log_model(run, name, model, example)
                client.set_terminated(name, "FINISHED")
            except BaseException:
                client.set_terminated(name, "FAILED")
                raise
            return Tracked(name, self._register(run, name, info), str(info.artifact_path))

    def set_alias(self, model: str, alias: str, version: int) -> None:
        """See `lagoa.domain.ports.training.Tracking.set_alias`."""
        with self._translated():
            self._client.set_registered_model_alias(model, alias, str(version))

    def fetch(self, place: str, folder: Path) -> Path:
        """Bring the files at a place of the store into a folder; return where they are."""
        with self._lock, self._translated(), self._named():
            return Path(mlflow.artifacts.download_artifacts(artifact_uri=place, dst_path=str(folder)))

    def _connect(self, place: str | None = None) -> None:
        """Make the experiment if it is not there, with its artifacts at a place, or where a server has them."""
        self._client = client = MlflowClient(self._uri, self._uri)
        if client.get_experiment_by_name(EXPERIMENT) is None:
            try:
                client.create_experiment(EXPERIMENT, artifact_location=place)
            except MlflowException:  # another process was first
                if client.get_experiment_by_name(EXPERIMENT) is None:
                    raise

    def _describe(self, run: TrainingRun, name: str, plots: Path) -> None:
        at = int(run.at.timestamp() * 1000)
        metrics = [
            Metric(_NAMELESS.sub("_", key)[:_LONGEST], value, at, step)
            for key, value, step in _metrics(run)
            if math.isfinite(value)
        ]
        parameters = [Param(key, str(value)[:_LONGEST]) for key, value in run.parameters.items()]
        self._client.log_batch(name, metrics, parameters)
        source = json.dumps(source_of(run, str(self._lake)))
        if len(source) <= _SOURCE_BYTES:
            entity = Dataset(
                run.model, digest_of_set(run), SOURCE_TYPE, source, schema_of(run), json.dumps(profile_of(run))
            )
            self._client.log_inputs(name, [DatasetInput(entity, [InputTag("mlflow.data.context", "training")])])
        self._client.log_artifacts(name, str(plots), plots.name)
        files = {**run.files, "run.json": run.to_json()}
        for key, text in files.items():
            self._client.log_text(name, text, f"files/{key}")

    def _log_model(self, run: TrainingRun, name: str, model: Path, example: Mapping[str, float | str | None]) -> Any:
        texts = run.rows.texts
        inputs = Schema(
            [ColSpec("string" if each in texts else "double", each, required=False) for each in run.rows.features]
        )
        needs = [f"{key}=={value}" for key, value in run.packages.items() if key not in {"python", "lagoa"}]
        needs.append(f"lagoa[ml]=={run.packages.get('lagoa', '')}".rstrip("="))
        with mlflow.start_run(run_id=name):
            return Model.log(
                artifact_path=None,
                name="model",
                flavor=_Saved,
                loader_module="lagoa.mlflow.loader",
                data_path=str(model),
                signature=ModelSignature(inputs),
                input_example=pd.DataFrame([example]),
                validate_serving_input=False,
                pip_requirements=needs,
            )

    def _register(self, run: TrainingRun, name: str, info: Any) -> int:
        try:
            self._client.create_registered_model(run.model)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        tags = {"lagoa.run": run.id, "lagoa.commit": run.commit, "lagoa.ref": run.ref}
        version = self._client.create_model_version(run.model, info.model_uri, name, tags=tags, model_id=info.model_id)
        return int(version.version)

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Let MLflow's functions mean this store, for its registry calls some without a client; silence its advice."""
        was_set = mlflow.is_tracking_uri_set()  # type: ignore[no-untyped-call]
        tracking = mlflow.get_tracking_uri() if was_set else None
        registry = mlflow.get_registry_uri()
        mlflow.set_tracking_uri(self._uri)
        follows = mlflow.get_registry_uri() == self._uri  # unless it was set, the registry is where the runs are
        if not follows:
            mlflow.set_registry_uri(self._uri)
        try:
            with warnings.catch_warnings(action="ignore"):
                yield
        finally:
            mlflow.set_tracking_uri(tracking)  # type: ignore[arg-type] # None: as if it had never been set
            if not follows:
                mlflow.set_registry_uri(registry)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            with self._used():
                yield
        except Exception as error:
            if not isinstance(error, MlflowException | OSError) and not _of_database(error):
                raise
            said = " ".join(str(error).split())
            status = _REFUSED.search(said)
            if status is not None and status[1] == "401":
                raise SignInFailed(self._place) from error
            if status is not None and "Invalid Host header" not in said:
                raise NotAllowed(self._place, said[:_LONGEST]) from error
            raise TrainingUnavailable(self._place, said[:_LONGEST]) from error


class LocalStore(MlflowStore):
    """MLflow's store in a SQLite file, with its artifacts in a folder beside it.

    Args:
        folder: where both are; made if it is not there.
        lake: the folder of the lake.

    Raises:
        TrainingUnavailable: it cannot be opened.
    """

    def __init__(self, folder: Path, lake: Path) -> None:
        file = folder / "mlflow.db"
        super().__init__(f"sqlite:///{file}", str(folder), lake)
        warnings.filterwarnings("ignore", ".*noload.*", DeprecationWarning)  # MLflow's own use of SQLAlchemy
        with self._translated():
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / "creating.lock").open("w") as lock:
                # MLflow's migrations break where two processes begin with an empty file.
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not file.exists() or file.stat().st_size == 0:
                    _create(file)
                self._connect((folder / "artifacts").as_uri())


class ServerStore(MlflowStore):
    """A server of MLflow.

    Args:
        server: the server.
        lake: the folder of the lake.

    Raises:
        TrainingUnavailable: it does not answer, or is of a later version than its clients can be.
        SignInFailed, NotAllowed: it does not know who signs in, or does not let them do this.
    """

    def __init__(self, server: MlflowServer, lake: Path) -> None:
        super().__init__(server.url, server.place, lake)
        self._server = server
        with self._translated():
            self._check_version()
            self._connect()

    def _used(self) -> AbstractContextManager[None]:
        return self._server.used()

    def _check_version(self) -> None:
        """Raise if the first number of the server's version is greater than that of this one."""
        rest: Any = rest_utils  # has no types
        answer = rest.http_request(rest.MlflowHostCreds(self._uri), "/version", "GET")
        found = answer.text.strip() if answer.ok else ""
        first, ours = found.partition(".")[0], VERSION.partition(".")[0]
        if first.isdigit() and int(first) > int(ours):
            reason = f"it is of version {found[:20]}, and this is MLflow {VERSION}"
            raise TrainingUnavailable(self._place, reason, "Install the server's version of MLflow.")


class _Saved:
    """What `mlflow.pyfunc.log_model` logs by, without a trial of the example, which would take longer than all else."""

    @staticmethod
    def save_model(*, validate_serving_input: bool, **given: Any) -> None:
        """Write a model to a folder."""
        del validate_serving_input
        mlflow.pyfunc.save_model(**given)


def _create(file: Path) -> None:
    """Make an empty store: MLflow's migrations take seconds, and cannot go on where they were interrupted."""
    begun = "creating-"
    for left in file.parent.glob(f"{begun}*"):  # of a process that was killed
        shutil.rmtree(left)
    with TemporaryDirectory(prefix=begun, dir=file.parent, ignore_cleanup_errors=True) as folder:
        whole = Path(folder) / file.name
        uri = f"sqlite:///{whole}"
        MlflowClient(uri, uri).get_experiment_by_name(EXPERIMENT)
        whole.rename(file)


def _of_database(error: Exception) -> bool:
    """Return whether an error is SQLAlchemy's, which MLflow brings: not all of its calls translate them."""
    return type(error).__module__.partition(".")[0] == "sqlalchemy"


def _tags(run: TrainingRun) -> dict[str, str]:
    return {
        "lagoa.run": run.id,
        "lagoa.model": run.model,
        "lagoa.ref": run.ref,
        "lagoa.commit": run.commit,
        "lagoa.tag": run.tag,
        "lagoa.rows": run.rows.digest,
        "lagoa.code": run.code,
        "lagoa.predictions": run.predictions,
        "mlflow.user": run.author,
        "mlflow.source.name": f"lagoa ml train {run.model}",
        "mlflow.note.content": f"Learned from `{run.ref}` at commit `{run.commit}`, kept by the tag `{run.tag}`.",
    }


def _metrics(run: TrainingRun) -> Iterator[tuple[str, float, int]]:
    """Yield name, value and step of each figure; the spans of a backtest are the steps of its figures."""
    for name, each in run.metrics.items():
        yield from ((name, each.value, 0), (f"{name}.low", each.low, 0), (f"{name}.high", each.high, 0))
        if each.baseline is not None:
            yield f"{name}.baseline", each.baseline, 0
    for kind, values in (("importance", run.importances), ("drift", run.drift), ("elasticity", run.elasticities)):
        yield from ((f"{kind}.{name}", value, 0) for name, value in values.items())
    for step, window in enumerate(run.backtest):
        yield from ((f"backtest.{name}", value, step) for name, value in window.metrics.items())
        yield from ((f"backtest.{name}.baseline", value, step) for name, value in window.baseline.items())
