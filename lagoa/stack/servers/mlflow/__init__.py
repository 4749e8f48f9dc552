"""MLflow's server (https://mlflow.org/docs/latest/self-hosting/): runs and models in PostgreSQL, files in MinIO.

It is the only one that reaches either; everybody signs in at it with a password (its `basic-auth`).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from lagoa.domain.optional import extra
from lagoa.stack.manifest import HOST
from lagoa.stack.servers.minio.objects import ARTIFACTS, MLFLOW_USER, REGION
from lagoa.stack.servers.server import Launch, Server, Site, answers_ok, write_private

if TYPE_CHECKING:
    from pathlib import Path

    from lagoa.domain.roles import Role
    from lagoa.stack.manifest import Artefact

WRITERS: tuple[Role, ...] = ("engineer", "publisher")
"""The roles that log runs and register models. The others read."""

ADMIN = "admin"
ADMIN_PASSWORD = "mlflow-admin"  # noqa: S105 - the name of a credential
SETTINGS = "auth.ini"

_APP = "lagoa.stack.servers.mlflow.app"
_POOL = {"POOL_SIZE": "2", "MAX_OVERFLOW": "6"}
"""Of connections to PostgreSQL: its stores for runs, models and users have one each."""


def _configure(site: Site, package: Path) -> Launch:
    del package  # it is found by whatever Python runs it
    artefact = site.artefact
    database = (
        f"postgresql+psycopg://mlflow:{site.secret('postgres-mlflow')}@{site.manifest['postgres'].address}/mlflow"
    )
    rules = {
        "default_permission": "READ",
        "database_uri": database,
        "admin_username": ADMIN,
        "admin_password": site.secret(ADMIN_PASSWORD),
        "authorization_function": "mlflow.server.auth:authenticate_request_basic_auth",
        "auth_cache_ttl_seconds": 60,  # else each request takes as long as a password is slow to guess
    }
    lines = "".join(f"{key} = {value}\n" for key, value in rules.items())
    write_private(site.folder / SETTINGS, f"[mlflow]\n{lines}")
    environment = {
        "MLFLOW_BACKEND_STORE_URI": database,
        "MLFLOW_ARTIFACTS_DESTINATION": f"s3://{ARTIFACTS}",
        "MLFLOW_S3_ENDPOINT_URL": f"http://{site.manifest['minio'].address}",
        "MLFLOW_AUTH_CONFIG_PATH": str(site.folder / SETTINGS),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": site.secret("mlflow-forms"),
        "MLFLOW_SERVER_ALLOWED_HOSTS": ",".join(f"{host}:{artefact.port}" for host in _hosts(artefact)),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        **{f"MLFLOW_SQLALCHEMYSTORE_{name}": value for name, value in _POOL.items()},
        "AWS_ACCESS_KEY_ID": MLFLOW_USER,
        "AWS_SECRET_ACCESS_KEY": site.secret(f"minio-{MLFLOW_USER}"),
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "HOME": str(site.folder),
    }
    return Launch([sys.executable, "-m", _APP, artefact.bind, str(artefact.port)], environment)


def _hosts(artefact: Artefact) -> list[str]:
    """Return by which names it is called: pages of other sites, which know it by theirs, get 403."""
    return list(dict.fromkeys((artefact.host, HOST, "localhost")))


def _make_ready(site: Site) -> None:
    with extra("stack", "`lagoa stack`"):
        from lagoa.stack.servers.mlflow.users import make_ready

    make_ready(f"http://{site.artefact.address}", (ADMIN, ADMIN_PASSWORD), site.credentials)


MLFLOW = Server(
    url=lambda artefact: f"http://{artefact.address}",
    answers=lambda artefact: answers_ok(f"http://{artefact.address}/health"),
    configure=_configure,
    make_ready=_make_ready,
    needs=lambda _: ("postgres", "minio"),
)
