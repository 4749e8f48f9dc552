"""A cache of the metadata files of a lake's tables; these never change."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from lagoa.catalog.table_facts import table_document, table_facts
from lagoa.domain.cache import Cache
from lagoa.errors import CatalogDamaged

if TYPE_CHECKING:
    from pyiceberg.io import OutputFile
    from pyiceberg.table.metadata import TableMetadata

    from lagoa.catalog.table_facts import TableFacts
    from lagoa.storage.port import Storage

SNAPSHOTS = 20
"""How many snapshots a new metadata file lists by default."""

_FACTS = 32 * 1024**2
_PARSED = 32 * 1024**2
"""How many bytes are cached: of facts, and of PyIceberg's objects, which take milliseconds to parse."""

_PER_FILE, _PER_SNAPSHOT, _PER_FIELD, _PER_COLUMN = 16_000, 4_500, 1_500, 200
"""About how many bytes a file, and each part of it, takes in memory, as measured."""


def _facts_size(facts: TableFacts) -> int:
    texts = sum(len(key) + len(value) for key, value in facts.properties.items())
    return 1_000 + _PER_COLUMN * len(facts.columns) + texts


def _parsed_size(metadata: TableMetadata) -> int:
    fields = sum(len(schema.fields) for schema in metadata.schemas)
    texts = sum(len(key) + len(value) for key, value in metadata.properties.items())
    return _PER_FILE + _PER_SNAPSHOT * len(metadata.snapshots) + _PER_FIELD * fields + texts


def without_history(metadata: TableMetadata) -> TableMetadata:
    """Return a table's metadata as if nothing had been written to it: what files of it must match is the same."""
    return metadata.model_copy(
        update={
            "current_snapshot_id": None,
            "refs": {},
            "snapshots": [],
            "snapshot_log": [],
            "metadata_log": [],
            "statistics": [],
            "partition_statistics": [],
        }
    )


def with_recent_history(metadata: TableMetadata, most: int) -> TableMetadata:
    """Return a table's metadata with its latest snapshots, those before left out: older commits have them.

    Args:
        metadata: of the table.
        most: how many snapshots stay, or the table's property `history.expire.min-snapshots-to-keep` if that is more.
            Those that tags and branches inside of the table name stay, too.
    """
    from pyiceberg.table import TableProperties

    most = max(most, int(metadata.properties.get(TableProperties.MIN_SNAPSHOTS_TO_KEEP, "1")))
    if len(metadata.snapshots) <= most and len(metadata.metadata_log) <= most:
        return metadata
    named = {each.snapshot_id for each in metadata.refs.values()} | {metadata.current_snapshot_id}
    older, latest = metadata.snapshots[:-most], metadata.snapshots[-most:]
    snapshots = [*(each for each in older if each.snapshot_id in named), *latest]
    gone = {each.snapshot_id for each in older} - named
    return metadata.model_copy(
        update={
            "snapshots": snapshots,
            "snapshot_log": [each for each in metadata.snapshot_log if each.snapshot_id not in gone][-most:],
            "metadata_log": metadata.metadata_log[-most:],
            "statistics": [each for each in metadata.statistics if each.snapshot_id not in gone],
            "partition_statistics": [each for each in metadata.partition_statistics if each.snapshot_id not in gone],
        }
    )


def write_metadata(metadata: TableMetadata, file: OutputFile) -> None:
    """Write a metadata file; raises `OSError`.

    A table without a snapshot has the id -1, as Iceberg's Java library writes it: Nessie opens no other.
    """
    from pyiceberg.serializers import ToOutputFile

    if metadata.current_snapshot_id is None:
        metadata = metadata.model_copy(update={"current_snapshot_id": -1})
    ToOutputFile.table_metadata(metadata, file)


class MetadataFiles:
    """The metadata files of one lake, each read once while it is cached; threads may share one.

    Args:
        storage: opens the files.
        snapshots: how many snapshots a new metadata file lists; see `with_recent_history`.
    """

    def __init__(self, storage: Storage, snapshots: int = SNAPSHOTS) -> None:
        self.storage = storage
        self.snapshots = snapshots
        self._facts: Cache[str, TableFacts] = Cache(_FACTS, _facts_size)
        self._parsed: Cache[str, TableMetadata] = Cache(_PARSED, _parsed_size)

    def facts(self, pointer: str) -> TableFacts:
        """Return the facts of the table at a pointer; raises `CatalogDamaged`."""
        return self._facts.of(pointer, lambda: table_facts(table_document(pointer, self.storage.read)))

    def rows_of(self, pointer: str) -> str:
        """Return the pointer by which a table's rows are known: another state's, if it was only rewritten since.

        A pointer whose metadata cannot be read is known by itself.
        """
        with suppress(CatalogDamaged):
            return self.facts(pointer).rows_of or pointer
        return pointer

    def same_rows(self, a: str | None, b: str | None) -> bool:
        """Return whether two states of a table are one, but for rewrites of the same rows; None is no table."""
        return a == b or (a is not None and b is not None and self.rows_of(a) == self.rows_of(b))

    def parsed(self, pointer: str) -> TableMetadata:
        """Return a metadata file as PyIceberg's object; raises `OSError`, `ValueError`."""
        from pyiceberg.serializers import FromInputFile

        return self._parsed.of(
            pointer, lambda: FromInputFile.table_metadata(self.storage.file_io({}).new_input(pointer))
        )

    def keep(self, pointer: str, metadata: TableMetadata) -> None:
        """Cache metadata that was just written."""
        self._parsed.keep(pointer, metadata)
