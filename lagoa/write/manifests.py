"""Which manifests of a table a write puts together, so that their number grows with the logarithm of that of the files.

There is at most one manifest for each power of four of its files, until it is full. So a write that adds one file
rewrites the entries of about ten others, and a reader opens few manifests. Entries keep the snapshot that added their
file, and manifests are new files: an older state refers to those of that state.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pyiceberg.manifest import ManifestFile

_FANOUT = 4
_FULL_FILES, _FULL_BYTES = 1_024, 8 * 2**20
"""A manifest with so many files or bytes is left alone: rewriting it takes long, and opening it costs little a file."""

_MOST = 256
"""How many manifests one write puts together at most; tables that earlier versions wrote have one for each write."""


def live_files(manifest: ManifestFile) -> int:
    """Return the number of files in a manifest that belong to the table; format 1 may not say: many."""
    added, existing = manifest.added_files_count, manifest.existing_files_count
    return _FULL_FILES if added is None or existing is None else added + existing


def groups(
    manifests: Sequence[ManifestFile], new_files: int = 0
) -> tuple[list[ManifestFile], list[list[ManifestFile]]]:
    """Decide which manifests of one partition spec are put together.

    Args:
        manifests: those of the table with files that belong to it.
        new_files: the number of files that are added, without a manifest yet.

    Returns:
        The manifests that go into one with the added files; and groups of the others: one alone stays as it is.
    """
    small = sorted((each for each in manifests if not _is_full([each])), key=live_files)
    rest = [[each] for each in manifests if _is_full([each])]
    by_power: dict[int, list[ManifestFile]] = {}
    for each in islice(small, _MOST):
        group = [each]
        while not _is_full(group) and (power := _power(_files(group))) in by_power:
            group = [*by_power.pop(power), *group]
        if _is_full(group):
            rest.append(group)
        else:
            by_power[_power(_files(group))] = group
    with_new: list[ManifestFile] = []
    if new_files:
        while (power := _power(_files(with_new) + new_files)) in by_power:
            with_new = [*by_power.pop(power), *with_new]
    return with_new, [*by_power.values(), *rest, *([each] for each in small[_MOST:])]


def _files(group: Iterable[ManifestFile]) -> int:
    return sum(map(live_files, group))


def _is_full(group: list[ManifestFile]) -> bool:
    return _files(group) >= _FULL_FILES or sum(each.manifest_length for each in group) >= _FULL_BYTES


def _power(files: int) -> int:
    power = 0
    while files >= _FANOUT ** (power + 1):
        power += 1
    return power
