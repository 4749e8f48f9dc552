"""Loads files into tables and quarantine: one file, or every file of a folder that contracts name."""

from __future__ import annotations

from lagoa.ingest.folder import ingest_folder, source_files
from lagoa.ingest.load import ingest_file
from lagoa.ingest.results import IngestResult

__all__ = ["IngestResult", "ingest_file", "ingest_folder", "source_files"]
