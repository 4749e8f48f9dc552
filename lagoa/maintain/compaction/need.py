"""Which files of a table are better rewritten, by its metadata and manifests alone."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pyiceberg.manifest import ManifestContent

from lagoa.catalog.readable import refuse_unreadable_table, table_at
from lagoa.catalog.table_facts import target_bytes
from lagoa.errors import TableUnreadable
from lagoa.write.rewrite import live_entries

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyiceberg.manifest import DataFile
    from pyiceberg.table import StaticTable
    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.typedef import Record

    from lagoa.context import LakeContext
    from lagoa.domain.tables import TableName
    from lagoa.write.rewrite import Entries

_SMALL = 0.75
"""A file of this share of the target, or more, is large enough."""

_FEW = 5
"""So many files are worth to be one. Fewer are if the largest of them has no more than `_MOST` of their bytes: else it
would be written again and again, for a small file each time."""

_MOST = 0.75

_IN_ORDER = 4
"""Files that are sorted together have so many times the bytes of one: so files of them do not overlap."""

_MANIFESTS = 8
"""So many small manifests are left alone."""

_WRITTEN_FORMAT = 2  # the latest that PyIceberg writes manifests for


@dataclass(frozen=True, slots=True)
class Group:
    """Files that are read and written together.

    Attributes:
        files: the files.
        partition: the partition of all their rows, by the table's present spec; None if that is to be found out.
    """

    files: Sequence[DataFile]
    partition: Record | None

    @property
    def bytes(self) -> int:
        """The size of the files."""
        return sum(each.file_size_in_bytes for each in self.files)


@dataclass(frozen=True, slots=True)
class Need:
    """What is better rewritten of a table at one state.

    Attributes:
        table: the table.
        pointer: its state.
        metadata: its metadata.
        every: all its data files.
        groups: the files to rewrite.
        whole: whether that is all of them, read through the metadata, as delete files delete rows of them.
        entries: what its manifests of data files name, by their paths; none if that is not all there is to know.
        manifests: number of its manifests.
        reason: why nothing can be done, though something should; else empty.
    """

    table: TableName
    pointer: str
    metadata: TableMetadata
    every: Group
    groups: Sequence[Group] = ()
    whole: bool = False
    entries: Entries = field(default_factory=dict)
    manifests: int = 0
    reason: str = ""

    @property
    def due(self) -> bool:
        """Whether anything is to be done."""
        return bool(self.groups) or self.many_manifests

    @property
    def many_manifests(self) -> bool:
        """Whether it is worth to merge its manifests."""
        return not self.reason and self.manifests > _MANIFESTS + len(self.every.files) // 1000


def need_of(context: LakeContext, name: TableName, pointer: str) -> Need | None:
    """Return what is better rewritten of a table; None if nothing is, as its metadata says without its manifests.

    Args:
        context: the lake.
        name: the table.
        pointer: its state.
    """
    metadata = context.metadata.parsed(pointer)
    snapshot = metadata.current_snapshot()
    if snapshot is None:
        return None
    said = snapshot.summary.additional_properties if snapshot.summary else {}
    alone = said.get("total-data-files") in {"0", "1"} and said.get("total-delete-files") == "0"
    if alone and len(metadata.partition_specs) == 1:
        return None
    table = table_at(context.storage, pointer)
    reason = _obstacle(table)
    manifests = snapshot.manifests(table.io)
    if reason:
        return Need(name, pointer, metadata, Group((), None), manifests=len(manifests), reason=reason)
    entries: Entries = {}
    whole = False
    if all(each.content == ManifestContent.DATA for each in manifests):
        entries = live_entries(table.io, manifests)
        files = [entry.data_file for found in entries.values() for entry in found]
    else:
        tasks = list(table.scan().plan_files())
        files = [task.file for task in tasks]
        whole = any(task.delete_files for task in tasks)
    every = Group(files, None)
    target = target_bytes(metadata.properties, context.settings.target_file_mb * 1024**2)
    groups = [every] if whole else list(_groups(metadata, files, target))
    return Need(name, pointer, metadata, every, groups, whole, entries, len(manifests))


def _obstacle(table: StaticTable) -> str:
    """Return why a table cannot be rewritten; empty if it can."""
    if table.metadata.format_version > _WRITTEN_FORMAT:
        return f"it has Iceberg format version {table.metadata.format_version}"
    try:
        refuse_unreadable_table(table)
    except TableUnreadable as error:
        return error.message
    return ""


def _groups(metadata: TableMetadata, files: Sequence[DataFile], target: int) -> Iterator[Group]:
    """Yield the files to rewrite: small ones of one partition, and those of an earlier partition spec."""
    parts: dict[tuple[int, Record], list[DataFile]] = defaultdict(list)
    for file in reversed(files):  # manifests name the newest first
        parts[file.spec_id, file.partition].append(file)
    most = target * (_IN_ORDER if metadata.sort_order().fields else 1)
    earlier: list[DataFile] = []
    for (spec, partition), found in parts.items():
        if spec != metadata.default_spec_id:
            earlier += found
            continue
        small = [file for file in found if file.file_size_in_bytes < _SMALL * target]
        yield from (Group(each, partition) for each in _packed(small, most) if _is_worth_it(each))
    yield from (Group(each, None) for each in _packed(earlier, target * _IN_ORDER))


def _packed(files: Sequence[DataFile], most: int) -> Iterator[list[DataFile]]:
    """Yield files in their order, so many together that they have at most so many bytes."""
    pack: list[DataFile] = []
    size = 0
    for file in files:
        if pack and size + file.file_size_in_bytes > most:
            yield pack
            pack, size = [], 0
        pack.append(file)
        size += file.file_size_in_bytes
    if pack:
        yield pack


def _is_worth_it(files: Sequence[DataFile]) -> bool:
    sizes = [file.file_size_in_bytes for file in files]
    return len(files) >= _FEW or (len(files) > 1 and max(sizes) <= sum(sizes) * _MOST)
