"""PyIceberg's own catalog behaviours hold on a branch, apart from the exceptions named here."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

HERE = Path(__file__).parent / "pyiceberg_tests"

EXCEPTIONS = {
    "test_delete_metadata_multiple": "old metadata files are kept: another ref may point to them",
    "test_create_tables_idempotency": "create_tables() is a method of SqlCatalog, not of a catalog",
    "test_create_namespace_with_null_properties": "it wants SQLAlchemy's IntegrityError; ours is a ValueError",
}
FUNCTIONS = 84
"""So many tests are in the file that is pinned."""


def their_files():
    spec = importlib.util.spec_from_file_location("fetch_pyiceberg_tests", HERE / "fetch.py")
    fetch = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fetch)
    return {file: fetch.FOLDER / file for file in fetch.FILES}


@pytest.fixture
def folder(tmp_path):
    """Lay PyIceberg's tests out with our fixtures beside them."""
    for file, source in their_files().items():
        if not source.is_file():
            pytest.fail(f"PyIceberg's tests are not there. Fetch them: `python {HERE / 'fetch.py'}`")
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, tmp_path / file)
    shutil.copy(HERE / "fixtures.py", tmp_path / "tests" / "catalog" / "conftest.py")
    shutil.copy(HERE / "lazy_fixtures.py", tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return tmp_path


@pytest.mark.slow
def test_all_hold_on_a_branch_but_the_exceptions(folder):
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", "-c", "pytest.ini", "--junitxml=report.xml"]
    command += ["-p", "lazy_fixtures", "-p", "no:cacheprovider", "-p", "no:xdist", "tests/catalog"]
    variables = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    assert (folder / "report.xml").is_file(), done.stdout + done.stderr
    ran, failed = set(), set()
    for case in ET.parse(folder / "report.xml").iter("testcase"):  # noqa: S314 - pytest wrote it
        function = case.get("name", "").partition("[")[0]
        ran.add(function)
        if len(case):  # a failure, an error or a skip
            failed.add(function)
    assert failed == set(EXCEPTIONS), done.stdout[-8000:]
    assert len(ran) == FUNCTIONS
