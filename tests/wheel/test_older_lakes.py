"""Lakes that earlier versions wrote: all that is tested of them holds of what is installed from the wheel alone."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from checkout import ROOT

from tests.wheel.conftest import LOCK, UV

TESTS = "tests/integration/test_older_lakes.py"
COPIED = (TESTS, "tests/helpers/older_lakes.py", "tests/fixtures/lakes")
INSTALLED = """
import sys
from pathlib import Path

import lagoa

assert Path(lagoa.__file__).is_relative_to(sys.prefix), lagoa.__file__
"""
SETTINGS = """
[pytest]
addopts = --import-mode=importlib -p no:cacheprovider
pythonpath = tests/helpers
markers = slow
"""


@pytest.mark.timeout(900)
def test_they_open_publish_and_roll_back(install, tmp_path):
    environment = install()
    where = ["-q", "--python", str(environment.python), "-c", str(LOCK)]
    subprocess.run([*UV, "pip", "install", *where, "pytest", "pytest-timeout"], check=True)
    for name in COPIED:
        source, target = ROOT / name, tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
    (tmp_path / "tests/conftest.py").write_text(INSTALLED, "utf-8")
    (tmp_path / "pytest.ini").write_text(SETTINGS, "utf-8")
    run = {"cwd": tmp_path, "env": environment.variables(tmp_path), "capture_output": True, "text": True}
    done = subprocess.run([environment.python, "-m", "pytest", "-q", TESTS], check=False, **run)
    assert done.returncode == 0, done.stdout
    passed = int(done.stdout.splitlines()[-1].split()[0])
    assert passed > 40
