"""The flow `score` on a Prefect server: scores of a champion are published."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from checkout import ROOT
from trained import TrainedLake, orders, publish

pytestmark = pytest.mark.timeout(300)

COLUMNS = (
    "id:long* moment:timestamptz! probability:double! training_rank:double! model:string! model_version:int! "
    "data_commit:string!"
)
RUN = """
import sys
from flows.score import score
print(score(model="late", table="gold.risk", days=5, lake=sys.argv[1]).commit)
"""


def test_scores_are_published_by_the_flow(tmp_path):
    folder = TrainedLake(tmp_path / "lake")
    folder.contract("gold.risk", COLUMNS)
    with folder.open() as lake:
        publish(lake, orders(100))
        (run,) = lake.train()
        lake.promote_model("late", "the first")
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(folder.root)],
        cwd=ROOT,
        env={
            **os.environ,
            "PREFECT_HOME": str(tmp_path / "prefect"),
            "PREFECT_LOGGING_LEVEL": "WARNING",
            "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",  # a busy machine does not keep its 20
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with folder.open() as lake:
        assert lake.resolve("main").id == done.stdout.split()[-1]
        found = lake.sql("select count(*), min(model_version), any_value(data_commit) from gold.risk").fetchall()
        assert found == [(41, 1, run.commit)]
