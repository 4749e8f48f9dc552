"""The memory of a process that publishes for a long time."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from checkout import ROOT

PUBLISH = """
import json
import sys
from pathlib import Path

import psutil
from small_lake import SmallLake

small, process, memory = SmallLake(Path(sys.argv[1])), psutil.Process(), []
with small.open() as lake:
    for number in range(500):
        with lake.run("daily") as branch:
            branch.merge("bronze.people", small.people(*range(100), name=f"name {number}"), batch=f"day {number}")
            branch.replace("bronze.pets", small.pets(*range(number, number + 50)))
            branch.transform()
            branch.publish()
        memory.append(process.memory_info().rss / 2**20)
    assert len(lake.publications(1000)) == 500
print(json.dumps(memory))
"""


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_it_stays_flat_over_five_hundred_publications(tmp_path, capsys):
    """What is cached is there after a hundred: of table metadata, states of branches, contracts."""
    command = [sys.executable, "-c", PUBLISH, str(tmp_path / "lake")]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "tests/helpers")}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    memory = json.loads(done.stdout)
    with capsys.disabled():
        print(f"\nMiB after 100 … 500 publications: {[round(each) for each in memory[99::100]]}")  # noqa: T201
    assert max(memory[100:]) - memory[99] < 50
