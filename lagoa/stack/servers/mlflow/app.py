"""The process of MLflow's server: `python -m lagoa.stack.servers.mlflow.app HOST PORT`.

`mlflow server` does the same, and has a second process of 300 MB beside it that only waits for the first. Everything
else comes from the environment, as `mlflow server` reads it.
"""

from __future__ import annotations

import os
import sys

from lagoa.domain.optional import extra

APP = "mlflow.server.auth:create_app"
ROOT = "mlflow-artifacts:/"


def prepare() -> None:
    """Hand the settings to MLflow's app, and make or check the tables, which it would else do at the first request."""
    with extra("mlflow", "MLflow's server"):
        import boto3  # noqa: F401 - how it reaches MinIO, which it would notice at the first file
        from mlflow.environment_variables import _MLFLOW_SGI_NAME
        from mlflow.server import constants
        from mlflow.server.handlers import initialize_backend_stores

    database = os.environ["MLFLOW_BACKEND_STORE_URI"]
    os.environ |= {
        constants.BACKEND_STORE_URI_ENV_VAR: database,
        constants.REGISTRY_STORE_URI_ENV_VAR: database,
        constants.ARTIFACT_ROOT_ENV_VAR: ROOT,
        constants.ARTIFACTS_DESTINATION_ENV_VAR: os.environ["MLFLOW_ARTIFACTS_DESTINATION"],
        constants.SERVE_ARTIFACTS_ENV_VAR: "true",
        _MLFLOW_SGI_NAME.name: "uvicorn",
    }
    initialize_backend_stores(database, database, ROOT)


def main(host: str, port: str) -> None:
    """Serve until it is ended."""
    import uvicorn

    prepare()
    uvicorn.run(APP, factory=True, host=host, port=int(port))


if __name__ == "__main__":
    main(*sys.argv[1:])
