"""An order set in the form of the Olist export, made from nothing but a seed, so that the lake runs without it.

Size, file names, headers and quirks are those of the Brazilian E-Commerce Public Dataset by Olist; every row, text and
number is drawn again. The SQL is in `olist_sql/`: `macros`, `vocabulary`, then one script a subject, and one SELECT for
each file under `files/`.

    python -m flows.sources.olist --out data/olist [--scale 1.0] [--seed 42]
"""

from __future__ import annotations

import argparse
from pathlib import Path

SCRIPTS = ("macros", "vocabulary", "places", "orders", "items", "payments", "reviews")
FULL_SIZE = {
    "orders": 99_441,
    "people": 96_096,
    "items": 112_650,
    "baskets": 9_803,
    "payments": 103_886,
    "split_orders": 2_961,
    "reviews": 99_224,
    "reviewed_orders": 98_673,
    "shared_reviews": 814,
    "products": 32_951,
    "sellers": 3_095,
    "points": 1_000_163,
    "prefixes": 19_177,
}
"""Rows of the real set; `baskets` are orders of several items, `shared_reviews` rows that repeat another's review."""

SMALLEST = 0.005
"""Below this share of the full size, states of orders and of the country fall out."""

_SQL = Path(__file__).parent / "olist_sql"


def generate(folder: Path | str, scale: float = 1.0, seed: int = 42) -> dict[str, int]:
    """Write the nine CSV files of an order set.

    Args:
        folder: where to; made when it is not there. Files of the same names are replaced.
        scale: 1.0 for the full size of 1.55 million rows, less for a set that is smaller in each table but the
            categories and keeps its proportions.
        seed: the same seed and scale give the same bytes, whatever the number of threads.

    Returns:
        Rows written, by file name.

    Raises:
        ValueError: for a scale below 0.005.
    """
    import duckdb

    if scale < SMALLEST:
        raise ValueError(f"the scale is {scale}; give {SMALLEST} or more")
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    rows = {}
    with duckdb.connect() as connection:
        connection.execute(f"set variable seed = {int(seed)}")
        for name, size in _sizes(scale).items():
            connection.execute(f"set variable {name} = {size}")
        for script in SCRIPTS:
            connection.execute((_SQL / f"{script}.sql").read_text(encoding="utf-8"))
        for query in sorted((_SQL / "files").glob("*.sql")):
            path = target / f"{query.stem}.csv"
            sql = query.read_text(encoding="utf-8")
            copied = connection.execute(
                f"copy ({sql}) to $path (format csv, header, timestampformat '%Y-%m-%d %H:%M:%S')", {"path": str(path)}
            ).fetchone()
            rows[path.name] = copied[0] if copied else 0
    return rows


def _sizes(scale: float) -> dict[str, int]:
    """Return the number of rows of everything at a scale."""
    sizes = {name: round(size * scale) for name, size in FULL_SIZE.items()}
    sizes["prefixes"] = max(sizes["prefixes"], 28)  # one for each range of the zip codes
    return sizes


def main(arguments: list[str] | None = None) -> None:
    """Write a set as the command line says and print a table of the rows written."""
    parser = argparse.ArgumentParser(prog="python -m flows.sources.olist", description=main.__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the nine CSV files")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full 1.55 million rows (default 1.0)")
    parser.add_argument("--seed", type=int, default=42, help="the same seed gives the same files (default 42)")
    options = parser.parse_args(arguments)

    from rich.console import Console
    from rich.table import Table

    rows = generate(options.out, options.scale, options.seed)
    table = Table("file", "rows", title=f"Written to {options.out}")
    table.columns[1].justify = "right"
    for name, count in rows.items():
        table.add_row(name, f"{count:,}")
    table.add_section()
    table.add_row("together", f"{sum(rows.values()):,}")
    Console().print(table)


if __name__ == "__main__":
    main()
