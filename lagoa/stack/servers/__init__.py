"""The servers that a manifest may name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.stack.servers.audit import AUDIT
from lagoa.stack.servers.keycloak import KEYCLOAK
from lagoa.stack.servers.minio import MINIO
from lagoa.stack.servers.mlflow import MLFLOW
from lagoa.stack.servers.nessie import NESSIE
from lagoa.stack.servers.postgres import POSTGRES
from lagoa.stack.servers.spark import SPARK
from lagoa.stack.servers.trino import TRINO
from lagoa.stack.servers.vault import VAULT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lagoa.stack.servers.server import Server

SERVERS: Mapping[str, Server] = {
    "postgres": POSTGRES,
    "keycloak": KEYCLOAK,
    "minio": MINIO,
    "nessie": NESSIE,
    "vault": VAULT,
    "mlflow": MLFLOW,
    "audit": AUDIT,
    "trino": TRINO,
    "spark": SPARK,
}
"""Each by its name in the manifest."""
