"""The log of what MinIO refuses, which MinIO itself does not keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.domain.optional import extra
from lagoa.stack.servers.server import Launch, Server, Site, answers_ok

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_TOKEN = "audit-token"  # noqa: S105 - the name of a credential


def _configure(site: Site, file: Path) -> Launch:
    with extra("stack", "`lagoa stack`"):
        from lagoa.stack.servers.audit.log import TOKEN_VARIABLE

    place = (site.artefact.bind, str(site.artefact.port))
    return Launch([str(file), "-m", str(site.artefact.module), *place], {TOKEN_VARIABLE: site.secret(_TOKEN)})


def told_by_minio(site: Site) -> Mapping[str, str]:
    """Return the variables by which MinIO reports each request to this server (https://github.com/minio/minio/tree/master/docs/logging)."""
    return {
        "MINIO_AUDIT_WEBHOOK_ENABLE_LAGOA": "on",
        "MINIO_AUDIT_WEBHOOK_ENDPOINT_LAGOA": f"http://{site.manifest['audit'].address}/",
        "MINIO_AUDIT_WEBHOOK_AUTH_TOKEN_LAGOA": f"Bearer {site.secret(_TOKEN)}",
        "MINIO_AUDIT_WEBHOOK_BATCH_SIZE_LAGOA": "100",
    }


AUDIT = Server(
    url=lambda artefact: f"http://{artefact.address}",
    answers=lambda artefact: answers_ok(f"http://{artefact.address}/health"),
    configure=_configure,
)
