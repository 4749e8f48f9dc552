"""The lake that a feature repository belongs to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lagoa.bootstrap import open_lake, open_online_features
from lagoa.errors import FeatureError
from lagoa.settings import find_lake, load_settings

if TYPE_CHECKING:
    from feast.repo_config import RepoConfig

    from lagoa.domain.ports.features import OnlineFeatures
    from lagoa.lake import Lake
    from lagoa.settings import Settings


def settings_of(repository: Path | None) -> Settings:
    """Return the settings of the lake whose folder a repository is in; raises `FeatureError`, `LakeNotFound`."""
    if repository is None:
        raise FeatureError("The feature repository", "it is in no folder", "Open it by FeatureStore(repo_path=…).")
    return load_settings(find_lake(Path(repository)))


def open_repository(config: RepoConfig) -> Lake:
    """Open the lake whose folder the repository is in."""
    return open_lake(settings_of(config.repo_path))


def open_online(config: RepoConfig) -> OnlineFeatures:
    """Open the online store of the lake whose folder the repository is in."""
    return open_online_features(settings_of(config.repo_path))
