"""Cold storage: data files of tables that nobody asks for lie in a slower folder, with a link in their place.

Every state of a table reads the same rows as before, as whatever opens a file follows the link. A file is copied,
compared and only then replaced by the link, in one step: a program that is killed leaves one of the two.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from lagoa.catalog.table_facts import INPUTS, table_document
from lagoa.domain.faults import fault_point
from lagoa.domain.refs import MAIN
from lagoa.domain.suggestions import did_you_mean_name
from lagoa.domain.tables import TableName
from lagoa.errors import FileNotMoved, SettingsError, TableNotFound
from lagoa.maintain.reachable import files_of
from lagoa.maintain.seen import Seen
from lagoa.storage.cold_folder import OWNER, claimed, owner_of
from lagoa.storage.port import S3
from lagoa.usage.log import logged_queries, logged_since

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lagoa.context import LakeContext
    from lagoa.domain.commits import Commit

_LEAST = 64 * 1024
"""Files of fewer bytes stay: a link instead of them would gain nothing."""


@dataclass(frozen=True, slots=True)
class MovedFiles:
    """Files of one table that were moved, or would be.

    Attributes:
        table: the table.
        files: how many.
        bytes: their size.
    """

    table: TableName
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Cooling:
    """What was moved to the cold folder, or would be.

    Attributes:
        tables: those with files that nobody asked for, by name.
        waiting: layers for which the log of queries does not go back far enough yet, each with the first day on which
            it will.
    """

    tables: tuple[MovedFiles, ...]
    waiting: dict[str, datetime]


def cool(context: LakeContext, *, dry_run: bool = False) -> Cooling:
    """Move data files that no query asked for to the cold folder, by the rules of `[cold]`.

    A query asks for all files of a table in the state that it reads; so does the building of a model. Files that were
    written within those days stay, too.

    Raises:
        SettingsError: `[cold]` names no folder, or one that cannot be used.
        CatalogDamaged: metadata cannot be read; nothing is moved.
        FileNotMoved: a file cannot be copied; it stays where it is.
    """
    folder, now = _folder(context, claim=not dry_run), context.clock()
    begun, history = logged_since(context.settings), list(_history(context))
    pointers = _pointers(context, history)
    asked = _asked(context, history, pointers)
    known = {pointer for each in pointers.values() for pointer in each}  # of others the files may be gone
    moved: dict[TableName, list[int]] = defaultdict(list)
    waiting = {}
    for layer, days in sorted(context.settings.cold.days.items()):
        since = now - timedelta(days=days)
        if begun is None or begun > since:
            waiting[layer] = (begun or now) + timedelta(days=days)
            continue
        with Seen() as seen:
            used = [pointer for pointer, at in asked.items() if at >= since and pointer in known]
            for _ in files_of(context, used, seen):
                pass
            for table in sorted(each for each in pointers if each.layer == layer):
                for place in _data_files(context, pointers[table], seen):
                    if _may_go(place, since):
                        moved[table].append(place.stat().st_size)
                        if not dry_run:
                            _replace_by_link(place, folder / place.relative_to(context.storage.location), folder)
    tables = tuple(MovedFiles(table, len(sizes), sum(sizes)) for table, sizes in sorted(moved.items()))
    return Cooling(tables, waiting)


def thaw(context: LakeContext, table: str) -> MovedFiles:
    """Bring all files of a table back from the cold folder, those of its earlier states, too.

    Raises:
        TableNotFound: no ref has such a table.
        SettingsError: `[cold]` names no folder, or one that cannot be used.
        FileNotMoved: a file cannot be copied; it stays where it is.
    """
    folder, name, pointers = _folder(context), TableName.parse(table), _pointers(context, _history(context))
    if name not in pointers:
        raise TableNotFound(name, MAIN, did_you_mean_name(name, pointers))
    sizes = []
    with Seen() as seen:
        for place in _data_files(context, pointers[name], seen):
            if place.is_symlink() and (cold := place.readlink()).is_relative_to(folder):
                sizes.append(cold.stat().st_size)
                _copied(cold, part := _beside(place))
                fault_point("cold.thawed")
                part.replace(place)
                _sync_names(place.parent)
                cold.unlink()
    return MovedFiles(name, len(sizes), sum(sizes))


def _folder(context: LakeContext, *, claim: bool = True) -> Path:
    """Return the cold folder, which is this lake's from then on; without `claim` only if nobody else's."""
    rules, settings = context.settings.cold, context.settings
    if rules.folder is None:
        advice = 'Set it in lagoa.toml: cold = { folder = "/slow/lake", days = { bronze = 90 } }.'
        raise SettingsError("[cold] names no folder.", advice)
    if context.storage.location.startswith(S3):
        advice = "Use the storage classes and the lifecycle rules of the store."
        raise SettingsError("[cold] is for files in local folders, and this lake's are in an object store.", advice)
    folder, warehouse = Path(settings.cold_location), Path(context.storage.location).resolve()
    if folder.is_relative_to(warehouse) or warehouse.is_relative_to(folder):
        raise SettingsError(
            f"The cold folder {folder} and the warehouse {warehouse} contain one another.", "Choose another."
        )
    longest = max(rules.days.values(), default=0)
    if settings.query_log_days < longest:
        message = f"[cold] asks for {longest} days without a query, and query_log_days is {settings.query_log_days}."
        raise SettingsError(message, f"Set query_log_days to at least {longest}.")
    _refuse_others(folder, context.storage.location, claim=claim)
    return folder


def _refuse_others(folder: Path, warehouse: str, *, claim: bool) -> None:
    """Raise `SettingsError` if a folder has the cold files of another lake, such as one that this is a copy of."""
    try:
        owner = claimed(folder, warehouse) if claim else owner_of(folder)
    except OSError as error:
        raise FileNotMoved(warehouse, str(folder), str(error)) from error
    if owner not in {None, warehouse}:
        message = f"The cold folder {folder} has files of the lake in {owner}, and this one is in {warehouse}."
        advice = (
            f"Choose another folder; or, if that lake was moved here and is not there any more, delete {OWNER} in it."
        )
        raise SettingsError(message, advice)


def _history(context: LakeContext) -> Iterator[tuple[Commit, frozenset[str]]]:
    """Yield every commit of every ref once, but for those whose files are gone, with the layers of which they are."""
    record = context.expiry.newest()
    seen: set[str] = set()
    for ref in context.catalog.refs():
        for commit in context.catalog.log(ref.commit):
            if commit.id in seen:
                break
            seen.add(commit.id)
            if record is None or not record.has_expired(commit):
                yield commit, frozenset() if record is None else record.partly.get(commit.id, frozenset())


def _pointers(
    context: LakeContext, history: Iterable[tuple[Commit, frozenset[str]]]
) -> dict[TableName, dict[str, None]]:
    """Return the pointers of each table in all states."""
    found: dict[TableName, dict[str, None]] = defaultdict(dict)
    for commit, without in history:
        for table, pointer in context.catalog.tables(commit.id).items():
            if table.layer not in without:
                found[table][pointer] = None
    return found


def _asked(
    context: LakeContext,
    history: Iterable[tuple[Commit, frozenset[str]]],
    pointers: Mapping[TableName, Iterable[str]],
) -> dict[str, datetime]:
    """Return when each pointer was read last: by a query, or by a model that was built."""
    oldest = context.clock() - timedelta(days=max(context.settings.cold.days.values(), default=0))
    found = _queried(context, pointers, oldest)
    for commit, without in history:
        if commit.committed_at < oldest or not commit.parents:
            continue
        changed = context.catalog.diff(commit.parents[0], commit.id).items()
        for written in [now for table, (_, now) in changed if now is not None and table.layer not in without]:
            properties = table_document(written, context.storage.read).get("properties") or {}
            for read in json.loads(properties.get(INPUTS, "{}")).values():
                found[read] = max(commit.committed_at, found.get(read, commit.committed_at))
    return found


def _queried(
    context: LakeContext, pointers: Mapping[TableName, Iterable[str]], oldest: datetime
) -> dict[str, datetime]:
    """Return when each pointer was read last by a query."""
    found: dict[str, datetime] = {}
    snapshots: dict[TableName, dict[int | None, datetime]] = defaultdict(dict)
    for query in logged_queries(context.settings, oldest):
        for table, state in query.tables.items():
            if isinstance(state, str):
                found[state] = max(query.at, found.get(state, query.at))
            else:
                snapshots[table][state] = max(query.at, snapshots[table].get(state, query.at))
    for table, times in snapshots.items():
        for pointer in pointers.get(table, ()):
            snapshot = table_document(pointer, context.storage.read).get("current-snapshot-id")
            at = times.get(None if snapshot in {None, -1} else snapshot)
            if at is not None:
                found[pointer] = max(at, found.get(pointer, at))
    return found


def _data_files(context: LakeContext, pointers: dict[str, None], seen: Seen) -> Iterator[Path]:
    """Yield the data files in the warehouse that tables at some pointers need and that were not seen."""
    for each in files_of(context, pointers, seen):
        place = Path(each.place)
        if each.kind == "data" and place.is_relative_to(context.storage.location):
            yield place


def _may_go(place: Path, since: datetime) -> bool:
    found = place.lstat()
    written = datetime.fromtimestamp(found.st_mtime, UTC)
    return not place.is_symlink() and found.st_size >= _LEAST and written < since


def _replace_by_link(place: Path, cold: Path, folder: Path) -> None:
    try:
        cold.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileNotMoved(str(place), str(cold.parent), str(error)) from error
    part = _beside(cold)  # of its own: another command may be moving the same file
    _copied(place, part)
    part.replace(cold)
    _sync_names(cold.parent, until=folder)
    fault_point("cold.copied")
    link = _beside(place)
    link.symlink_to(cold)
    link.replace(place)


def _sync_names(path: Path, until: Path | None = None) -> None:
    """Bring the names in a folder to the disk, and those in the folders above it, as far as one that has it."""
    for each in (path, *path.parents):
        names = os.open(each, os.O_RDONLY)
        try:
            os.fsync(names)
        finally:
            os.close(names)
        if until is None or each == until:
            return


def _beside(place: Path) -> Path:
    return place.with_name(f".{uuid.uuid4().hex}.part")


def _copied(source: Path, target: Path) -> None:
    """Copy a file with its time, and compare what is on the disk then."""
    try:
        shutil.copy2(source, target)
        with target.open("rb+") as file:
            os.fsync(file.fileno())
        same = _hash(source) == _hash(target)
    except OSError as error:
        target.unlink(missing_ok=True)
        raise FileNotMoved(str(source), str(target.parent), str(error)) from error
    if not same:
        target.unlink()
        raise FileNotMoved(str(source), str(target.parent), "the copy differs")


def _hash(file: Path) -> bytes:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").digest()
