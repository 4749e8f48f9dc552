"""Vault (https://developer.hashicorp.com/vault/docs/configuration)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lagoa.stack.secrets import make_ready
from lagoa.stack.servers.server import Launch, Server, Site, answers_ok, write_private

if TYPE_CHECKING:
    from pathlib import Path

    from lagoa.stack.manifest import Artefact


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
    path = site.folder / "vault.json"
    write_private(path, json.dumps(settings, indent=1))
    environment = {"HOME": str(site.folder), "GOMEMLIMIT": "192MiB"}
    return Launch([str(file), "server", f"-config={path}"], environment)


def _health(artefact: Artefact, query: str = "") -> bool:
    return answers_ok(f"http://{artefact.address}/v1/sys/health{query}")


VAULT = Server(
    url=lambda artefact: f"http://{artefact.address}",
    answers=lambda artefact: _health(artefact, "?uninitcode=200&sealedcode=200"),
    configure=_configure,
    make_ready=lambda site: make_ready(f"http://{site.artefact.address}", site.credentials),
    is_well=_health,
)
