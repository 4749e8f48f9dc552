"""Training sets as datasets of MLflow: its pages show the commit, and `mlflow.data` builds their rows again.

MLflow finds these classes by the entry points `mlflow.dataset_source` and `mlflow.dataset_constructor`.
"""

import json
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.data.dataset import Dataset
from mlflow.data.dataset_source import DatasetSource

import lagoa
from lagoa.domain.training import TrainingRun
from lagoa.settings import SETTINGS_FILE, present_lake
from lagoa.training.shown import SOURCE_TYPE, digest_of_set, profile_of, schema_of, source_of

# The class that a constructor returns must stand in its annotation, not its name: no `from __future__` here.

_PREFIX = "lagoa:"


class LakeSource(DatasetSource):
    """Where a training set comes from: a lake, a run of it, and the commit that the run learned from.

    Args:
        document: what `lagoa.training.shown.source_of` returns.
    """

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document

    @staticmethod
    def _get_source_type() -> str:
        return SOURCE_TYPE

    def load(self, **_: Any) -> pd.DataFrame:
        """Build the rows again from the lake, as they were at the commit.

        The lake is the one of this folder, or of the variable LAGOA_LAKE, where the folder that trained is not on this
        machine.
        """
        folder = Path(self.document["lake"])
        if not (folder / SETTINGS_FILE).is_file():
            folder = present_lake()
        with lagoa.open_lake(folder) as lake:
            frame: pd.DataFrame = lake.training_rows(self.document["run"]).to_pandas()
            return frame

    @staticmethod
    def _can_resolve(raw_source: Any) -> bool:
        return isinstance(raw_source, str) and raw_source.startswith(_PREFIX)

    @classmethod
    def _resolve(cls, raw_source: str) -> "LakeSource":
        """Return the source of `lagoa:<run>` in the lake of this folder."""
        return _of_lake(raw_source.removeprefix(_PREFIX), ".")[1]

    def to_dict(self) -> dict[str, Any]:
        """Return what `from_dict` reads."""
        return dict(self.document)

    @classmethod
    def from_dict(cls, source_dict: dict[str, Any]) -> "LakeSource":
        """Return the source of what `to_dict` returned."""
        return cls(dict(source_dict))


class LakeDataset(Dataset):
    """A training set.

    Args:
        run: the run that it is of.
        source: where it comes from.
        name: by default that of the model.
        digest: by default the beginnings of the hash of its rows and of the commit.
    """

    def __init__(self, run: TrainingRun, source: LakeSource, name: str | None, digest: str | None) -> None:
        self._run = run
        super().__init__(source=source, name=name or run.model, digest=digest)

    def _compute_digest(self) -> str:
        return digest_of_set(self._run)

    def to_dict(self) -> dict[str, str]:
        """Return what MLflow keeps."""
        return {**super().to_dict(), "schema": schema_of(self._run), "profile": json.dumps(self.profile)}

    @property
    def profile(self) -> dict[str, Any]:
        """Its size and what identifies it."""
        return dict(profile_of(self._run))

    @property
    def schema(self) -> None:
        """None: MLflow's own classes of schemas are not needed; `to_dict` has the features."""


def from_lagoa(run: str, lake: str = ".", name: str | None = None, digest: str | None = None) -> LakeDataset:
    """Return the training set of a run as a dataset of MLflow: `mlflow.data.from_lagoa("late_delivery@champion")`.

    Args:
        run: as of `Lake.trained_run`.
        lake: the lake's folder.
        name: of the dataset; by default that of the model.
        digest: by default the beginnings of the hash of its rows and of the commit.
    """
    found, source = _of_lake(run, lake)
    return LakeDataset(found, source, name, digest)


def _of_lake(run: str, lake: str) -> tuple[TrainingRun, LakeSource]:
    with lagoa.open_lake(lake) as opened:
        found = opened.trained_run(run)
        return found, LakeSource(source_of(found, str(opened.settings.root)))
