"""`python -m benchmarks [NAME…]`: run the benchmarks and write docs/benchmarks.md, or print the named ones only."""

from __future__ import annotations

import importlib
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.figures import as_markdown, machine, versions

PARTS = {
    "main_job": "The main job",
    "write": "Writing and reading",
    "incremental": "Increments",
    "publish": "Publishing",
    "catalog": "The catalog",
    "startup": "The command line",
    "demo": "The demo",
}
PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"


def main(names: list[str]) -> None:
    """Measure the named parts, or all of them."""
    sections = []
    for name in names or PARTS:
        print(f"{name} …", file=sys.stderr, flush=True)
        section = f"## {PARTS[name]}\n\n{as_markdown(importlib.import_module(f'benchmarks.{name}').run())}\n"
        print(section, flush=True)
        sections.append(section)
    if not names:
        PAGE.write_text("\n".join([_head(), *sections]), "utf-8")


def _head() -> str:
    return (
        "# Benchmarks\n\n"
        "Every figure is measured by `make bench`, beside its limit or a peer in the same run; what is over its limit\n"
        "is bold. Medians, of five pairs or more where two things are compared. Lagoa compresses\n"
        "by zstd at level 1, the plain COPY beside it at DuckDB's default of 3.\n\n"
        f"- {datetime.now(UTC):%Y-%m-%d}\n- {machine()}\n- {versions()}\n"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
