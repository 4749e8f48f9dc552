"""Reads a feature repository and applies it."""

from __future__ import annotations

import os
import sys
import warnings
from contextlib import chdir, contextmanager, redirect_stdout
from typing import TYPE_CHECKING

from feast import FeatureStore
from feast.repo_operations import apply_total, parse_repo

from lagoa.errors import FeatureError
from lagoa.feast.views import definitions_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lagoa.domain.features import Definitions

SETTINGS = "feature_store.yaml"


def open_store(repository: Path) -> FeatureStore:
    """Open a feature repository; raises `FeatureError` if there is none in the folder."""
    if not (repository / SETTINGS).is_file():
        raise FeatureError(f"The folder {repository}", f"it has no {SETTINGS}", "Look at docs/features.md for one.")
    return FeatureStore(repo_path=str(repository))


def declared(repository: Path) -> Definitions:
    """Return what the files of a feature repository define; nothing is applied.

    Raises:
        FeatureError: a view that cannot be used, or no repository.
        LagoaError: the lake has no table of a view.
    """
    repository = repository.resolve()
    store = open_store(repository)
    with _inside(repository):
        contents = parse_repo(repository)
        store.plan(contents)  # infers the types that no `schema` says
    on_demand = (each.to_proto() for each in contents.on_demand_feature_views)
    return definitions_of(store.project, contents.feature_views, contents.feature_services, on_demand)


def apply(repository: Path) -> None:
    """Apply a feature repository, as `feast apply` does.

    Raises:
        FeatureError: a feature that a service uses would be another one, or gone; a view that cannot be used.
    """
    repository = repository.resolve()
    store = open_store(repository)
    with _inside(repository):
        apply_total(store.config, repository, skip_source_validation=False)


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
