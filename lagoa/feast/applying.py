"""Reads a feature repository and applies it."""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from contextlib import chdir, contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from feast import FeatureStore
from feast.repo_operations import apply_total, parse_repo

from lagoa.errors import FeatureError, LagoaError
from lagoa.feast.compute_engine import LakeComputeEngine
from lagoa.feast.offline_store import LakeOfflineStore
from lagoa.feast.online_store import LakeOnlineStore
from lagoa.feast.registry_store import LakeRegistryStore
from lagoa.feast.views import definitions_of
from lagoa.features.changes import refuse_unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lagoa.domain.features import Definitions

SETTINGS = "feature_store.yaml"
_OURS = {
    "registry.registry_store_type": f"{LakeRegistryStore.__module__}.LakeRegistryStore",
    "offline_store.type": f"{LakeOfflineStore.__module__}.LakeOfflineStore",
    "online_store.type": f"{LakeOnlineStore.__module__}.LakeOnlineStore",
    "batch_engine.type": f"{LakeComputeEngine.__module__}.LakeComputeEngine",
}
"""What each setting must be, for features of the lake."""


def open_store(repository: Path) -> FeatureStore:
    """Open a feature repository.

    Raises:
        FeatureError: there is none in the folder, its settings cannot be read, or they name stores of others: their
            features would come from no commit of the lake.
    """
    if not (repository / SETTINGS).is_file():
        raise FeatureError(f"The folder {repository}", f"it has no {SETTINGS}", "docs/features.md has one to copy.")
    with _named(repository):
        store = FeatureStore(repo_path=str(repository))
        config = store.config
        found = {
            "registry.registry_store_type": config.registry.registry_store_type,
            "offline_store.type": config.offline_store.type,
            "online_store.type": config.online_store.type,
            "batch_engine.type": config.batch_engine.type,
        }
    for setting, kind in found.items():
        if kind != _OURS[setting]:
            raise FeatureError(
                f"{repository / SETTINGS}",
                f"its {setting} is {kind}, which is not the lake's",
                f"Set {_OURS[setting]}.",
            )
    return store


def declared(repository: Path) -> Definitions:
    """Return what the files of a feature repository define; nothing is applied.

    Raises:
        FeatureError: a file that Python or Feast cannot use, by file and line; a view that cannot be used, or no
            repository.
        LagoaError: the lake has no table of a view.
    """
    repository = repository.resolve()
    store = open_store(repository)
    with _named(repository), _inside(repository):
        contents = parse_repo(repository)
        store.plan(contents)  # infers the types that no `schema` says
    on_demand = (each.to_proto() for each in contents.on_demand_feature_views)
    found = definitions_of(store.project, contents.feature_views, contents.feature_services, on_demand)
    refuse_unknown(found)
    return found


def apply(repository: Path) -> None:
    """Apply a feature repository, as `feast apply` does.

    Raises:
        FeatureError: a feature that a service uses would be another one, or gone; as of `declared`.
    """
    repository = repository.resolve()
    store = open_store(repository)
    with _named(repository), _inside(repository):
        apply_total(store.config, repository, skip_source_validation=False)


@contextmanager
def _named(repository: Path) -> Iterator[None]:
    """Raise what Python, Feast or the code of the repository raises as `FeatureError` that names the file and line."""
    try:
        yield
    except LagoaError:
        raise
    except Exception as error:
        files = [(each.filename, each.lineno) for each in traceback.extract_tb(error.__traceback__)]
        if isinstance(error, SyntaxError):
            files.append((error.filename or "", error.lineno))
        own = [f"{name}, line {line}" for name, line in files if Path(name).is_relative_to(repository)]
        reason = " ".join(str(error).split()).rstrip(".")
        raise FeatureError(
            own[-1] if own else f"The feature repository {repository}",
            f"{type(error).__name__}{f': {reason}' if reason else ''}",
            "Correct it, then look at `lagoa feature plan`.",
        ) from error


@contextmanager
def _inside(repository: Path) -> Iterator[None]:
    """Let Feast import the files of a repository as its own command line does; what it prints is left out."""
    place = str(repository)
    sys.path.append(place)
    try:
        with (
            chdir(place),
            open(os.devnull, "w", encoding="utf-8") as nothing,  # noqa: PTH123 - it is no path
            redirect_stdout(nothing),
            warnings.catch_warnings(action="ignore", category=RuntimeWarning),  # of on-demand views
        ):
            yield
    finally:
        sys.path.remove(place)
