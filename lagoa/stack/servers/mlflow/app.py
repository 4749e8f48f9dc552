"""The process of MLflow's server: `python -m lagoa.stack.servers.mlflow.app HOST PORT`.

`mlflow server` does the same, and has a second process of 300 MB beside it that only waits for the first. Everything
else comes from the environment, as `mlflow server` reads it. Of what MLflow lets everybody do who has signed in, this
leaves what runs and models need: else who reads could have it write files where they like, and call other servers.
"""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Any, get_args

from lagoa.domain.credentials import tracking_user
from lagoa.domain.optional import extra
from lagoa.domain.roles import Role
from lagoa.stack.servers.mlflow import WRITERS

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

ROOT = "mlflow-artifacts:/"

_WHAT = "MLflow's server"
_APP = f"{__spec__.name if __spec__ else __name__}:create_app"
_READERS = frozenset(tracking_user(role) for role in get_args(Role) if role not in WRITERS)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_WRITTEN = re.compile(
    r"/(ajax-)?api/[23]\.0/"
    r"(mlflow-artifacts|mlflow/(experiments|runs|registered-models|model-versions|logged-models|datasets|users|roles))(/|$)"
    r"|/(ajax-)?api/3\.0/mlflow/traces/search$|/(ajax-)?api/2\.0mlflow/experiments/search-datasets$|/graphql$"
)
"""What of it is written to: runs, models, their files, users; and searches, whose requests are alike."""

_CREATED = ("/mlflow/experiments/create", "/mlflow/registered-models/create")


class RunsAndModels:
    """Refuses to write anything but what `_WRITTEN` says: no gateway to other servers, no jobs, no web hooks.

    Args:
        app: what answers all else.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        from starlette.responses import PlainTextResponse

        written = scope["type"] == "http" and scope["method"] not in _SAFE
        if scope["type"] == "websocket" or (written and not _WRITTEN.match(scope["path"])):
            await PlainTextResponse("This server keeps runs and models alone.", 403)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def refused() -> tuple[str, int] | None:
    """Return the answer to a request for what nobody, or no reader, may make; None for any other."""
    with extra("mlflow", _WHAT):
        from flask import request
        from mlflow.protos.service_pb2 import CreateExperiment
        from mlflow.server import handlers

    if request.method != "POST" or not request.path.endswith(_CREATED):
        return None
    if request.authorization is not None and request.authorization.username in _READERS:
        return "Permission denied: this user reads.", 403
    read: Any = handlers._get_request_message  # the parser of what comes after
    if request.path.endswith(_CREATED[0]) and read(CreateExperiment()).artifact_location:
        return "Permission denied: files are where the server has them.", 403
    return None


def create_app() -> RunsAndModels:
    """Return the app, as uvicorn runs it."""
    with extra("mlflow", _WHAT):
        from mlflow.server import app as pages
        from mlflow.server import auth

    made: Any = auth
    app = made.create_app(pages)
    pages.before_request(refused)  # after the sign-in
    return RunsAndModels(app)


def prepare() -> None:
    """Hand the settings to MLflow's app, and make or check the tables, which it would else do at the first request."""
    with extra("mlflow", _WHAT):
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
    uvicorn.run(_APP, factory=True, host=host, port=int(port))


if __name__ == "__main__":
    main(*sys.argv[1:])
