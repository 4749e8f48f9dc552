"""Feast on a lake: its sources and stores. This is what files of a feature repository import."""

from lagoa.feast.refs import at_ref
from lagoa.feast.source import LakeSource
from lagoa.feast.views import declared_features

__all__ = ["LakeSource", "at_ref", "declared_features"]
