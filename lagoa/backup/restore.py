"""Restores a backup to an empty lake, or puts back what a lake has lost beside its catalog."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, cast

from lagoa.backup.documents import in_order, read_commit, read_move, read_ref
from lagoa.backup.manifest import (
    Backup,
    Item,
    backup_ids,
    backup_named,
    check,
    files_of,
    read_backup,
    read_lines,
    time_of,
)
from lagoa.backup.moment import as_of
from lagoa.backup.place import Folder, copied, failing_as, settling
from lagoa.backup.places import open_place
from lagoa.bootstrap import open_for_restore, open_lake
from lagoa.domain.faults import fault_point
from lagoa.domain.refs import MAIN
from lagoa.domain.saved import SavedCatalog, former_ids, with_new_ids
from lagoa.domain.training import Promotion, TrainingRun
from lagoa.errors import (
    BackupDamaged,
    BackupNotFound,
    BackupRefused,
    NotAllowed,
    PromotionLost,
    RefNotFound,
    TrainingUnavailable,
)
from lagoa.storage.port import S3

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from lagoa.backup.manifest import SavedFile
    from lagoa.backup.place import Place
    from lagoa.context import LakeContext
    from lagoa.domain.ports.saving import SavableCatalog, SavableRecords
    from lagoa.domain.saved import SavedCommit
    from lagoa.settings import Settings

_THREADS = 4


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore has brought back.

    Attributes:
        backup: the backup.
        at: the moment whose state the lake has (UTC).
        refs: number of branches and tags; 0 if the lake's own stay.
        files: number of files that were copied.
        there: number of files that were there already, whole.
        left_out: number of receipts and records that were left out, as only their own login may write them, or as the
            lake has others of their id.
        new_ids: number of commits that have another id than they had.
        ids: the new id of each of them, by the one that it had.
    """

    backup: Backup
    at: datetime
    refs: int
    files: int
    there: int
    left_out: int
    new_ids: int
    ids: Mapping[str, str] = field(repr=False)


def restore_backup(  # noqa: PLR0913 - each is the caller's choice
    settings: Settings,
    source: str,
    *,
    at: datetime | None = None,
    id_: str = "",
    missing: bool = False,
    files: bool = True,
    tell: Callable[[str], None] = lambda _: None,
) -> Restored:
    """Restore a backup to an empty lake; nothing else may use it meanwhile. One that breaks off is done again.

    Args:
        settings: of the lake that is restored to.
        source: the place with backups.
        at: restore the state of this moment (UTC); by default that of the newest backup. It comes from the first backup
            that was made at that moment or later, whose journal knows it; if there is none, from the newest one.
        id_: the backup to take instead of the one that `at` says, by the first characters of its id.
        missing: leave the commits of a lake as they are, and put back files and records that are missing; of a lake
            without commits files alone.
        files: copy files; they are in their places already if not.
        tell: called with what is done, now and then.

    Raises:
        LakeNotEmpty: the lake has commits.
        BackupNotFound: there is no backup, or none of that moment.
        BackupDamaged: a file of the backup is not what was saved; the lake stays empty.
        BackupRefused: with `missing`, the backup is of another lake.
        BackupFailed: a file cannot be written or read.
    """
    place = open_place(settings, source)
    with failing_as(f"{place.location} or {settings.warehouse_location}"):
        backup = chosen_backup(place, at, id_)
        moment = min(at, backup.at) if at else backup.at
        opened = open_lake(settings) if missing else None
        if opened is not None:
            with opened:
                return _Restoring(opened.context, place, backup, moment, tell, files).missing()
        with open_for_restore(settings, backup.home) as context:
            done = _Restoring(context, place, backup, moment, tell, files).all(at)
        fault_point("restore.done")
        return done


def chosen_backup(place: Place, at: datetime | None = None, id_: str = "") -> Backup:
    """Return the backup that is restored from, see `restore_backup`; raises `BackupNotFound`."""
    ids = backup_ids(place)
    if not ids:
        raise BackupNotFound(place.location)
    if id_:
        return read_backup(place, backup_named(place, ids, id_))
    if at is None:
        return read_backup(place, ids[-1])
    return read_backup(place, next((each for each in ids if time_of(each) >= at), ids[-1]))


def saved_catalog(place: Place, backup: Backup, at: datetime | None) -> SavedCatalog:
    """Return the catalog that a backup has, as it was at a moment if that is earlier; raises `BackupDamaged`."""

    def lines(what: str) -> Iterator[Any]:
        return read_lines(place, backup.items[what])

    def commits() -> Iterator[SavedCommit]:
        return (read_commit(each) for each in lines("commits"))

    refs = [read_ref(each) for each in lines("refs")]
    moves = [read_move(each) for each in lines("moves")]
    if at is not None and at < backup.at:
        return as_of(refs, moves, commits, at)
    return SavedCatalog(refs, moves, commits())


@dataclass
class _Restoring:
    context: LakeContext
    place: Place
    backup: Backup
    moment: datetime
    tell: Callable[[str], None]
    with_files: bool
    counts: Counter[str] = field(default_factory=Counter)
    ids: Mapping[str, str] = field(default_factory=dict)

    def all(self, at: datetime | None) -> Restored:
        """Bring everything back; `main` last."""
        catalog = cast("SavableCatalog", self.context.catalog)
        saved = saved_catalog(self.place, self.backup, at)
        for item in self.backup.own_items():  # before anything is written
            check(self.place, item)
        fault_point("restore.begun")
        self._files()
        fault_point("restore.files")
        catalog.bring_back(saved, self._records)
        return self._done(len(saved.refs))

    def missing(self) -> Restored:
        """Put back what a lake has lost; where it has no commits yet, files alone."""
        ids: Mapping[str, str] = {}
        if not cast("SavableCatalog", self.context.catalog).is_new():
            ids = self._ids_of_same_lake()
            self._records(ids)
        self._files()
        self._rename_kept(ids)
        return self._done(0)

    def _done(self, refs: int) -> Restored:
        return Restored(
            backup=self.backup,
            at=self.moment,
            refs=refs,
            files=self.counts["copied"],
            there=self.counts["there"],
            left_out=self.counts["left out"],
            new_ids=len(self.ids),
            ids=self.ids,
        )

    def _lines(self, what: str) -> Iterator[Any]:
        return read_lines(self.place, self.backup.items[what])

    def _ids_of_same_lake(self) -> Mapping[str, str]:
        """Return the ids that commits of the backup have here; raises `BackupRefused` if it is of another lake."""
        catalog = cast("SavableCatalog", self.context.catalog)
        with suppress(RefNotFound):  # Nessie may have commits of before that no ref reaches any more
            if catalog.is_ancestor(self.backup.root, catalog.ref(MAIN).commit):
                return {}
        with catalog.saved() as saved:
            ids = {former: each.commit.id for each in saved.commits for former in former_ids(each.commit)}
        if self.backup.root not in ids:
            raise BackupRefused(self.place.location, "it has the backups of another lake")
        return ids

    def _records(self, ids: Mapping[str, str]) -> None:
        fault_point("restore.catalog")
        self.ids = dict(ids)
        store = cast("SavableRecords", self.context.receipts)
        records = in_order(lambda: self._lines("receipts"))
        renamed = (replace(each, document=with_new_ids(each.document, ids)) for each in records)
        self.counts["left out"] += store.bring_back(renamed)
        training = self.context.training
        for document in self._lines("runs"):
            try:
                training.add(TrainingRun.from_json(with_new_ids(document, ids)))
            except TrainingUnavailable:
                if not any(run.id == TrainingRun.from_json(document).id for run in training.runs()):
                    raise
                self.counts["left out"] += 1  # the lake has it, with the ids that its commits had
        for document in self._lines("promotions"):
            try:
                training.promote(Promotion.from_json(document))
            except PromotionLost:
                self.counts["left out"] += 1
        with suppress(NotAllowed):  # who may write files does it, with `missing`
            self._rename_kept(ids)
        fault_point("restore.records")

    def _rename_kept(self, ids: Mapping[str, str]) -> None:
        """Let the newest record of which states are kept have the ids that the commits have here."""
        record = self.context.expiry.newest() if ids else None
        if record is not None and (record.ids | record.partly.keys()) & ids.keys():
            self.context.expiry.write(record.renamed(ids))

    def _files(self) -> None:
        """Copy the files of the tables and of the state; they are on the disk before the catalog names them."""
        where = (self.context.storage.location, str(self.context.settings.state_folder))
        with ExitStack() as disks:
            for each in where:
                if not each.startswith(S3):
                    disks.enter_context(settling(Path(each)))
            self._tables()
            self._state()

    def _tables(self) -> None:
        if not self.with_files:
            return
        files = files_of(self.place, self.backup)
        self.tell(f"copying {len(files):,} files")
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="restore") as pool:
            for number, what in enumerate(pool.map(self._file, files.values()), 1):
                self.counts[what] += 1
                self.tell(f"copying files: {number:,}/{len(files):,}")

    def _file(self, file: SavedFile) -> str:
        storage = self.context.storage
        here = storage.path(f"{storage.home}/{_safe(self.place, file.name)}")
        item = Item(file.stored, file.size, file.sha256)
        if "://" not in here:
            return _to_folder(self.place, item, Path(here))
        target = storage.file_io({}).new_output(f"{storage.home}/{file.name}")
        there = target.to_input_file()
        if there.exists() and len(there) == file.size:
            with there.open(seekable=False) as stream:
                if copied(stream, None)[1] == file.sha256:
                    return "there"
        with self._source(item) as source, target.create(overwrite=True) as stream:
            _compare(self.place, item, *copied(source, stream))
        return "copied"

    def _source(self, item: Item) -> Any:
        try:
            return self.place.open(item.name)
        except FileNotFoundError:
            raise BackupDamaged(self.place.location, item.name, "is missing") from None

    def _state(self) -> None:
        for name, item in self.backup.state.items():
            target = self.context.settings.state_folder / _safe(self.place, name)
            if not target.exists():  # what a lake has by now is newer
                self.counts[_to_folder(self.place, item, target)] += 1


def _to_folder(place: Place, item: Item, target: Path) -> str:
    """Copy a file of a backup to a folder of this machine, unless it is there; one that was changed is not put."""
    if target.is_file() and target.stat().st_size == item.size:
        with target.open("rb", buffering=0) as there:
            if copied(there, None)[1] == item.sha256:
                return "there"
    try:
        source = place.open(item.name)
    except FileNotFoundError:
        raise BackupDamaged(place.location, item.name, "is missing") from None
    with source, Folder(target.parent).create(target.name) as written:
        _compare(place, item, *copied(source, written))
    return "copied"


def _compare(place: Place, item: Item, size: int, digest: str) -> None:
    if (size, digest) != (item.size, item.sha256):
        raise BackupDamaged(place.location, item.name, "is not what was saved: its size or SHA-256 is another one")


def _safe(place: Place, name: str) -> str:
    """Return a name that stays in its folder; raises `BackupDamaged` for another one."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise BackupDamaged(place.location, name, "is no name of a file of a lake")
    return name
