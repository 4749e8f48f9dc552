"""Makes a backup of a lake, of one point in time, while others write.

The catalog is read first, in one state. The files that its commits need were complete before these were made, are never
changed, and are copied after it; a receipt is written before `main` moves, and so is read after it, too.
"""

from __future__ import annotations

import secrets
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, cast

from lagoa.backup.claims import LASTING, claim, is_left_over, standing
from lagoa.backup.documents import line, of_commit, of_move, of_ref
from lagoa.backup.fitness import mark, refuse_others, refuse_overlap
from lagoa.backup.manifest import (
    FILES,
    LIST,
    LISTS,
    RECORDS,
    Backup,
    Item,
    SavedFile,
    backup_ids,
    backup_named,
    files_of,
    new_id,
    read_backup,
    read_lines,
    time_of,
    write_backup,
    write_lines,
)
from lagoa.backup.place import copied, failing_as
from lagoa.backup.places import open_place
from lagoa.backup.state import save_state
from lagoa.bootstrap import open_lake
from lagoa.domain.faults import fault_point
from lagoa.domain.refs import MAIN
from lagoa.errors import BackupFailed
from lagoa.maintain.reachable import reachable
from lagoa.maintain.seen import Seen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from lagoa.backup.place import Place
    from lagoa.context import LakeContext
    from lagoa.domain.ports.saving import SavableCatalog, SavableRecords
    from lagoa.domain.saved import SavedCommit
    from lagoa.maintain.reachable import Needed
    from lagoa.settings import Settings

_THREADS = 4
_WAITING = 64
"""Files that wait to be copied, at most."""

_LISTS = 50
"""Lists of files of one backup, at most."""


def create_backup(
    settings: Settings, to: str, *, full: bool = False, since: str = "", tell: Callable[[str], None] = lambda _: None
) -> Backup:
    """Make a backup of a lake; others may write to it meanwhile.

    Args:
        settings: of the lake.
        to: a folder, or a prefix in a bucket; it may have earlier backups of the lake.
        full: copy every file, also those that an earlier backup has.
        since: the first characters of the id of the backup to build on; by default the newest one that is intact.
        tell: called with what is done, now and then.

    Raises:
        BackupRefused: the place is part of the lake, or has something else.
        BackupNotFound: there is no backup `since`.
        BackupFailed: the place cannot be written, or its disk is full.
        CatalogDamaged: metadata of the lake cannot be read.
    """
    began = time.monotonic()
    place = open_place(settings, to)
    refuse_overlap(settings, place)
    with failing_as(place.location), open_lake(settings) as lake:
        at = _now_after(place)
        making = _Making(lake.context, place, new_id(at, secrets.token_hex(3)))
        choose = partial(_to_build_on, place, since=since, full=full)
        with place.settling():
            choose(standing(place))  # before anything is written
            making.save_catalog()
            built_on = claim(place, making.id, choose)
            before = read_backup(place, built_on) if built_on else None
            making.save_records()
            fault_point("backup.records")
            tell("copying files")
            making.save_files(before, tell)
            fault_point("backup.listed")
            state = save_state(settings, place, making.id, before)
            backup = Backup(
                id=making.id,
                at=at,
                lake=settings.name,
                root=making.root,
                main=making.main,
                home=lake.context.storage.home,
                catalog=settings.catalog,
                since=before.id if before else "",
                commits=len(making.commits),
                refs=making.refs,
                receipts=making.receipts,
                files=making.total[0],
                bytes=making.total[1],
                copied=making.copied[0],
                copied_bytes=making.copied[1],
                seconds=round(time.monotonic() - began, 3),
                missing=tuple(sorted(making.missing)),
                items=making.items,
                lists=making.lists,
                state=state,
            )
        if is_left_over(backup.id, datetime.now(UTC)):  # what it has written may have been pruned
            raise BackupFailed(place.location, f"making it took longer than {LASTING.days} days")
        write_backup(place, backup)
        fault_point("backup.written")
    return backup


def _now_after(place: Place) -> datetime:
    """Return the time; later than that of the newest backup, also where the clock was set back."""
    latest = [time_of(each) for each in backup_ids(place)[-1:]]
    return max([datetime.now(UTC), *(each + timedelta(microseconds=1) for each in latest)])


def _to_build_on(place: Place, ids: Sequence[str], *, since: str, full: bool) -> str:
    """Return the one of some backups, oldest first, to build on; empty for none."""
    if full:
        return ""
    if since:
        return backup_named(place, ids, since)
    return ids[-1] if ids else ""


@dataclass
class _Making:
    """A backup while it is made.

    Attributes:
        context: the lake.
        place: where it goes.
        id: its id.
        commits: ids of its commits, parents before their children.
        items: its own files, by what is in them.
        lists: those of its files, the oldest first; the last one has the files which it copied.
        missing: files that are not in the warehouse.
        total: number and bytes of the files that it has, with those of earlier backups.
        copied: of those that it copied.
    """

    context: LakeContext
    place: Place
    id: str
    commits: list[str] = field(default_factory=list)
    items: dict[str, Item] = field(default_factory=dict)
    lists: tuple[Item, ...] = ()
    missing: set[str] = field(default_factory=set)
    root: str = ""
    main: str = ""
    refs: int = 0
    receipts: int = 0
    total: tuple[int, int] = (0, 0)
    copied: tuple[int, int] = (0, 0)

    def save_catalog(self) -> None:
        """Write refs, journal and commits of one moment; nothing is written to a place that is not fit."""
        catalog = cast("SavableCatalog", self.context.catalog)
        with catalog.saved() as saved:
            commits = iter(saved.commits)
            root = next(commits)
            refuse_others(self.place, catalog, root.commit)
            fault_point("backup.begun")
            mark(self.place, self.context.settings.name, root.commit.id)
            self.root, self.refs = root.commit.id, len(saved.refs)
            self.main = next(ref.commit for ref in saved.refs if ref.name == MAIN)
            self._write("refs", (line(of_ref(ref)) for ref in saved.refs))
            self._write("moves", (line(of_move(move)) for move in saved.moves))
            self._write("commits", self._lines_of(root, commits))

    def _lines_of(self, root: SavedCommit, others: Iterable[SavedCommit]) -> Iterator[bytes]:
        for each in (root, *others):
            self.commits.append(each.commit.id)
            yield line(of_commit(each))

    def save_records(self) -> None:
        """Write receipts, approvals, and the records of trained models."""
        store = cast("SavableRecords", self.context.receipts)
        self._write("receipts", self._lines_of_receipts(store))
        training = self.context.training
        runs = training.runs()
        models = sorted({run.model for run in runs})
        self._write("runs", (line(run.to_json()) for run in reversed(runs)))
        promotions = (each for model in models for each in reversed(training.promotions(model)))
        self._write("promotions", (line(each.to_json()) for each in promotions))

    def _lines_of_receipts(self, store: SavableRecords) -> Iterator[bytes]:
        for each in store.saved():
            self.receipts += each.kind != "part"
            yield line({"kind": each.kind, "document": each.document, "kept_by": each.kept_by})

    def save_files(self, before: Backup | None, tell: Callable[[str], None]) -> None:
        """Copy the files that the commits need and that the backups before do not have, and list them.

        The list has only what is new, until something has expired or the lists are many: then it has all that is
        needed still, and replaces those before.
        """
        known = files_of(self.place, before) if before else {}
        again = before.missing if before else ()
        expired = bool(before) and not {name for name, _ in self._expiry()} <= known.keys()
        if expired:
            needed = self._needed({*known, *again})
            known = {name: file for name, file in known.items() if name in needed}
            again = tuple(name for name in again if name in needed)
        kept = before.lists if before and not expired and len(before.lists) < _LISTS else ()
        carried = (line([file.name, file.size, file.sha256, file.base]) for file in (() if kept else known.values()))
        self.total = len(known), sum(each.size for each in known.values())
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="backup") as pool:
            lines = chain(carried, self._copies(pool, known, self._wanted(known, again, before), tell))
            self.lists = (*kept, write_lines(self.place, f"{LISTS}/{self.id}{LIST}", lines))

    def _needed(self, names: set[str]) -> set[str]:
        """Return those of some files that a state which is kept needs."""
        top = f"{self.context.storage.location}/"
        with Seen() as seen:
            places = (each.place for each in self._reachable(None, seen))
            return {name for name in (place.removeprefix(top) for place in places) if name in names}

    def _copies(
        self,
        pool: ThreadPoolExecutor,
        known: dict[str, SavedFile],
        wanted: Iterable[tuple[str, str, bool]],
        tell: Callable[[str], None],
    ) -> Iterator[bytes]:
        waiting: deque[Future[SavedFile | None]] = deque()
        try:
            for location, name, optional in wanted:
                base = known[name].base if name in known else self.id
                waiting.append(pool.submit(self._copy, location, name, base, optional))
                if len(waiting) >= _WAITING:
                    yield from self._done(waiting.popleft(), known, tell)
            while waiting:
                yield from self._done(waiting.popleft(), known, tell)
        finally:
            for each in waiting:
                each.cancel()
        fault_point("backup.files")

    def _wanted(
        self, known: dict[str, SavedFile], again: Iterable[str], before: Backup | None
    ) -> Iterator[tuple[str, str, bool]]:
        """Yield location and name of each file to copy, and whether it may be gone."""
        here, home = self.context.storage.location, self.context.storage.home
        there = self.place.sizes(FILES) if known else {}
        lost = [each.name for each in known.values() if there.get(each.stored) != each.size]
        for name in (*lost, *again):
            yield f"{home}/{name}", name, name in known
        for name, location in self._expiry():
            if name not in known:
                yield location, name, True
        with Seen() as seen:
            for name in known:
                seen.add(f"{here}/{name}")
            for needed in self._reachable(before, seen):
                if needed.place.startswith(f"{here}/"):
                    yield needed.location, needed.place[len(here) + 1 :], needed.kind == "incoming"
                else:
                    self.missing.add(needed.location)

    def _expiry(self) -> list[tuple[str, str]]:
        """Return name and location of the record of what has expired, if there is one."""
        storage = self.context.storage
        names = [each.place[len(storage.location) + 1 :] for each in self.context.expiry.files()[:1]]
        return [(name, f"{storage.home}/{name}") for name in names]

    def _reachable(self, before: Backup | None, seen: Seen) -> Iterator[Needed]:
        """Yield what the commits that the backups before do not have need; what has expired of a state needs none."""
        saved = {each["id"] for each in read_lines(self.place, before.items["commits"])} if before else set()
        new = {id_: None for id_ in self.commits if id_ not in saved}
        record = self.context.expiry.newest()
        for part in record.parts if record is not None else ():
            yield from reachable(self.context, (id_ for id_ in part.kept if id_ in new), seen, part.without)
            for id_ in part.kept:
                new.pop(id_, None)
        whole = (id_ for id_ in new if record is None or not record.has_expired(self.context.catalog.get(id_)))
        yield from reachable(self.context, whole, seen)

    def _copy(self, location: str, name: str, base: str, optional: bool) -> SavedFile | None:
        file = SavedFile(name, 0, "", base)
        try:
            source = _opened(self.context, location)
        except FileNotFoundError:
            if not optional:
                self.missing.add(name)
            return None
        with source, self.place.create(file.stored) as target:
            size, digest = copied(source, target)
        return SavedFile(name, size, digest, base)

    def _done(
        self, done: Future[SavedFile | None], known: dict[str, SavedFile], tell: Callable[[str], None]
    ) -> Iterator[bytes]:
        file = done.result()
        if file is None:
            return
        count, size = self.copied
        self.copied = count + 1, size + file.size
        if file.name not in known:
            count, size = self.total
            self.total = count + 1, size + file.size
        tell(f"copying files: {self.copied[0]:,}")
        yield line([file.name, file.size, file.sha256, file.base])

    def _write(self, what: str, lines: Iterable[bytes]) -> None:
        self.items[what] = write_lines(self.place, f"{RECORDS}/{self.id}/{what}{LIST}", lines)


def _opened(context: LakeContext, location: str) -> Any:
    path = context.storage.path(location)
    if "://" not in path:
        return open(path, "rb", buffering=0)  # noqa: PTH123 - many files; the caller closes it
    return context.storage.file_io({}).new_input(location).open(seekable=False)
