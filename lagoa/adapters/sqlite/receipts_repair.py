"""Takes what can still be read out of a damaged file of receipts into a new one."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lagoa.adapters.shared.receipt_documents import read_approval, read_receipt
from lagoa.adapters.shared.receipt_parts import Inventory, Parts
from lagoa.adapters.sqlite.proof import all_rows
from lagoa.adapters.sqlite.readonly import connect_readonly
from lagoa.adapters.sqlite.receipts import BUSY_SECONDS, SqliteReceipts, has_table, read_parts, unpacked
from lagoa.domain.lists import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lagoa.domain.approvals import Approval
    from lagoa.domain.receipts import Receipt


_NO_PARTS = Parts(lambda _: {})
"""For receipts of which only the digests of their parts are looked at."""


def receipts_fault(path: Path) -> str:
    """Return what is wrong with a file of receipts: SQLite's own check of it, and each receipt; "" if nothing is."""
    if not path.is_file():
        return ""
    try:
        with closing(connect_readonly(path, BUSY_SECONDS)) as db:
            (said,) = db.execute("pragma integrity_check(1)").fetchone()
            if said != "ok":
                return f"{path} is damaged: {said.splitlines()[-1]}."
            inventory = Inventory()
            if has_table(db, "parts"):
                for digest, document in db.execute("select digest, document from parts"):
                    inventory.add(digest, unpacked(document))
            if has_table(db, "receipts"):
                for (document,) in db.execute("select document from receipts"):
                    inventory.require(read_receipt(unpacked(document), _NO_PARTS).report.by_table)
    except sqlite3.OperationalError:  # it is locked or cannot be opened: what needs it says so
        return ""
    except sqlite3.DatabaseError as error:
        return f"{path} is damaged: {error}."
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return f"{path} is damaged: a receipt in it cannot be read: {error}."
    return ""


def repair_receipts(path: Path, away: Path) -> str:
    """Put a new file of receipts in the place of a damaged one, which goes to the folder `away`.

    Results of checks are not taken over: audits run them again.

    Returns:
        What is lost, in a sentence.
    """
    receipts, approvals = _readable(path)
    for suffix in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(away / (path.name + suffix))
    with closing(SqliteReceipts(path)) as store:
        for receipt in receipts:
            store.prepare(receipt)
        for approval in approvals:
            store.approve(approval)
    read = f"{counted(len(receipts), 'receipt')} and {counted(len(approvals), 'approval')} were read"
    return f"{read}; others, if there were any, are lost. Checks run again once."


def _readable(path: Path) -> tuple[list[Receipt], list[Approval]]:
    """Return the receipts with all their parts, and the approvals in their order, that can be read of a file."""
    with tempfile.TemporaryDirectory(prefix="lagoa-salvage-", dir=path.parent) as folder:
        copy = Path(folder) / path.name
        for suffix in ("", "-wal"):
            with suppress(FileNotFoundError):
                shutil.copyfile(f"{path}{suffix}", f"{copy}{suffix}")
        try:
            with closing(sqlite3.connect(copy)) as db:
                return list(_receipts_in(db)), list(_approvals_in(db))
        except sqlite3.DatabaseError:
            return [], []


def _receipts_in(db: sqlite3.Connection) -> Iterator[Receipt]:
    rows = all_rows(db, "select id, document from receipts", "id")
    stored = all_rows(db, "select digest, document from parts", "digest") if has_table(db, "parts") else []
    inventory, kept = Inventory(), dict(stored)
    for digest, document in stored:
        with suppress(ValueError, TypeError, KeyError):
            inventory.add(digest, unpacked(document))
    parts = Parts(lambda digests: read_parts([(each, kept[each]) for each in digests], digests))
    for receipt, document in rows:
        with suppress(ValueError, TypeError, KeyError, AttributeError):
            found = read_receipt(unpacked(document), parts)
            inventory.require(found.report.by_table)
            if found.id == receipt:
                yield found


def _approvals_in(db: sqlite3.Connection) -> Iterator[Approval]:
    rows = all_rows(db, "select rowid, document from approvals", "rowid") if has_table(db, "approvals") else []
    for _, document in sorted(rows, key=lambda row: int(row[0])):
        with suppress(ValueError, TypeError, KeyError):
            yield read_approval(document)
