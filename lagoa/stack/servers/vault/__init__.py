"""Vault (https://developer.hashicorp.com/vault/docs/configuration)."""

from __future__ import annotations

import json
from contextlib import closing
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING

from lagoa.domain.optional import extra
from lagoa.stack.servers.server import Launch, Server, Site, answers_ok, write_private

if TYPE_CHECKING:
    from pathlib import Path

    from lagoa.stack.manifest import Artefact

_AUDIT_LOG = "audit.log"
_AUDIT_BYTES, _AUDIT_BACKUPS = 10_000_000, 3


def _configure(site: Site, file: Path) -> Launch:
    settings = {
        "storage": {"file": {"path": str(site.folder / "data")}},
        "listener": {
            "tcp": {"address": f"{site.artefact.bind}:{site.artefact.port}", "tls_disable": True},
        },
        "api_addr": f"http://{site.artefact.address}",
        "ui": False,
        "disable_mlock": True,  # it takes a right that only root has
    }
    _rotate(site.folder / _AUDIT_LOG)
    path = site.folder / "vault.json"
    write_private(path, json.dumps(settings, indent=1))
    environment = {"HOME": str(site.folder), "GOMEMLIMIT": "192MiB"}
    return Launch([str(file), "server", f"-config={path}"], environment)


def _rotate(log: Path) -> None:
    """Put a long audit trail aside; Vault itself does not."""
    if log.exists() and log.stat().st_size > _AUDIT_BYTES:
        with closing(RotatingFileHandler(log, backupCount=_AUDIT_BACKUPS, delay=True)) as handler:
            handler.doRollover()


def _make_ready(site: Site) -> None:
    with extra("stack", "`lagoa stack`"):
        from lagoa.stack.servers.vault.secrets import make_ready

    # A relative path, so that the lake can be moved.
    make_ready(f"http://{site.artefact.address}", site.credentials, audit_log=_AUDIT_LOG)


def _health(artefact: Artefact, query: str = "") -> bool:
    return answers_ok(f"http://{artefact.address}/v1/sys/health{query}")


VAULT = Server(
    url=lambda artefact: f"http://{artefact.address}",
    answers=lambda artefact: _health(artefact, "?uninitcode=200&sealedcode=200"),
    configure=_configure,
    make_ready=_make_ready,
    is_well=_health,
)
