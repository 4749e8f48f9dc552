"""MinIO (https://github.com/minio/minio/tree/master/docs)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.stack.policy import read_policy
from lagoa.stack.servers.audit import told_by_minio
from lagoa.stack.servers.keycloak import realm_url
from lagoa.stack.servers.minio.objects import make_ready
from lagoa.stack.servers.server import Launch, Server, Site, answers_ok

if TYPE_CHECKING:
    from pathlib import Path


def _configure(site: Site, file: Path) -> Launch:
    data = site.folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    addresses = [
        "--address",
        f"{site.artefact.bind}:{site.artefact.port}",
        "--console-address",
        f"{site.artefact.bind}:{site.artefact.console_port}",
    ]
    environment = {
        "MINIO_ROOT_USER": site.secret("minio-root-user"),
        "MINIO_ROOT_PASSWORD": site.secret("minio-root-password"),
        "MINIO_UPDATE": "off",
        "MINIO_API_STALE_UPLOADS_EXPIRY": "24h",  # of uploads that broke off; it takes no rule of a bucket for that
        "HOME": str(site.folder),
    }
    if site.artefact.sign_in:
        realm = realm_url(site.manifest["keycloak"])
        environment |= {
            "MINIO_IDENTITY_OPENID_CONFIG_URL": f"{realm}/.well-known/openid-configuration",
            "MINIO_IDENTITY_OPENID_CLIENT_ID": "minio",
            "MINIO_IDENTITY_OPENID_CLAIM_NAME": "policy",
        }
    if "audit" in site.manifest:
        environment |= told_by_minio(site)
    return Launch([str(file), "server", *addresses, str(data)], environment)


def _make_ready(site: Site) -> None:
    artefact = site.artefact
    make_ready(artefact.address, site.credentials, read_policy(site.root), sign_in=artefact.sign_in, cold=artefact.cold)


MINIO = Server(
    url=lambda artefact: f"http://{artefact.address}",
    answers=lambda artefact: answers_ok(f"http://{artefact.address}/minio/health/ready"),
    configure=_configure,
    make_ready=_make_ready,
    needs=lambda artefact: ("keycloak",) if artefact.sign_in else (),
)
