"""A training set as MLflow keeps it: where it comes from, its features, and what identifies it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from lagoa.domain.training import SetRecord, TrainingRun

SOURCE_TYPE = "lagoa"


_OF_ROWS, _OF_COMMIT = 23, 12
"""Characters of the parts of a digest, of which MLflow keeps 36."""


def digest_of_set(run: TrainingRun) -> str:
    """Return what MLflow tells training sets apart by: the rows, and the commit that they were read at."""
    return f"{run.rows.digest[:_OF_ROWS]}-{run.commit[:_OF_COMMIT]}"


def source_of(run: TrainingRun, lake: str) -> dict[str, Any]:
    """Return where the rows of a run come from: lake and run, to build them again, and what people want to see."""
    sql = next((text for name, text in sorted(run.files.items()) if name.endswith(".sql")), "")
    return {
        "lake": lake,
        "run": run.id,
        "ref": run.ref,
        "commit": run.commit,
        "tag": run.tag,
        "receipt": run.receipt,
        "digest": run.rows.digest,
        "tables": run.rows.tables,
        "features": list(run.rows.features),
        "sql": sql,
    }


def schema_of(run: TrainingRun) -> str:
    """Return the features of a run as MLflow's schema."""
    columns = [
        {"name": name, "type": "string" if name in run.rows.texts else "double", "required": False}
        for name in run.rows.features
    ]
    return json.dumps({"mlflow_colspec": columns})


def typical_row(rows: pa.Table, record: SetRecord) -> dict[str, float | str | None]:
    """Return features that are nobody's: the median of each number, the most frequent of texts; None without values."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found: dict[str, float | str | None] = {}
    for name in record.features:
        column = rows[name].drop_null()
        if name in record.texts:
            counted = pc.value_counts(column.cast(pa.string()).combine_chunks()).to_pylist()
            most = max(counted, key=lambda each: (each["counts"], each["values"]), default=None)
            found[name] = most["values"] if most else None
        else:
            column = column.cast(pa.uint8()) if pa.types.is_boolean(column.type) else column
            found[name] = pc.quantile(column.cast(pa.float64(), safe=False), 0.5)[0].as_py()
    return found


def profile_of(run: TrainingRun) -> Mapping[str, Any]:
    """Return the size of the rows of a run, and what identifies them."""
    rows = run.rows
    return {
        "num_rows": rows.rows,
        "trained": rows.trained,
        "tested": rows.tested,
        "cut": rows.cut.isoformat(),
        "commit": run.commit,
        "digest": rows.digest,
    }
