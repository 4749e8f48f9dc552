"""Which changes of a feature repository are seen, and which break a service."""

from __future__ import annotations

import json

import pytest
from featured import SERVICES, SHOPS, TOWNS

from lagoa.domain.features import Definitions, OnDemandView
from lagoa.errors import FeatureError
from lagoa.features.changes import changes, refuse_breaking

SHARE = OnDemandView({"share": "DOUBLE"}, ("shops:v",))


def defined(*, share=SHARE, shops=SHOPS, services=None):
    views = {each.name: each for each in (shops, TOWNS) if each}
    on_demand = {"share": share} if share else {}
    return Definitions("test", views, services or SERVICES | {"model": ("share:share",)}, on_demand)


def found(after):
    return [(each.kind, each.what, each.detail, each.breaks) for each in changes(defined(), after)]


def test_a_computed_feature_of_another_type_gone_or_renamed_breaks_its_service():
    assert found(defined(share=OnDemandView({"share": "INT64"}, SHARE.inputs))) == [
        ("changed", "share:share", "DOUBLE to INT64", ("model",))
    ]
    assert found(defined(share=OnDemandView({"part": "DOUBLE"}, SHARE.inputs))) == [
        ("removed", "share:share", "", ("model",)),
        ("added", "share:part", "DOUBLE", ()),
    ]
    with pytest.raises(FeatureError, match=r"share.*removed.*model"):
        refuse_breaking(defined(), defined(share=None))
    gone = defined(share=None, services=SERVICES)
    refuse_breaking(defined(), gone)
    assert found(gone) == [("removed", "share", "", ()), ("removed", "model", "service", ())]


def test_what_a_computed_feature_is_made_from_is_used_by_its_service():
    assert defined().users("shops", "v") == ["both", "model"]
    assert defined().users("shops", "word") == ["both"]


def test_a_service_with_other_features_is_seen():
    less = {"both": ("shops:v", "towns:v", "towns:w"), "model": ("share:share",)}
    assert found(defined(services=less)) == [("changed", "both", "service without shops:word and with towns:w", ())]


def test_definitions_are_read_as_they_were_written():
    assert Definitions.from_json(defined().to_json()) == defined()
    first = {**json.loads(defined().to_json()), "on_demand": ["share"]}
    assert Definitions.from_json(json.dumps(first)).on_demand == {"share": OnDemandView()}
