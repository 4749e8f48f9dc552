"""Feast's published behaviour tests of offline stores, on ours."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

VENDORED = Path(__file__).with_name("vendored")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_offline_store_behaves_as_feast_says():
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "-c",
        "pytest.ini",
        "tests/offline",
    ]
    done = subprocess.run(command, cwd=VENDORED, capture_output=True, text=True, check=False)
    counts = {
        kind: int(count) for count, kind in re.findall(r"(\d+) (passed|failed|skipped|xfailed|errors?)", done.stdout)
    }
    assert done.returncode == 0, done.stdout[-5000:]
    assert counts == {"passed": 39, "xfailed": 3}
