"""Cold storage: data files of tables that nobody asks for lie in a slower folder, or in a cheaper tier of the store.

Every state of a table reads the same rows as before, as files keep their names; see `lagoa.storage.cold_folder` and
`lagoa.storage.s3.cold`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from lagoa.catalog.table_facts import INPUTS, table_document
from lagoa.domain.refs import MAIN
from lagoa.domain.suggestions import did_you_mean_name
from lagoa.domain.tables import TableName
from lagoa.errors import FileNotMoved, NotCollectable, SettingsError, TableNotFound
from lagoa.maintain.reachable import files_of
from lagoa.maintain.seen import Seen
from lagoa.storage.cold_folder import OWNER, claimed, owner_of
from lagoa.storage.port import S3
from lagoa.usage.log import logged_queries, logged_since

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lagoa.context import LakeContext
    from lagoa.domain.commits import Commit
    from lagoa.settings import Settings
    from lagoa.storage.port import ColdPlace


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
class KeptFiles:
    """Where the files of a layer lie, of whatever kind and state.

    Attributes:
        layer: the layer.
        files: how many files it has in the warehouse.
        bytes: their size.
        cold_files: how many of them lie in cold storage.
        cold_bytes: their size.
    """

    layer: str
    files: int
    bytes: int
    cold_files: int
    cold_bytes: int


@dataclass(frozen=True, slots=True)
class Cooling:
    """What was moved to cold storage, or would be. Files in a bucket are tagged, and the store moves them later.

    Attributes:
        tables: those with files that nobody asked for, by name.
        waiting: layers for which the log of queries does not go back far enough yet, each with the first day on which
            it will.
        kept: where the files of each layer of `[cold]` lie then.
    """

    tables: tuple[MovedFiles, ...]
    waiting: dict[str, datetime]
    kept: tuple[KeptFiles, ...] = ()


def cool(context: LakeContext, *, dry_run: bool = False) -> Cooling:
    """Move data files that no query asked for to cold storage, by the rules of `[cold]`.

    A query asks for all files of a table in the state that it reads; so does the building of a model. Files that were
    written within those days stay, too.

    Raises:
        SettingsError: `[cold]` names no folder, or one that cannot be used; the bucket has no rule for cold files.
        NotCollectable: the files are in an object store, and the lake was opened as another role than the maintainer.
        CatalogDamaged: metadata cannot be read; nothing is moved.
        FileNotMoved: a file cannot be copied; it stays where it is.
        StorageUnavailable, NotAllowed: the store does not answer, or does not let the role tag files.
    """
    cold, now = _cold_place(context, claim=not dry_run), context.clock()
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
                    if (size := cold.takes(place, since)) is not None:
                        moved[table].append(size)
                        if not dry_run:
                            cold.take(place)
    tables = tuple(MovedFiles(table, len(sizes), sum(sizes)) for table, sizes in sorted(moved.items()))
    return Cooling(tables, waiting, tuple(_kept(context, layer) for layer in sorted(context.settings.cold.days)))


def thaw(context: LakeContext, table: str) -> MovedFiles:
    """Bring all files of a table back from cold storage, those of its earlier states, too.

    Raises:
        TableNotFound: no ref has such a table.
        SettingsError, NotCollectable, StorageUnavailable, NotAllowed: as `cool`.
        FileNotMoved: a file cannot be copied; it stays where it is.
    """
    cold, name = _cold_place(context), TableName.parse(table)
    pointers = _pointers(context, _history(context, name), name).get(name)
    if pointers is None:
        raise TableNotFound(name, MAIN, did_you_mean_name(name, context.pointers(MAIN)))
    with Seen() as seen:
        sizes = [cold.give_back(place) for place in _data_files(context, pointers, seen)]
    back = [size for size in sizes if size is not None]
    return MovedFiles(name, len(back), sum(back))


def _kept(context: LakeContext, layer: str) -> KeptFiles:
    files = size = cold_files = cold_size = 0
    for each in context.storage.files_in(f"{context.storage.home}/{layer}"):
        files, size = files + 1, size + each.size
        if each.cold:
            cold_files, cold_size = cold_files + 1, cold_size + each.size
    return KeptFiles(layer, files, size, cold_files, cold_size)


def _cold_place(context: LakeContext, *, claim: bool = True) -> ColdPlace:
    """Return where cold files lie; a folder is this lake's from then on, without `claim` only if nobody else's."""
    _check_days(context.settings)
    if not context.storage.location.startswith(S3):
        _check_folder(context, claim=claim)
    elif context.settings.cold.folder is not None:
        advice = "Leave it out: files in a bucket keep their names, and a rule of the bucket moves their bytes."
        raise SettingsError("[cold] names a folder, and this lake's files are in an object store.", advice)
    elif not context.storage.can_move:
        raise NotCollectable(context.settings.name)
    return context.storage.cold_place()


def _check_days(settings: Settings) -> None:
    longest = max(settings.cold.days.values(), default=0)
    if settings.query_log_days < longest:
        message = f"[cold] asks for {longest} days without a query, and query_log_days is {settings.query_log_days}."
        raise SettingsError(message, f"Set query_log_days to at least {longest}.")


def _check_folder(context: LakeContext, *, claim: bool) -> None:
    settings = context.settings
    if settings.cold.folder is None:
        advice = 'Set it in lagoa.toml: cold = { folder = "/slow/lake", days = { bronze = 90 } }.'
        raise SettingsError("[cold] names no folder.", advice)
    folder, warehouse = Path(settings.cold_location), Path(context.storage.location).resolve()
    if folder.is_relative_to(warehouse) or warehouse.is_relative_to(folder):
        raise SettingsError(
            f"The cold folder {folder} and the warehouse {warehouse} contain one another.", "Choose another."
        )
    _refuse_others(folder, context.storage.location, claim=claim)


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


def _history(context: LakeContext, table: TableName | None = None) -> Iterator[tuple[Commit, frozenset[str]]]:
    """Yield every commit of every ref once, but for those whose files are gone, with the layers of which they are.

    Args:
        context: the lake.
        table: of commits one after the other with this table in one state, one is enough.
    """
    record = context.expiry.newest()
    seen: set[str] = set()
    for ref in context.catalog.refs():
        changes = _changes(context, ref.commit, table) if table else iter(())
        change, had = next(changes, None), False
        for commit in context.catalog.log(ref.commit):
            if commit.id in seen:
                break
            seen.add(commit.id)
            if not had and (record is None or not record.has_expired(commit)):
                yield commit, frozenset() if record is None else record.partly.get(commit.id, frozenset())
                had = table is not None
            if commit.id == change:  # before it, the table may be in another state
                change, had = next(changes, None), False


def _changes(context: LakeContext, head: str, table: TableName) -> Iterator[str]:
    """Yield the commits from a head on that changed a table, newest first."""
    for commit in context.catalog.log(head, table):
        if commit.parents and table in context.catalog.changed(commit.id):
            yield commit.id


def _pointers(
    context: LakeContext, history: Iterable[tuple[Commit, frozenset[str]]], only: TableName | None = None
) -> dict[TableName, dict[str, None]]:
    """Return the pointers of each table, or of one, in all states."""
    found: dict[TableName, dict[str, None]] = defaultdict(dict)
    for commit, without in history:
        for table, pointer in context.catalog.tables(commit.id).items():
            if table.layer not in without and only in {None, table}:
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


def _data_files(context: LakeContext, pointers: Iterable[str], seen: Seen) -> Iterator[str]:
    """Yield the places of data files in the warehouse that tables at some pointers need and that were not seen."""
    for each in files_of(context, pointers, seen):
        if each.kind == "data" and each.place.startswith(f"{context.storage.location}/"):
            yield each.place
