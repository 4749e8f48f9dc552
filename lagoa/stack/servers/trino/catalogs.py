"""What Trino's catalogs are made with: that of the published data, and those of sandboxes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lagoa.domain.ports.sql_catalogs import ACCESS_FILE
from lagoa.domain.roles import READER
from lagoa.stack.servers.keycloak import realm_url
from lagoa.stack.servers.minio.objects import REGION, WAREHOUSE
from lagoa.stack.servers.server import write_private

if TYPE_CHECKING:
    from lagoa.stack.servers.server import Site

SANDBOX = "sandbox"
"""The role of Keycloak that writes sandboxes, and the results of models on Lagoa's hidden branches: Trino's alone."""

CREDENTIALS = {READER: "TRINO_CATALOG_CREDENTIAL", SANDBOX: "TRINO_SANDBOX_CREDENTIAL"}
"""Variables of its process by role: the secrets that catalogs name as `${ENV:…}`."""

ADMIN = "_lagoa"
"""The user that makes catalogs, and runs models; no other user's name can begin so."""

_NEVER = "36500d"


def published(site: Site) -> dict[str, object]:
    """Return the properties of the published data's catalog: over Nessie as the reader, with keys that run out."""
    return {"connector.name": "iceberg", **_over_nessie(site, READER), **_READ_ONLY, _URI: f"{_iceberg(site)}/main"}


def write_access(site: Site, url: str) -> None:
    """Write what the catalogs of sandboxes are made with (`lagoa.adapters.trino.catalogs.Access`).

    Args:
        site: of the server.
        url: where it listens.
    """
    # Here its own rules decide who writes; but no file goes that another branch may need.
    kept = {f"iceberg.{task}.min-retention": _NEVER for task in ("remove-orphan-files", "expire-snapshots")}
    access = {
        "url": url,
        "user": ADMIN,
        "iceberg": _iceberg(site),
        "writable": {**_over_nessie(site, SANDBOX), **kept},
        "read_only": {**_over_nessie(site, READER), **_READ_ONLY},
    }
    write_private(site.folder / ACCESS_FILE, json.dumps(access, indent=1))


def signs_in(site: Site) -> bool:
    """Return whether Nessie lets in only who signed in at Keycloak."""
    return site.manifest["nessie"].sign_in


_URI = "iceberg.rest-catalog.uri"

# Rules for tables stop no table procedure such as remove_orphan_files; this does.
_READ_ONLY = {"iceberg.security": "READ_ONLY"}


def _iceberg(site: Site) -> str:
    return f"http://{site.manifest['nessie'].address}/iceberg"


def _over_nessie(site: Site, role: str) -> dict[str, str]:
    settings = {
        "iceberg.catalog.type": "rest",
        "iceberg.rest-catalog.warehouse": WAREHOUSE,
        "iceberg.rest-catalog.vended-credentials-enabled": "true",
        "fs.native-s3.enabled": "true",
        "s3.endpoint": f"http://{site.manifest['minio'].address}",
        "s3.region": REGION,
        "s3.path-style-access": "true",
    }
    if signs_in(site):
        token = f"{realm_url(site.manifest['keycloak'])}/protocol/openid-connect/token"
        settings |= {
            "iceberg.rest-catalog.security": "OAUTH2",
            "iceberg.rest-catalog.oauth2.credential": f"${{ENV:{CREDENTIALS[role]}}}",
            "iceberg.rest-catalog.oauth2.server-uri": token,
            "iceberg.rest-catalog.oauth2.scope": "profile",
            # It would renew a token by exchanging it, which Keycloak refuses; each request to Nessie gets a new one.
            "iceberg.rest-catalog.oauth2.token-refresh-enabled": "false",
        }
    return settings
