"""What `lagoa transform` and `lagoa backfill` say of the models that were run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lagoa.cli.console import emit_table, hint, number, seconds
from lagoa.domain.lists import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lagoa.sql_models.run import ModelResult


def show_built(results: Sequence[ModelResult]) -> None:
    """Print the tables that were built, and how; say how many were up to date."""
    built = [r for r in results if not r.skipped]
    if built:
        emit_table(
            ("table", "rows", "time", "built"),
            ((str(r.table), number(r.rows), seconds(r.seconds), _how(r)) for r in built),
            right=("rows", "time"),
        )
    kept = len(results) - len(built)
    if kept:
        hint(f"{counted(kept, 'model')} {'was' if kept == 1 else 'were'} up to date.")
    if not results:
        hint("There are no models: transformations/<layer>/<table>.sql holds one SELECT each, <table>.py one function.")


def tell_built(result: ModelResult) -> dict[str, Any]:
    """Return the result of a model for JSON output."""
    return {
        "table": str(result.table),
        "rows": result.rows,
        "skipped": result.skipped,
        "how": result.how,
        "increments": list(result.increments),
        "reason": result.reason,
        "seconds": result.seconds,
    }


def _how(result: ModelResult) -> str:
    if result.reason:
        return f"{result.how}: {result.reason}"
    if result.how != "incremental":
        return result.how
    names = result.increments
    if len(names) < 2:  # noqa: PLR2004 - one, or none
        return f"incremental: {''.join(names) or 'no row that counts has changed'}"
    return f"incremental: {number(len(names))}, {names[0]} … {names[-1]}"
