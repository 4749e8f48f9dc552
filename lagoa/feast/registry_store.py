"""Feast's registry in the online store of the lake, beside what it defines."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from feast import FeatureService, FeatureView
from feast.infra.registry.registry_store import RegistryStore
from feast.protos.feast.core.Registry_pb2 import Registry

from lagoa.bootstrap import open_online_features
from lagoa.domain.features import Definitions
from lagoa.feast.repository import settings_of
from lagoa.feast.views import definitions_of
from lagoa.features.changes import refuse_breaking

if TYPE_CHECKING:
    from pathlib import Path

    from feast.repo_config import RegistryConfig


class LakeRegistryStore(RegistryStore):
    """Keeps the registry.

    Args:
        registry_config: its settings in `feature_store.yaml`.
        repo_path: the folder of the feature repository, which is in the lake's.
    """

    def __init__(self, registry_config: RegistryConfig, repo_path: Path | None) -> None:
        del registry_config
        self._store = open_online_features(settings_of(repo_path))

    def get_registry_proto(self) -> Registry:
        """Return the registry; raises `FileNotFoundError` before the first one."""
        document = self._store.registry()
        if document is None:
            raise FileNotFoundError("nothing was applied yet")
        registry = Registry()
        registry.ParseFromString(document)
        return registry

    def update_registry_proto(self, registry_proto: Registry) -> None:
        """Keep a registry in place of the one before.

        Raises:
            FeatureError: a feature that a service uses would be another one, or gone.
        """
        definitions = _defined(registry_proto)
        refuse_breaking(self._store.definitions(), definitions)
        registry_proto.version_id = str(uuid.uuid4())
        registry_proto.last_updated.FromDatetime(datetime.now(UTC))
        self._store.set_registry(registry_proto.SerializeToString(), definitions)

    def teardown(self) -> None:
        """Forget all that was applied."""
        self._store.set_registry(Registry().SerializeToString(), Definitions(""))


def _defined(registry: Registry) -> Definitions:
    return definitions_of(
        registry.projects[0].spec.name if registry.projects else "",
        map(FeatureView.from_proto, registry.feature_views),
        map(FeatureService.from_proto, registry.feature_services),
        registry.on_demand_feature_views,
    )
