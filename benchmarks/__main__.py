"""`python -m benchmarks [NAME…]`: run the benchmarks and write docs/benchmarks.md, or print the named ones only."""

from __future__ import annotations

import importlib
import sys
from datetime import UTC, datetime

from benchmarks.figures import as_markdown, machine, versions
from benchmarks.page import write

PARTS = {
    "main_job": "The main job",
    "write": "Writing and reading",
    "ingest": "Ingest",
    "infer": "Drafts of contracts",
    "incremental": "Increments",
    "publish": "Publishing",
    "writers": "Publishing by many at a time",
    "growth": "Many publications",
    "maintain": "Maintenance",
    "review": "Reviewing",
    "backup": "Backup",
    "catalog": "The catalog",
    "contracts": "Contracts",
    "startup": "The command line",
    "demo": "The demo",
    "deployments": "Deployments",
    "tpch": "Lines written by hand",
    "features": "Features",
    "training": "Trained models",
    "models": "What the models find",
    "serving": "Trained models over HTTP",
}


def main(names: list[str]) -> None:
    """Measure the named parts, or all of them."""
    sections = {}
    for name in names or PARTS:
        print(f"{name} …", file=sys.stderr, flush=True)
        figures = as_markdown(importlib.import_module(f"benchmarks.{name}").run())
        text = f"Measured on {datetime.now(UTC):%Y-%m-%d}: {machine()}; {versions()}.\n\n{figures}"
        print(f"## {PARTS[name]}\n\n{text}\n", flush=True)
        sections[PARTS[name]] = text
    if not names:
        write(sections)


if __name__ == "__main__":
    main(sys.argv[1:])
