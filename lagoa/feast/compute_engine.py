"""How Feast materializes: all views at once, from main."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from feast.infra.common.materialization_job import MaterializationJob, MaterializationJobStatus
from feast.infra.compute_engines.base import ComputeEngine
from feast.repo_config import FeastConfigBaseModel

from lagoa.errors import LagoaError
from lagoa.feast.repository import open_repository

if TYPE_CHECKING:
    from feast.infra.common.materialization_job import MaterializationTask
    from feast.infra.registry.base_registry import BaseRegistry


class LakeComputeEngineConfig(FeastConfigBaseModel):
    """The settings of the engine in `feature_store.yaml`."""

    type: Literal["lagoa.feast.compute_engine.LakeComputeEngine"] = "lagoa.feast.compute_engine.LakeComputeEngine"


class LakeMaterialization(MaterializationJob):
    """A materialization that has ended.

    Args:
        name: of the view that it was requested for.
        failure: why it failed; None if it did not.
    """

    def __init__(self, name: str, failure: BaseException | None) -> None:
        super().__init__()
        self._name, self._failure = name, failure

    def status(self) -> MaterializationJobStatus:
        """Return whether it failed."""
        return MaterializationJobStatus.ERROR if self._failure else MaterializationJobStatus.SUCCEEDED

    def error(self) -> BaseException | None:
        """Return why it failed."""
        return self._failure

    def should_be_retried(self) -> bool:
        """Return whether Feast is to do it again."""
        return False

    def job_id(self) -> str:
        """Return the name of the view."""
        return self._name

    def url(self) -> str | None:
        """Return that there is no page about it."""
        return None


class LakeComputeEngine(ComputeEngine):
    """Materializes for Feast; see `lagoa.features.online.materialize`.

    Whatever views and times are requested: the online store takes all views of the newest publication at once, and for
    each further view of the same call there is nothing left to do.
    """

    def update(self, *_: Any, **__: Any) -> None:
        """Do nothing: there is no infrastructure."""

    def teardown_infra(self, *_: Any, **__: Any) -> None:
        """Do nothing: there is no infrastructure."""

    def _materialize_one(self, registry: BaseRegistry, task: MaterializationTask, **_: Any) -> MaterializationJob:
        del registry
        try:
            with open_repository(self.repo_config) as lake:
                lake.materialize_features()
        except LagoaError as error:
            return LakeMaterialization(task.feature_view.name, error)
        return LakeMaterialization(task.feature_view.name, None)
