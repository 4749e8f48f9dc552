"""`make demo`: the main job from files to `main`, and a look at what it made.

`python -m flows.demo [FOLDER]` loads the nine Olist files of a folder; without one it generates them at full size. Each
folder gets a lake state of its own, so that two data sets never meet in one history.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from lagoa.prefect.server import begin_server

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lagoa.lake import Lake

GENERATED = Path("data/olist")
MODELS = ("days_to_delivery", "late_delivery")
KPIS = Path(__file__).with_name("demo_kpis.sql")


def main(folder: str | None = None) -> None:
    """Run the main job on the files of a folder and show what came of it."""
    console = Console()
    if folder:
        name = hashlib.sha256(str(Path(folder).resolve()).encode()).hexdigest()[:8]
        os.environ.setdefault("LAGOA_STATE", f".lagoa/olist-{name}")
    begin_server(Path())
    source = Path(folder) if folder else _generated(console)
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "WARNING")  # read when Prefect is imported
    began = time.perf_counter()
    with console.status("Running the flow `daily` on the lake's Prefect server"):
        from flows.daily import daily

        daily(str(source))
    console.print(f"The flow `daily` loaded {source}, built, audited and published in {_since(began)}.")
    import lagoa

    with lagoa.open_lake() as lake:
        _features(lake, console)
        _models(lake, console)
        _summary(lake, console)
    _next_steps(console)


def _generated(console: Console) -> Path:
    from flows.sources.olist import generate

    if not (GENERATED / "product_category_name_translation.csv").exists():
        began = time.perf_counter()
        with console.status("Generating nine files of a marketplace at full size"):
            generate(GENERATED)
        console.print(f"Generated nine files in {GENERATED} in {_since(began)}.")
    return GENERATED


def _features(lake: Lake, console: Console) -> None:
    began = time.perf_counter()
    with console.status("Applying feature_store/ and putting the features online"):
        from lagoa.feast.applying import apply

        apply(lake.settings.features_folder)
        state = lake.materialize_features().state
    entities = sum(view.entities for view in state.views.values())
    console.print(f"Features of {entities:,} entities are online, of commit {state.commit[:12]}, in {_since(began)}.")


def _models(lake: Lake, console: Console) -> None:
    began = time.perf_counter()
    with console.status("Training models of ml/"):
        runs = lake.train(MODELS)
    rows = [
        (f"{run.model} {run.version}", name, f"{found.value:.3f}", f"{found.low:.3f} to {found.high:.3f}",
         "" if found.baseline is None else f"{found.baseline:.3f}")
        for run in runs
        for name, found in list(run.metrics.items())[:2]
    ]  # fmt: skip
    columns = ("model", "metric", "value", "interval of 95 %", "baseline")
    console.print(_table(f"Models of commit {runs[0].commit[:12]}, trained in {_since(began)}", columns, rows))


def _summary(lake: Lake, console: Console) -> None:
    counts = lake.row_counts()
    rows: Counter[str] = Counter()
    tables: Counter[str] = Counter()
    for table, count in counts.items():
        rows[table.layer] += count
        tables[table.layer] += 1
    console.print(_table("Rows on main", ("layer", "tables", "rows"), [(k, tables[k], rows[k]) for k in rows]))
    waiting: Counter[str] = Counter()
    for refused in lake.quarantine():
        waiting[str(refused.table)] += refused.records
    if waiting:
        console.print(_table("Records that wait in quarantine", ("table", "records"), list(waiting.items())))
    publication = lake.publications(limit=1)[0]
    outcomes = Counter(result.outcome for result in publication.report.results)
    console.print(_table("Checks of the publication", ("outcome", "checks"), list(outcomes.items())))
    for result in publication.report.results:
        if result.outcome == "warned":
            console.print(f"  warned: {result.check}: {result.message}", style="yellow")
    console.print(
        f"main moved to {publication.commit[:12]} at {publication.published_at.astimezone():%Y-%m-%d %H:%M:%S %Z}, "
        f"{len(publication.tables)} tables, receipt {publication.receipt[:12]}.",
        highlight=False,
    )
    kpis = lake.sql(KPIS.read_text("utf-8"))
    console.print(_table("The marketplace by month", kpis.columns, kpis.fetchall()))


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right")
    for row in rows:
        table.add_row(*(f"{v:,}" if isinstance(v, int) else str(v) for v in row))
    return table


def _next_steps(console: Console) -> None:
    state = os.environ.get("LAGOA_STATE")
    console.print("\nWhat to try next:", style="bold")
    lines = ["source .venv/bin/activate"]
    if state:
        lines.append(f"export LAGOA_STATE={state}")
    lines += [
        "lagoa status",
        "lagoa log",
        'lagoa sql "from gold.kpi_seller_ranking order by revenue_rank limit 10"',
        "lagoa branch create mine && lagoa transform mine && lagoa diff main..mine",
        "lagoa quarantine list",
        "lagoa feature list && lagoa feature status",
        "lagoa ml show late_delivery && lagoa ml reproduce late_delivery",
    ]
    for line in lines:
        console.print(f"  {line}", highlight=False)


def _since(began: float) -> str:
    return f"{time.perf_counter() - began:.1f} s"


if __name__ == "__main__":
    main(*sys.argv[1:2])
