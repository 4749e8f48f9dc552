"""The small lake of people and their pets, opened, and processes that work in it."""

from __future__ import annotations

import multiprocessing

import pytest

PRELOADED = [
    "lagoa.adapters.soda.auditor",
    "lagoa.adapters.duckdb.engine",
    "lagoa.ingest",
    "lagoa.lake",
    "lagoa.publish.rollback",
    "lagoa.sql_models.run",
    "open_data_contract_standard.model",
    "pandas",
    "pyiceberg.io.pyarrow",
    "pyiceberg.table",
    "sqlglot.generators.duckdb",
]


@pytest.fixture
def lake(small):
    """Return the lake, with nothing in it."""
    with small.open() as opened:
        yield opened


@pytest.fixture(scope="module")
def processes():
    """Return a maker of processes in which everything is imported already, and nothing was run."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context
