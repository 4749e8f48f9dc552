"""The flows `score` and `watch` on a Prefect server: scores are published, if need be at a second try; proposals."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from checkout import ROOT
from trained import DEFINITION, SCORES, TrainedLake, orders, publish

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

RUN = """
import sys
from flows.score import score
from flows.watch import watch
from lagoa import open_lake
sys.path.append(sys.argv[2])
from trained import orders, publish
import pyarrow.compute as pc
from lagoa.branch import Run
from lagoa.errors import CatalogBusy, NotAllowed
lake = sys.argv[1]
published, tries, failing = Run.publish, [], []
def failing_first(self, message=""):
    tries.append(message)
    if failing:
        raise failing.pop()
    return published(self, message)
Run.publish = failing_first
failing.append(NotAllowed("main", "the role may not"))
try:
    score(model="late", table="gold.risk", days=5, lake=lake)
except NotAllowed:
    print(len(tries))
failing.append(CatalogBusy("The catalog does not answer.", "Wait."))
print(score(model="late", table="gold.risk", days=5, lake=lake).commit)
print(len(tries))
print(watch(lake=lake))
with open_lake(lake) as opened:
    rows = orders(200)
    publish(opened, rows.set_column(4, "distance", pc.negate(rows["distance"])))
print(watch(lake=lake))
"""


def test_scores_are_published_and_a_candidate_is_proposed_by_flows(tmp_path):
    folder = TrainedLake(tmp_path / "lake")
    folder.contract("gold.risk", SCORES)
    folder.model_files(DEFINITION + "scores: gold.risk\n")
    with folder.open() as lake:
        publish(lake, orders(100))
        (run,) = lake.train()
        lake.promote_model("late", "the first")
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(folder.root), str(ROOT / "tests" / "helpers")],
        cwd=ROOT,
        env={
            **os.environ,
            "PREFECT_HOME": str(tmp_path / "prefect"),
            "PREFECT_LOGGING_LEVEL": "ERROR",
            "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",  # a busy machine does not keep its 20
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    refused, published, tries, quiet, *found, proposed = done.stdout.splitlines()
    assert (refused, tries) == ("1", "3")  # what may pass is tried again, and nothing else
    assert quiet == "Nothing speaks for training again."
    assert any(each.startswith("late 1: auc is ") for each in found)
    with folder.open() as lake:
        assert published in [each.commit for each in lake.publications()]
        query = "select count(*), min(model_version), any_value(data_commit) from gold.risk"
        assert lake.sql(query).fetchall() == [(41, 1, run.commit)]
        branch = f"retrain/late/{lake.trained_run('late@candidate').id}"
        assert proposed == f"late 2 is proposed, on the branch {branch}"
        assert lake.sql("select distinct model_version from gold.risk", branch).fetchall() == [(2,)]
        assert lake.trained_run("late@champion").version == 1
