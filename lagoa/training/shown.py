"""A training set as MLflow keeps it: where it comes from, its features, and what identifies it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lagoa.domain.training import TrainingRun

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
