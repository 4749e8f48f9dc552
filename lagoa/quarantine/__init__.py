"""Refused records: count, show, export, retry, fix and discard them."""

from __future__ import annotations

from lagoa.domain.selection import Fate, Selection
from lagoa.quarantine.batches import BatchRecords, list_batches
from lagoa.quarantine.edits import EditedFile, SetColumns
from lagoa.quarantine.export import ExportResult, export_quarantine
from lagoa.quarantine.fates import FateResult, discard_quarantine, fix_quarantine, retry_quarantine
from lagoa.quarantine.records import RefusedCount, RefusedRecord, list_quarantine, show_quarantine

__all__ = [
    "BatchRecords",
    "EditedFile",
    "ExportResult",
    "Fate",
    "FateResult",
    "RefusedCount",
    "RefusedRecord",
    "Selection",
    "SetColumns",
    "discard_quarantine",
    "export_quarantine",
    "fix_quarantine",
    "list_batches",
    "list_quarantine",
    "retry_quarantine",
    "show_quarantine",
]
