"""Whether Lagoa's engines can read a table correctly: other engines may write what they do not support."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lagoa.catalog.table_facts import table_document, table_named
from lagoa.errors import TableUnreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyiceberg.table import StaticTable, Table

    from lagoa.storage.port import Storage

_DELETED = "total-equality-deletes"
"""Key of a snapshot's summary: the number of rows in equality delete files (Iceberg specification, appendix F)."""


def table_at(storage: Storage, pointer: str) -> StaticTable:
    """Return the table that a metadata file describes, as a read-only PyIceberg table."""
    from pyiceberg.catalog.noop import NoopCatalog
    from pyiceberg.serializers import FromInputFile
    from pyiceberg.table import StaticTable

    metadata = FromInputFile.table_metadata(storage.file_io({}).new_input(pointer))
    files = storage.file_io(metadata.properties)
    return StaticTable(("static-table", pointer), metadata, pointer, files, NoopCatalog("static-table"))


def refuse_unreadable(pointer: str, summary: Mapping[str, str] | None, opened: Callable[[], Table]) -> None:
    """Refuse a table that would be read incorrectly.

    This concerns equality deletes, as Flink writes them: PyIceberg does not support them, and DuckDB 1.5.5 deletes too
    much in partitioned tables, and crashes if the column was dropped since.

    Args:
        pointer: the table's pointer.
        summary: summary of its current snapshot; None if it has none.
        opened: returns the table; called if the summary does not say.

    Raises:
        TableUnreadable: the table has such deletes.
    """
    if summary is None or summary.get("total-delete-files") == "0" or summary.get(_DELETED) == "0":
        return
    if _DELETED in summary or _has_equality_deletes(opened()):
        raise TableUnreadable(
            table_named(_location(pointer)),
            "rows were deleted by value (equality deletes), which would be read incorrectly.",
            "Rewrite the table's files with the engine that wrote them, such as Spark with "
            "`CALL system.rewrite_data_files(table => '…', options => map('rewrite-all', 'true', "
            "'remove-dangling-deletes', 'true'))`.",
        )


def refuse_unreadable_table(table: Table) -> None:
    """Refuse a PyIceberg table that would be read incorrectly; see `refuse_unreadable`."""
    snapshot = table.metadata.current_snapshot()
    if snapshot is not None:
        summary = snapshot.summary.additional_properties if snapshot.summary else {}
        refuse_unreadable(table.metadata_location, summary, lambda: table)


def readable_table(storage: Storage, pointer: str) -> StaticTable:
    """Return the table at a pointer as a read-only PyIceberg table; raises `TableUnreadable`."""
    table = table_at(storage, pointer)
    refuse_unreadable_table(table)
    return table


def summary_of(document: Mapping[str, Any]) -> Mapping[str, str] | None:
    """Return the summary of the current snapshot from a metadata file; None if the table has no snapshot."""
    current = document.get("current-snapshot-id")
    found = (each for each in document.get("snapshots") or [] if each["snapshot-id"] == current)
    return next((each.get("summary") or {} for each in found), None)


def files_size(pointer: str, read: Callable[[str], bytes]) -> int:
    """Return the bytes of a table's data files; 0 if it has none, or its metadata does not say.

    Args:
        pointer: the table's pointer.
        read: returns the bytes of a file.
    """
    return int((summary_of(table_document(pointer, read)) or {}).get("total-files-size", 0))


def _has_equality_deletes(table: Table) -> bool:
    from pyiceberg.manifest import DataFileContent, ManifestContent

    snapshot = table.current_snapshot()
    return snapshot is not None and any(
        entry.data_file.content == DataFileContent.EQUALITY_DELETES
        for manifest in snapshot.manifests(table.io)
        if manifest.content == ManifestContent.DELETES
        for entry in manifest.fetch_manifest_entry(table.io)
    )


def _location(pointer: str) -> str:
    return pointer.rpartition("/metadata/")[0]
