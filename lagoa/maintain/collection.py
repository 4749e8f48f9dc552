"""Garbage collection: files that no kept state needs go into the trash, and are deleted later.

First everything is marked that a ref, or a state that may still be read, needs. Then the folders of this lake's tables
are listed: what is not marked there is garbage. Nothing else in the warehouse is looked at. It is moved if an earlier
collection has found it to be garbage, too, longer ago than anything can take that had got hold of it before. Directly
before, what refs have got meanwhile is marked.
"""

from __future__ import annotations

import sqlite3
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from typing import TYPE_CHECKING

from lagoa.domain.faults import fault_point
from lagoa.domain.lists import counted
from lagoa.errors import CatalogDamaged, CollectionFailed
from lagoa.maintain.folders import folder_of, known_folders, note_folders
from lagoa.maintain.garbage import Garbage
from lagoa.maintain.lists import FOUND, read_list, write_list
from lagoa.maintain.reachable import files_of, reachable
from lagoa.maintain.retention import (
    branch_states,
    main_states,
    published_states,
    require_collectable,
    side_states,
    time_now,
)
from lagoa.maintain.seen import Seen
from lagoa.maintain.trash import Trash, TrashFolder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lagoa.context import LakeContext
    from lagoa.storage.port import Storage, Stored

_LIST_NAME = "%Y%m%dT%H%M%S.%fZ.jsonl"
"""Of the list of the garbage that a collection found: when it began."""

_EVER = datetime.min.replace(tzinfo=UTC)
_PAGE = 10_000
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Collection:
    """What a collection did, or would do.

    Attributes:
        at: when (UTC).
        dry_run: whether nothing was moved or deleted.
        states: how many commits are kept with their files, at least in part.
        listed: how many files the lake's tables have in the warehouse.
        garbage: how many of them nothing needs, nor has since an earlier collection, the grace period ago.
        garbage_bytes: their bytes.
        waiting: how many more nothing needs now: they are moved if that is still so after the grace period.
        sample: some of the garbage, by place.
        trash: the name of what was moved, in the trash; empty if nothing was.
        deleted: what was in the trash for longer than `trash_days`, and was deleted.
    """

    at: datetime
    dry_run: bool
    states: int
    listed: int
    garbage: int
    garbage_bytes: int
    waiting: int
    sample: tuple[str, ...] = ()
    trash: str = ""
    deleted: tuple[Trash, ...] = ()

    def __repr__(self) -> str:
        found = f"{counted(self.garbage, 'file')} of {self.listed:,}, {self.garbage_bytes:,} bytes"
        return f"<Collection{' (dry run)' if self.dry_run else ''}: {found}>"


def collect(context: LakeContext, *, dry_run: bool = True) -> Collection:
    """Move files that no kept state needs into the trash, and delete what was there for `trash_days`.

    What an earlier collection, longer ago than the grace period, did not find to be garbage waits for the next one.
    Nothing is moved if anything that is marked cannot be read, or is not where it should be.

    Args:
        context: the lake.
        dry_run: whether only to say what would be done.

    Raises:
        CatalogDamaged: a file that tells what a state needs cannot be read, or a file that one needs is missing.
        ClockBehind: a commit, publication or record is of a time to come.
        NotCollectable: the lake is on servers, and was opened as another role than the maintainer.
        CollectionFailed: a disk is full, or files cannot be moved; those that were are in the trash.
    """
    require_collectable(context)
    try:
        with Seen() as seen, Seen() as before, Seen() as recent, Garbage() as garbage, Garbage() as waiting:
            return _Collector(context, seen, before, recent, garbage, waiting).run(dry_run=dry_run)
    except (OSError, sqlite3.Error) as error:
        raise CollectionFailed(str(error)) from error


class _Collector:
    """One collection; see `collect`."""

    def __init__(
        self, context: LakeContext, seen: Seen, before: Seen, recent: Seen, garbage: Garbage, waiting: Garbage
    ) -> None:
        self._context = context
        self._storage = context.storage
        self._seen = seen
        self._before = before
        self._recent = recent
        self._garbage = garbage
        self._waiting = waiting
        self._now = time_now(context)
        self._store_now_s = _store_now_s(context.storage)
        self._record = context.expiry.newest()
        self._found_at: datetime | None = None
        self._marked: set[str] = set()
        self._marked_in_part: set[str] = set()
        self._listed = 0

    def run(self, *, dry_run: bool) -> Collection:
        folders, lists = known_folders(self._context), self._lists_before()
        self._read_lists(lists)
        expected = 0
        for place in self._mark():
            expected += folder_of(self._storage, place) in folders
        for _ in self._needed_since():
            pass
        fault_point("collect.marked")
        missing = expected - self._list(folders)
        if missing:
            raise CatalogDamaged(
                f"Of the files that kept states need, {missing:,} are not in the folders of the lake's tables.",
                "Nothing was collected. `lagoa doctor` names missing files of branches and tags; restore them first.",
            )
        fault_point("collect.listed")
        for place in chain(self._mark(), self._needed_since()):  # what came meanwhile
            self._garbage.spare(place)
            self._waiting.spare(place)
        fault_point("collect.looked")
        name, deleted = ("", []) if dry_run else (self._move(lists), self._delete_old())
        files, size = self._garbage.totals()
        waiting, _ = self._waiting.totals()
        sample = tuple(place for place, _ in islice(chain(self._garbage, self._waiting), _SHOWN))
        states = len(self._marked | self._marked_in_part)
        return Collection(self._now, dry_run, states, self._listed, files, size, waiting, sample, name, tuple(deleted))

    def _mark(self) -> Iterator[str]:
        """Mark what is needed now, and yield the places that were not marked before."""
        new = [commit for commit in dict.fromkeys(self._commits()) if commit not in self._marked]
        for needed in reachable(self._context, new, self._seen):
            yield needed.place
        self._marked.update(new)
        for part in self._record.parts if self._record is not None else ():
            new = [commit for commit in part.kept if commit not in self._marked and commit not in self._marked_in_part]
            for needed in reachable(self._context, new, self._seen, part.without):
                yield needed.place
            self._marked_in_part.update(new)

    def _pointers(self, since: datetime | None) -> Iterator[str]:
        """Yield every pointer that any commit has set since a time, the latest first."""
        return self._context.all_pointers(since) if self._context.all_pointers else iter(())

    def _needed_since(self) -> Iterator[str]:
        """Yield places that any commit needed since the garbage was found, and that were not yielded before.

        Its branch may have been deleted since, while somebody who has read it makes another one.
        """
        if self._found_at is not None:
            since = self._found_at - timedelta(hours=self._context.settings.retention.grace_hours)
            for needed in files_of(self._context, self._pointers(since), self._recent):
                yield needed.place

    def _commits(self) -> Iterator[str]:
        """Yield the commits whose states are needed: of refs, and all that the newest record lets be named."""
        refs, record = self._context.catalog.refs(), self._record
        published = published_states(self._context)
        kept = record.ids if record is not None else frozenset[str]()
        return chain(
            (commit.id for commit in main_states(self._context, refs, lambda commit: commit.id in kept)),
            record.kept if record is not None else (),
            branch_states(self._context, refs, published),
            side_states(self._context, refs, published, record.at - record.grace if record is not None else _EVER),
        )

    def _list(self, folders: set[str]) -> int:
        """Find the garbage in folders; return how many files are marked."""
        files = chain.from_iterable(self._storage.files_in(self._storage.location_of(each)) for each in sorted(folders))
        needed = 0
        while page := list(islice(files, _PAGE)):
            places = [each.place for each in page]
            marked, before = self._seen.among(places), self._before.among(places) - self._recent.among(places)
            others = [each for each in page if each.place not in marked]
            due = [each for each in others if each.place in before and each.modified_s <= self._oldest_s]
            self._garbage.add(due)
            self._waiting.add(each for each in others if each.place not in before or each.modified_s > self._oldest_s)
            self._listed += len(page)
            needed += len(marked)
        return needed

    @property
    def _oldest_s(self) -> float:
        """The time, by the clock of the store, at which what takes the grace period may have begun."""
        return self._store_now_s - self._grace_s

    @property
    def _grace_s(self) -> float:
        return self._context.settings.retention.grace_hours * 3600.0

    def _lists_before(self) -> list[Stored]:
        """Return the lists of the garbage that collections found before the grace period, the newest first."""
        files = self._storage.files_in(f"{self._storage.home}/{FOUND}")
        lists = sorted(files, key=lambda each: (each.modified_s, each.place))
        return [each for each in reversed(lists) if each.modified_s <= self._oldest_s]

    def _needed_lists(self, lists: Sequence[Stored]) -> list[Stored]:
        """Return of these lists those in all of which garbage has to be: the newest.

        If the catalog does not know what commits of deleted branches needed since, it is also the newest that was made
        the grace period before that. None if there are not as many.
        """
        if not lists or not self._context.forgets_branches:
            return [*lists[:1]]
        earlier = [each for each in lists if each.modified_s <= lists[0].modified_s - self._grace_s]
        return [lists[0], earlier[0]] if earlier else []

    def _read_lists(self, lists: Sequence[Stored]) -> None:
        """Read which files earlier collections had found to be garbage."""
        if not (needed := self._needed_lists(lists)):
            return
        newest, *earlier = needed
        oldest = [newest, *earlier][-1]
        began = datetime.strptime(oldest.place.rpartition("/")[2], _LIST_NAME).replace(tzinfo=UTC)
        # The clock of who made the list may have been ahead. How long ago it was written, that of the store says.
        self._found_at = min(began, self._now - timedelta(seconds=self._store_now_s - oldest.modified_s))
        with Seen() as first:
            for each in earlier:
                for place in self._listed_in(each):
                    first.add(place)
            for place in self._listed_in(newest):
                if not earlier or place in first:
                    self._before.add(place)

    def _listed_in(self, found: Stored) -> Iterator[str]:
        for path, _ in read_list(self._storage, self._storage.location_of(found.place)):
            yield f"{self._storage.location}/{path}"

    def _move(self, lists: Sequence[Stored]) -> str:
        """Move the garbage into the trash; return its name there, and keep the list of what waits."""
        note_folders(self._context)
        name, found = f"{self._now:%Y%m%dT%H%M%S.%fZ}", f"{self._now:{_LIST_NAME}}"
        write_list(self._storage, f"{self._storage.home}/{FOUND}/{found}", self._waiting)
        needed = self._needed_lists(lists)
        for replaced in lists[lists.index(needed[-1]) + 1 :] if needed else ():
            self._storage.discard(self._storage.location_of(replaced.place))
        fault_point("collect.noted")
        if not self._garbage.totals()[0]:
            return ""
        trash = TrashFolder(self._storage)
        trash.begin(name, self._garbage)
        fault_point("collect.begun")
        for _ in trash.put(name, (place for place, _ in self._garbage)):
            fault_point("collect.moved")
        return name

    def _delete_old(self) -> list[Trash]:
        days = self._context.settings.retention.trash_days
        return TrashFolder(self._storage).delete_older(days, self._store_now_s)


def _store_now_s(storage: Storage) -> float:
    """Return the time by the clock of the store, in seconds since 1970: files' ages are counted from it."""
    folder = f"{storage.home}/_lagoa/clock-{uuid.uuid4().hex}"
    with storage.file_io({}).new_output(f"{folder}/now").create() as stream:
        stream.write(b"")
    try:
        return next(each.modified_s for each in storage.files_in(folder))
    finally:
        storage.discard(folder)
