"""MLflow: its tracking store and registry."""

from __future__ import annotations

import os

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # read when MLflow is imported: a lake tells nobody what it does
