"""A cache of the metadata files of a lake's tables; these never change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.catalog.table_facts import table_document, table_facts
from lagoa.domain.cache import Cache

if TYPE_CHECKING:
    from pyiceberg.table.metadata import TableMetadata

    from lagoa.catalog.table_facts import TableFacts
    from lagoa.storage.port import Storage

_FACTS = 2048
_PARSED = 512
"""How many files are cached: as facts, and as PyIceberg's objects, which take milliseconds to parse."""


class MetadataFiles:
    """The metadata files of one lake, each read once while it is cached; threads may share one.

    Args:
        storage: opens the files.
    """

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self._facts: Cache[str, TableFacts] = Cache(_FACTS)
        self._parsed: Cache[str, TableMetadata] = Cache(_PARSED)

    def facts(self, pointer: str) -> TableFacts:
        """Return the facts of the table at a pointer; raises `CatalogDamaged`."""
        return self._facts.of(pointer, lambda: table_facts(table_document(pointer, self.storage.read)))

    def parsed(self, pointer: str) -> TableMetadata:
        """Return a metadata file as PyIceberg's object; raises `OSError`, `ValueError`."""
        from pyiceberg.serializers import FromInputFile

        return self._parsed.of(
            pointer, lambda: FromInputFile.table_metadata(self.storage.file_io({}).new_input(pointer))
        )

    def keep(self, pointer: str, metadata: TableMetadata) -> None:
        """Cache metadata that was just written."""
        self._parsed.keep(pointer, metadata)
