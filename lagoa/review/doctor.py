"""Looking a lake over: its catalog and commits, receipts of what was published, the files of every table, secrets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lagoa.catalog.readable import refuse_unreadable_table
from lagoa.catalog.table_facts import table_document
from lagoa.domain.credentials import CREDENTIALS_FILE, read_credentials
from lagoa.domain.refs import MAIN
from lagoa.errors import (
    LagoaError,
    SecretNotFound,
    TableUnreadable,
)

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
"""What to do about a catalog that is damaged."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be.

    Attributes:
        part: what it is about.
        message: what is wrong, and where.
        advice: what to do.
    """

    part: Literal["catalog", "receipts", "tables", "files", "uploads", "secrets"]
    message: str
    advice: str


@dataclass(frozen=True, slots=True)
class Repair:
    """What came of a damaged lake.

    Attributes:
        damaged: the folder that the damaged files lie in now, as they were.
        commits: how many commits the new catalog has.
        lost: what could not be read or proven, a sentence each.
    """

    damaged: Path
    commits: int
    lost: tuple[str, ...]


def examine(context: LakeContext) -> list[Finding]:
    """Return what is wrong with an open lake; an empty list when it is whole.

    Every commit is proven by its hash, every publication by its receipt; of every table at the head of every branch and
    tag the metadata is read, and each data file looked for, with its size. Secrets are asked for, and the stack's
    credentials must be their owner's alone.
    """
    found = [Finding("catalog", fault, REPAIR) for fault in context.catalog.verify()]
    return [*found, *_secrets(context), *_publications(context), *_tables(context), *_object_store(context)]


def _secrets(context: LakeContext) -> Iterator[Finding]:
    try:
        read_credentials(context.settings.state_folder / "stack" / CREDENTIALS_FILE)
        context.secrets.get("oidc-client-secret")
    except SecretNotFound:  # it could be asked for: that is what matters
        return
    except LagoaError as error:
        yield Finding("secrets", error.message, error.advice)


def _publications(context: LakeContext) -> Iterator[Finding]:
    catalog = context.catalog
    published = [commit for _, commit in catalog.moves(MAIN)]
    line = catalog.log(catalog.ref(MAIN).commit)
    strange = [commit.id for commit in line if commit.parents and commit.id not in published]
    if strange:
        message = f"main holds {len(strange)} commits that no publication brought there, such as {strange[0][:12]}."
        advice = "Find out who may move main but Lagoa; `lagoa rollback REF` brings a state back that was published."
        yield Finding("catalog", message, advice)
    missing = [commit for commit in published if context.receipts.of_commit(commit) is None]
    if missing:
        message = f"{len(missing)} publications have no receipt, such as {missing[-1][:12]}."
        advice = (
            "What they were checked by is lost; put the receipts back from a backup. `lagoa audit main` checks anew."
        )
        yield Finding("receipts", message, advice)


def _object_store(context: LakeContext) -> Iterator[Finding]:
    advice = "If nothing is writing it, a write broke off. No table has it, and the store removes it after a day."
    for upload in context.storage.unfinished_uploads():
        began = f", begun {upload.begun:%Y-%m-%d %H:%M:%S} UTC" if upload.begun else ""
        yield Finding("uploads", f"{upload.location} is an upload that has not come to its end{began}.", advice)
    for file in context.storage.changed_files():
        what = "deleted" if file.deleted else "written over with other bytes"
        when = f" at {file.at:%Y-%m-%d %H:%M:%S} UTC" if file.at else ""
        back = (
            f"Find out who did it, then make version {file.first} of the object the latest again, as the store's root."
        )
        yield Finding("files", f"{file.location} was {what}{when}; Lagoa never does that.", back)


def _tables(context: LakeContext) -> Iterator[Finding]:
    from lagoa.catalog.ref_catalog import RefCatalog

    looked_at: set[str] = set()
    for ref in sorted(context.catalog.refs(), key=lambda each: each.name != MAIN):
        catalog = RefCatalog(context.catalog, ref.name, context.metadata)
        for table, pointer in sorted(context.catalog.tables(ref.commit).items()):
            if pointer not in looked_at:
                looked_at.add(pointer)
                yield from _table(catalog, ref.name, table, pointer, context.storage)


def _table(catalog: RefCatalog, ref: str, table: TableName, pointer: str, storage: Storage) -> Iterator[Finding]:
    advice = (
        "Put the file back from a backup, or the table from a state that is whole: "
        "`lagoa table restore TABLE --from REF`."
    )
    try:
        table_document(pointer, storage.read)  # from the disk: what was loaded before is kept in memory
        loaded = catalog.load_table((*table.namespace, table.name))
        refuse_unreadable_table(loaded)
        faults = [fault for file in _files(loaded) if (fault := _fault(storage, loaded.io, file))]
    except TableUnreadable as error:
        yield Finding("tables", f"{table} at {ref!r}: {error.message}", error.advice)
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
