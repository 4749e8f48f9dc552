"""Fixtures that put PyIceberg's catalog tests on a branch of ours; copied beside them as their nearest conftest.py."""

from __future__ import annotations

from contextlib import closing

import pytest

from lagoa.adapters.sqlite.catalog import SqliteCatalog
from lagoa.catalog.metadata_files import MetadataFiles
from lagoa.catalog.ref_catalog import RefCatalog
from lagoa.storage.local import LocalStorage

VERSIONED = {"sqlite": lambda folder: SqliteCatalog(folder / "versions.db")}


@pytest.fixture(params=VERSIONED)
def catalog(request, tmp_path):
    with closing(VERSIONED[request.param](tmp_path)) as versions:
        versions.create_branch("behaviors", versions.resolve("main").id)
        yield RefCatalog(versions, "behaviors", MetadataFiles(LocalStorage(tmp_path)))


@pytest.fixture
def catalog_with_warehouse(catalog, warehouse):
    catalog.properties["warehouse"] = f"file://{warehouse}"
    return catalog
