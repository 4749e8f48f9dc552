"""Checks the health of a lake: catalog and commits, receipts, the files of every table, trained models, secrets."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lagoa.catalog.readable import refuse_unreadable_table
from lagoa.catalog.table_facts import table_document
from lagoa.domain.credentials import CREDENTIALS_FILE, read_credentials
from lagoa.domain.refs import MAIN
from lagoa.domain.training import TAGS, champion_of
from lagoa.errors import CatalogDamaged, LagoaError, NotAllowed, SecretNotFound, TableUnreadable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyiceberg.io import FileIO
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

    from lagoa.catalog.ref_catalog import RefCatalog
    from lagoa.context import LakeContext
    from lagoa.domain.tables import TableName
    from lagoa.storage.port import Storage

REPAIR = "Stop what uses the lake and run `lagoa doctor --repair`."
"""What to do about a damaged catalog."""


LEAST_FREE = 20_000_000
"""Bytes that the disk of the state folder should have free."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault in a lake.

    Attributes:
        part: the part of the lake.
        message: what is wrong, and where.
        advice: what to do.
    """

    part: Literal["catalog", "receipts", "tables", "files", "uploads", "models", "secrets", "disk"]
    message: str
    advice: str


@dataclass(frozen=True, slots=True)
class Repair:
    """The result of repairing a damaged lake.

    Attributes:
        damaged: the folder with the damaged files, unchanged.
        commits: how many commits the new catalog has.
        lost: what could not be read or verified, a sentence each.
    """

    damaged: Path
    commits: int
    lost: tuple[str, ...]


def examine(context: LakeContext, *, receipts: bool = True) -> list[Finding]:
    """Return what is wrong with an open lake; an empty list if it is healthy.

    Every commit is verified by its hash, every publication by its receipt. For every table at the head of every branch
    and tag, the metadata is read, and existence and size of each data file are checked. Champions must have the files
    that were saved, and tags of trainings their run. Secrets are requested, and the stack's credentials must be
    accessible only to their owner.

    Args:
        context: the open lake.
        receipts: whether receipts can be read, so that each publication must have one.
    """
    found = [Finding("catalog", fault, REPAIR) for fault in context.catalog.verify()]
    found += [*_secrets(context), *_publications(context, receipts), *_tables(context)]
    try:
        found += _object_store(context)
    except NotAllowed as error:
        message = f"Whether files were deleted, overwritten or left unfinished was not looked at: {error.message}"
        found.append(Finding("files", message, "Run it as a role that lists the whole store, such as engineer."))
    return [*found, *_models(context), *_disk(context.settings.state_folder)]


def _disk(state: Path) -> Iterator[Finding]:
    with suppress(OSError):
        free = shutil.disk_usage(state).free
        if free < LEAST_FREE:
            message = f"The disk of {state} has {free / 1e6:.1f} MB free: writing will fail."
            yield Finding("disk", message, "Free space. What was published is whole.")


def _secrets(context: LakeContext) -> Iterator[Finding]:
    try:
        read_credentials(context.settings.state_folder / "stack" / CREDENTIALS_FILE)
        context.secrets.get("oidc-client-secret")
    except SecretNotFound:  # the request succeeded: that is what matters
        return
    except LagoaError as error:
        yield Finding("secrets", error.message, error.advice)


def _publications(context: LakeContext, receipts: bool) -> Iterator[Finding]:
    catalog = context.catalog
    moves, now = catalog.moves(MAIN), context.clock()
    published = dict.fromkeys(commit for _, commit in moves)
    ahead = [moment for moment, _ in moves if moment > now]
    if ahead:
        message = f"{len(ahead)} publications have times to come, up to {ahead[-1]:%Y-%m-%d %H:%M} UTC."
        advice = (
            "The clock was ahead, or is behind: check it. main*<time> cannot name a state since then; name commits."
        )
        yield Finding("receipts", message, advice)
    line = catalog.log(catalog.ref(MAIN).commit)
    unpublished = [commit.id for commit in line if commit.parents and commit.id not in published]
    if unpublished:
        message = f"main has {len(unpublished)} commits without a publication, such as {unpublished[0][:12]}."
        advice = "Find out who else may move main; `lagoa rollback REF` restores a state that was published."
        yield Finding("catalog", message, advice)
    missing = [commit for commit in published if receipts and context.receipts.of_commit(commit) is None]
    if missing:
        message = f"{len(missing)} publications have no receipt, such as {missing[-1][:12]}."
        advice = (
            "The results of their checks are lost; restore the receipts from a backup. `lagoa audit main` checks again."
        )
        yield Finding("receipts", message, advice)


def _object_store(context: LakeContext) -> Iterator[Finding]:
    advice = "If nothing is writing it, a write was aborted. No table has it, and the store removes it after a day."
    for upload in context.storage.unfinished_uploads():
        began = f", begun {upload.begun:%Y-%m-%d %H:%M:%S} UTC" if upload.begun else ""
        yield Finding("uploads", f"{upload.location} is an unfinished upload{began}.", advice)
    for file in context.storage.changed_files():
        what = "deleted" if file.deleted else "overwritten with other bytes"
        when = f" at {file.at:%Y-%m-%d %H:%M:%S} UTC" if file.at else ""
        restore = f"Find out who did it, then, as the store's root, make version {file.first} of it current again."
        yield Finding("files", f"{file.location} was {what}{when}; Lagoa never does that.", restore)


def _models(context: LakeContext) -> Iterator[Finding]:
    try:
        runs = context.training.runs()
        models = sorted({each.model for each in runs})
        champions = [champion_of(runs, context.training.promotions(model)) for model in models]
    except LagoaError as error:
        yield Finding("models", error.message, error.advice)
        return
    known = {each.id for each in runs}
    for each in context.catalog.refs():
        if each.kind == "tag" and each.name.startswith(TAGS) and each.name.rpartition("/")[2] not in known:
            message = f"The tag {each.name} is of a training that left no run."
            advice = f"If nothing is being trained, it was killed: `lagoa tag delete {each.name}`."
            yield Finding("models", message, advice)
    for champion in filter(None, champions):
        try:
            context.tracking.files(champion)
        except LagoaError as error:
            advice = f"Restore them, or `lagoa ml rollback {champion.model}`, or train and promote it again."
            yield Finding("models", f"The champion {champion.model} {champion.version}: {error.message}", advice)


def _tables(context: LakeContext) -> Iterator[Finding]:
    from lagoa.catalog.ref_catalog import RefCatalog

    checked: set[str] = set()
    for ref in sorted(context.catalog.refs(), key=lambda each: each.name != MAIN):
        catalog = RefCatalog(context.catalog, ref.name, context.metadata)
        for table, pointer in sorted(context.catalog.tables(ref.commit).items()):
            if pointer not in checked:
                checked.add(pointer)
                yield from _table(catalog, ref.name, table, pointer, context.storage)


def _table(catalog: RefCatalog, ref: str, table: TableName, pointer: str, storage: Storage) -> Iterator[Finding]:
    advice = (
        "Restore the file from a backup, or the table from a healthy state: `lagoa table restore TABLE --from REF`."
    )
    try:
        table_document(pointer, storage.read)  # from the disk, since the catalog keeps what it loaded before in memory
        loaded = catalog.load_table((*table.namespace, table.name))
        refuse_unreadable_table(loaded)
        faults = [fault for file in _files(loaded) if (fault := _fault(storage, loaded.io, file))]
    except TableUnreadable as error:
        yield Finding("tables", f"{table} at {ref!r}: {error.message}", error.advice)
        return
    except CatalogDamaged as error:
        closed = isinstance(error.__cause__, PermissionError)
        yield Finding("tables", f"{table} at {ref!r}: {error.message}", error.advice if closed else advice)
        return
    except (LagoaError, OSError, ValueError) as error:
        yield Finding("tables", f"{table} at {ref!r}: {error}", advice)
        return
    if faults:
        yield Finding("tables", f"{table} at {ref!r}: {len(faults)} of its files are damaged. {faults[0]}", advice)


def _files(table: Table) -> Iterator[DataFile]:
    for task in table.scan().plan_files():
        yield task.file
        yield from task.delete_files


def _fault(storage: Storage, io: FileIO, file: DataFile) -> str:
    place = storage.path(file.file_path)
    try:
        size = len(io.new_input(file.file_path))
    except OSError:
        return f"{place} is missing."
    return "" if size == file.file_size_in_bytes else f"{place} has {size} bytes, not {file.file_size_in_bytes}."
