"""What Trino's catalogs are made with: that of the published data, and those of sandboxes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lagoa.domain.ports.sql_catalogs import ACCESS_FILE
from lagoa.stack.servers.keycloak import realm_url
from lagoa.stack.servers.minio.objects import REGION, TRINO_USER, WAREHOUSE
from lagoa.stack.servers.server import write_private

if TYPE_CHECKING:
    from lagoa.stack.servers.server import Site

SANDBOX = "sandbox"
"""The role of Keycloak that writes sandboxes, and the results of models on Lagoa's hidden branches: Trino's alone."""

SQL = "sql"
"""The role of Keycloak that reads the layers that are served over SQL; Trino's alone."""

CREDENTIALS = {SQL: "TRINO_CATALOG_CREDENTIAL", SANDBOX: "TRINO_SANDBOX_CREDENTIAL"}
"""Variables of its process by role: the secrets that catalogs name as `${ENV:…}`."""

FILES_SECRET = "TRINO_FILES_SECRET"  # noqa: S105 - a name
"""Likewise: the secret of its user of MinIO, with which it reads the files of the layers that are served."""

ADMIN = "_lagoa"
"""The user that makes catalogs, and runs models; no other user's name can begin so."""

_NEVER = "36500d"


def published(site: Site) -> dict[str, object]:
    """Return the properties of the published data's catalog."""
    return {"connector.name": "iceberg", **_read_only(site), _URI: f"{_iceberg(site)}/main"}


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
        "writable": {**_over_nessie(site, SANDBOX), "iceberg.rest-catalog.vended-credentials-enabled": "true", **kept},
        "read_only": _read_only(site),
    }
    write_private(site.folder / ACCESS_FILE, json.dumps(access, indent=1))


def signs_in(site: Site) -> bool:
    """Return whether Nessie lets in only who signed in at Keycloak."""
    return site.manifest["nessie"].sign_in


_URI = "iceberg.rest-catalog.uri"


def _read_only(site: Site) -> dict[str, str]:
    """Return the properties of a catalog that reads, with keys of its own: those that Nessie issues open gold alone."""
    return {
        **_over_nessie(site, SQL),
        "s3.aws-access-key": TRINO_USER,
        "s3.aws-secret-key": f"${{ENV:{FILES_SECRET}}}",
        # Rules for tables stop no table procedure such as remove_orphan_files; this does.
        "iceberg.security": "READ_ONLY",
    }


def _iceberg(site: Site) -> str:
    return f"http://{site.manifest['nessie'].address}/iceberg"


def _over_nessie(site: Site, role: str) -> dict[str, str]:
    settings = {
        "iceberg.catalog.type": "rest",
        "iceberg.rest-catalog.warehouse": WAREHOUSE,
        "fs.native-s3.enabled": "true",
        "s3.endpoint": f"http://{site.manifest['minio'].address}",
        "s3.region": REGION,
        "s3.path-style-access": "true",
        # A column that became a long has filters of its ints in older files, where Trino would find no row (#30544).
        "parquet.use-bloom-filter": "false",
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
