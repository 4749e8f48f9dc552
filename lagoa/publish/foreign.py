"""What a commit of another program, such as PyIceberg or Trino, did to a table: it has no intents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.domain.commits import Intent

NAMES = "schema.name-mapping.default"
"""Table property: which columns those of files without field ids are."""

_KEEP_ROWS = frozenset({"append", "replace"})
"""Kinds of snapshots that remove no row."""

if TYPE_CHECKING:
    from pyiceberg.manifest import ManifestFile
    from pyiceberg.table.metadata import TableMetadata

    from lagoa.context import LakeContext
    from lagoa.domain.tables import TableName


def foreign_intent(
    context: LakeContext, table: TableName, before: str | None, after: str | None, *, several: bool = False
) -> Intent:
    """Return what led from one state of a table to the next: an append if only files were added, else a replacement.

    Args:
        context: the lake.
        table: its name.
        before: its pointer before; None if it was created.
        after: its pointer after; None if it was dropped.
        several: whether it may have been several commits. A delete between appends leaves no trace if it met none but
            new files; on other rows it might have met more, and so all of it is a replacement.
    """
    if after is None:
        return Intent("drop", str(table))
    then = None if before is None else context.metadata.parsed(before)
    now = context.metadata.parsed(after)
    same = _plain(then, now) and not (several and not _only_appends(then, now))
    added = _added_files(context, then, now) if same else None
    if added is None:
        return Intent("replace", str(table), now.current_snapshot_id, now.current_schema_id, now.default_spec_id)
    snapshot = now.current_snapshot_id if added else None
    return Intent("append", str(table), snapshot, now.current_schema_id, now.default_spec_id, files=tuple(added))


def only_added_rows(context: LakeContext, table: TableName, before: str | None, after: str | None) -> bool:
    """Return whether a table was only appended to from one state to the next, and its files rewritten."""
    if before is not None and after is not None:
        then, now = (context.metadata.parsed(each) for each in (before, after))
        if then.table_uuid == now.table_uuid and _only_appends(then, now):
            return True
    return foreign_intent(context, table, before, after).kind == "append"


def _only_appends(then: TableMetadata | None, now: TableMetadata) -> bool:
    """Return whether every snapshot since an earlier state appended or rewrote files; not if one is listed no more."""
    snapshots = {each.snapshot_id: each for each in now.snapshots}
    begun = then.current_snapshot_id if then is not None else None
    at = now.current_snapshot_id
    while at != begun:
        snapshot = snapshots.get(at) if at is not None else None
        if snapshot is None or snapshot.summary is None or snapshot.summary.operation.value not in _KEEP_ROWS:
            return False
        at = snapshot.parent_snapshot_id
    return True


def _plain(then: TableMetadata | None, now: TableMetadata) -> bool:
    """Return whether two states of a table differ in nothing but files; properties may say how files are read."""
    if then is None:
        return NAMES not in now.properties
    parts = ((each.schema(), each.spec(), each.sort_order(), each.properties) for each in (then, now))
    return len({repr(part) for part in parts}) == 1


def _added_files(context: LakeContext, then: TableMetadata | None, now: TableMetadata) -> list[str] | None:
    """Return the paths of the data files that were added; None if anything else changed."""
    before, after = (_manifests(context, each) for each in (then, now))
    old = _live_files(context, now, [each for path, each in before.items() if path not in after])
    new = _live_files(context, now, [each for path, each in after.items() if path not in before])
    if old is None or new is None or not old <= new:
        return None
    return sorted(new - old)


def _manifests(context: LakeContext, metadata: TableMetadata | None) -> dict[str, ManifestFile]:
    snapshot = metadata and metadata.current_snapshot()
    if not metadata or not snapshot:
        return {}
    io = context.storage.file_io(metadata.properties)
    return {each.manifest_path: each for each in snapshot.manifests(io)}


def _live_files(context: LakeContext, metadata: TableMetadata, manifests: list[ManifestFile]) -> set[str] | None:
    """Return the data files in manifests; None if they have deletes."""
    from pyiceberg.manifest import ManifestContent

    if any(each.content != ManifestContent.DATA for each in manifests):
        return None
    io = context.storage.file_io(metadata.properties)
    entries = (each for manifest in manifests for each in manifest.fetch_manifest_entry(io, discard_deleted=True))
    return {each.data_file.file_path for each in entries}
