"""Nessie (https://projectnessie.org/nessie-latest/configuration/)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.stack.objects import REGION, WAREHOUSE
from lagoa.stack.servers.server import Launch, Server, Site, answers_ok, java, write_private

if TYPE_CHECKING:
    from pathlib import Path


def _configure(site: Site, file: Path) -> Launch:
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
        settings |= _objects(site)
    lines = "".join(f"{key}={value}\n" for key, value in settings.items())
    write_private(site.folder / "config" / "application.properties", lines)
    return Launch([java(), "-Xmx768m", "-XX:+UseSerialGC", "-jar", str(file)])


def _objects(site: Site) -> dict[str, object]:
    """Settings by which it serves tables over Iceberg's REST catalog, with keys for their files that run out."""
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
        "minio.secret": site.secret("minio-nessie"),
    }


NESSIE = Server(
    url=lambda artefact: f"http://{artefact.address}/api/v2",
    answers=lambda artefact: answers_ok(f"http://{artefact.host}:{artefact.management_port}/q/health/ready"),
    configure=_configure,
)
