"""Loads files into tables and quarantine: one file, or every file of a folder that contracts name."""

from __future__ import annotations

from lagoa.ingest.delivery import Delivery, read_delivery
from lagoa.ingest.folder import ingest_folder
from lagoa.ingest.load import ingest_file
from lagoa.ingest.results import FolderResult, IngestResult

__all__ = ["Delivery", "FolderResult", "IngestResult", "ingest_file", "ingest_folder", "read_delivery"]
