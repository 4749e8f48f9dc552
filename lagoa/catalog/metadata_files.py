"""What the metadata files of a lake's tables say, kept in memory: none of them ever changes."""

from __future__ import annotations

from operator import attrgetter
from threading import Lock
from typing import TYPE_CHECKING, Any

from cachetools import LRUCache, cachedmethod

from lagoa.catalog.table_facts import table_document, table_facts

if TYPE_CHECKING:
    from pyiceberg.table.metadata import TableMetadata

    from lagoa.catalog.table_facts import TableFacts
    from lagoa.storage.port import Storage

_FACTS = 2048
_PARSED = 512
"""How many files are kept: as facts, and as PyIceberg has them, which takes milliseconds to parse."""


class MetadataFiles:
    """The metadata files of one lake, each read once while it is kept; threads share one.

    Args:
        storage: opens the files.
    """

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self._lock = Lock()
        self._facts: LRUCache[Any, TableFacts] = LRUCache(_FACTS)
        self._parsed: LRUCache[str, TableMetadata] = LRUCache(_PARSED)

    @cachedmethod(attrgetter("_facts"), lock=attrgetter("_lock"))
    def facts(self, pointer: str) -> TableFacts:
        """Return the facts of the table at a pointer; raises `CatalogDamaged`."""
        return table_facts(table_document(pointer, self.storage.read))

    def parsed(self, pointer: str) -> TableMetadata:
        """Return a metadata file as PyIceberg has it; raises `OSError`, `ValueError`."""
        from pyiceberg.serializers import FromInputFile

        with self._lock:
            found = self._parsed.get(pointer)
        if found is None:
            found = FromInputFile.table_metadata(self.storage.file_io({}).new_input(pointer))
            self.keep(pointer, found)
        return found

    def keep(self, pointer: str, metadata: TableMetadata) -> None:
        """Keep what was just written."""
        with self._lock:
            self._parsed[pointer] = metadata
