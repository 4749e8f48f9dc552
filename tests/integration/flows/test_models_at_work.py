"""The flows `score` and `watch` on a Prefect server: a champion's scores are published, and a candidate is proposed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from checkout import ROOT
from trained import DEFINITION, TrainedLake, orders, publish

pytestmark = pytest.mark.timeout(300)

COLUMNS = (
    "id:long* moment:timestamptz! probability:double! training_rank:double! model:string! model_version:int! "
    "data_commit:string!"
)
RUN = """
import sys
from flows.score import score
from flows.watch import watch
from lagoa import open_lake
sys.path.append(sys.argv[2])
from trained import orders, publish
import pyarrow.compute as pc
lake = sys.argv[1]
print(score(model="late", table="gold.risk", days=5, lake=lake).commit)
print(watch(lake=lake))
with open_lake(lake) as opened:
    rows = orders(200)
    publish(opened, rows.set_column(4, "distance", pc.negate(rows["distance"])))
print(watch(lake=lake))
"""


def test_scores_are_published_and_a_candidate_is_proposed_by_flows(tmp_path):
    folder = TrainedLake(tmp_path / "lake")
    folder.contract("gold.risk", COLUMNS)
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
    published, quiet, *found, proposed = done.stdout.splitlines()
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
