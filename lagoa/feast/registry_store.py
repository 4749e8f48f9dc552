"""Feast's registry in the online store of the lake, beside what it defines."""

from __future__ import annotations

import uuid
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from feast import FeatureService, FeatureView
from feast.infra.registry.registry_store import RegistryStore
from feast.protos.feast.core.Registry_pb2 import Registry
from feast.repo_config import load_repo_config

from lagoa.bootstrap import open_lake, open_online_features
from lagoa.domain.features import Definitions
from lagoa.domain.refs import MAIN
from lagoa.domain.tables import TableName
from lagoa.errors import TableNotFound
from lagoa.feast.refs import current_ref
from lagoa.feast.repository import settings_of
from lagoa.feast.source import read_ref
from lagoa.feast.views import definitions_of
from lagoa.features.changes import refuse_breaking, refuse_unknown
from lagoa.features.offline import TablesAt
from lagoa.features.online import check_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feast.repo_config import RegistryConfig

    from lagoa.domain.features import FeatureView as Definition


class LakeRegistryStore(RegistryStore):
    """Keeps the registry.

    Args:
        registry_config: its settings in `feature_store.yaml`.
        repo_path: the folder of the feature repository, which is in the lake's.
    """

    def __init__(self, registry_config: RegistryConfig, repo_path: Path | None) -> None:
        del registry_config
        self._settings = settings_of(repo_path)
        self._repository = repo_path
        self._store = open_online_features(self._settings)

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
            FeatureError: a feature that a service uses would be another one, or gone, or is of no view; the table of a
                view that is new or changed lacks a column of it, or has another type.
        """
        definitions, before = _defined(registry_proto), self._store.definitions()
        refuse_breaking(before, definitions)
        refuse_unknown(definitions)
        known = before.views if before else {}
        self._check_tables([each for name, each in definitions.views.items() if known.get(name) != each])
        registry_proto.version_id = str(uuid.uuid4())
        registry_proto.last_updated.FromDatetime(datetime.now(UTC))
        self._store.set_registry(registry_proto.SerializeToString(), definitions)

    def teardown(self) -> None:
        """Forget all that was applied."""
        self._store.set_registry(Registry().SerializeToString(), Definitions(""))

    def _check_tables(self, views: Sequence[Definition]) -> None:
        """Check views against the tables that the ref of the repository has by now."""
        if not views:
            return
        with open_lake(self._settings) as lake:
            tables = TablesAt(lake.context, self._ref())
            for view in views:
                with suppress(TableNotFound):
                    check_columns(view, tables.types(TableName.parse(view.table)))

    def _ref(self) -> str:
        """Return the ref that the repository reads; `main` for one that is made in Python."""
        settings = Path(self._repository or "") / "feature_store.yaml"
        if not settings.is_file():
            return current_ref() or MAIN
        return read_ref(load_repo_config(settings.parent, settings))


def _defined(registry: Registry) -> Definitions:
    return definitions_of(
        registry.projects[0].spec.name if registry.projects else "",
        map(FeatureView.from_proto, registry.feature_views),
        map(FeatureService.from_proto, registry.feature_services),
        registry.on_demand_feature_views,
    )
