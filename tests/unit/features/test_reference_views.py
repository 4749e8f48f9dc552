"""The feature repository of the reference lake: each table with features has a view, and no view says anything else."""

from __future__ import annotations

import importlib.util
import warnings

import pytest
from checkout import ROOT

from lagoa.contracts import Contracts
from lagoa.contracts.features import feature_columns, join_keys
from lagoa.domain.feature_values import feature_type
from lagoa.formats import FORMATS

CONTRACTS = Contracts.load(ROOT / "iceberg", FORMATS)


@pytest.fixture(scope="module")
def repository():
    spec = importlib.util.spec_from_file_location("reference_features", ROOT / "feature_store" / "features.py")
    module = importlib.util.module_from_spec(spec)
    with warnings.catch_warnings(action="ignore"):  # Feast and what it imports warn when they are imported
        from feast import FeatureView

        spec.loader.exec_module(module)
    return module, [each for each in vars(module).values() if type(each) is FeatureView]


def test_each_table_with_features_has_one_view_with_its_types(repository):
    from lagoa.feast.views import view_of

    views = [view_of(each) for each in repository[1]]
    declared = {str(each.table): each for each in CONTRACTS if each.features}
    assert sorted(each.table for each in views) == sorted(declared)
    for view in views:
        contract = declared[view.table]
        assert [(each.name, each.type) for each in view.features] == [
            (name, feature_type(contract.column(name).type)) for name in feature_columns(contract)
        ]
        assert tuple(key for key, _ in view.keys) == tuple(sorted(join_keys(contract)))
        assert (view.timestamp, view.zone, view.domain) == (
            contract.features.event,
            contract.features.zone,
            contract.features.domain,
        )
        assert view.domain
        assert view.owner == contract.owner
        assert view.description == contract.description


def test_services_say_who_they_belong_to_and_read_no_column_that_looks_ahead(repository):
    module, _ = repository
    for service in (module.late_delivery, module.basket_value):
        assert service.owner
        assert service.description
        names = [feature.name for part in service.feature_view_projections for feature in part.features]
        assert "latest_source_event_at" not in names


def test_the_settings_that_the_documentation_shows_are_those_of_the_reference_lake():
    settings = (ROOT / "feature_store" / "feature_store.yaml").read_text("utf-8")
    plain = "".join(line for line in settings.splitlines(keepends=True) if not line.startswith("#"))
    assert f"```yaml\n{plain}```" in (ROOT / "docs" / "features.md").read_text("utf-8")
