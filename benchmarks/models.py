"""How good the reference lake's models are found to be: on generated orders, and on those of `OLIST_DIR`."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import lagoa
from benchmarks.commands import lagoa as run_lagoa
from benchmarks.demo import LAKE
from benchmarks.figures import Figure
from flows.sources.olist import generate

if TYPE_CHECKING:
    from lagoa.domain.training import Metric, TrainingRun

ROOT = Path(__file__).parents[1]


def run() -> list[Figure]:
    """Train the models on each set; takes about two minutes. The same rows give the same figures on any day."""
    with tempfile.TemporaryDirectory(prefix="lagoa-bench-") as folder:
        generate(Path(folder) / "data")
        figures = _found(Path(folder), Path(folder) / "data", "generated")
    if given := os.environ.get("OLIST_DIR"):
        with tempfile.TemporaryDirectory(prefix="lagoa-bench-") as folder:
            figures += _found(Path(folder), Path(given).resolve(), "of OLIST_DIR")
    return figures


def _found(folder: Path, data: Path, which: str) -> list[Figure]:
    for name in LAKE:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    with lagoa.open_lake(folder) as lake, lake.run("load") as branch:
        branch.ingest_folder(data)
        branch.transform()
        branch.publish()
    run_lagoa(folder, "feature", "apply")
    with lagoa.open_lake(folder) as lake:
        runs = lake.train()
    return [figure for each in runs for figure in _of(each, which)]


def _of(run: TrainingRun, which: str) -> list[Figure]:
    rows = f"learned from {run.rows.trained:,} rows, tested with {run.rows.tested:,}"
    return [
        Figure(
            f"{run.model}, {which}: {name}", metric.value, "", peer=_baseline(metric), note=f"{_interval(metric)}{rows}"
        )
        for name, metric in run.metrics.items()
    ]


def _baseline(metric: Metric) -> str:
    return "" if metric.baseline is None else f"baseline: {metric.baseline:.3g}"


def _interval(metric: Metric) -> str:
    return f"95 %: {metric.low:.3g} to {metric.high:.3g}; "
