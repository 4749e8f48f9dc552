"""Sources that a lake loads from by itself: declared in `sources/`, read from a position on, loaded as contracts say.

A kind of source is a package here and a line in `registry`.
"""

from __future__ import annotations

from lagoa.sources.failures import LoadedSources
from lagoa.sources.reading import Source, find_source, read_sources, tables_of
from lagoa.sources.run import connected, load_source, rebuild_from_raw
from lagoa.sources.status import SourceTableState, lake_sources, source_states

__all__ = [
    "LoadedSources",
    "Source",
    "SourceTableState",
    "connected",
    "find_source",
    "lake_sources",
    "load_source",
    "read_sources",
    "rebuild_from_raw",
    "source_states",
    "tables_of",
]
