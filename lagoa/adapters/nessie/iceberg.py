"""Nessie's Iceberg REST catalog, as Iceberg's Java library is configured for it (Spark)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lagoa.adapters.oidc.tokens import OidcTokens

_API = "/api/v2"


def rest_address(endpoint: str) -> str:
    """Return the address of the REST catalog beside an API v2; a branch's is below it, by its quoted name."""
    return f"{endpoint.rstrip('/').removesuffix(_API)}/iceberg"


def rest_catalog(s3_endpoint: str, s3_region: str, tokens: OidcTokens | None) -> dict[str, str]:
    """Return the settings of a catalog there but its address; with a client's secret where there is sign-in.

    Keys for the files come from Nessie, for a time (https://iceberg.apache.org/docs/latest/spark-configuration/).

    Args:
        s3_endpoint: URL of the object store.
        s3_region: its region.
        tokens: who signs in.
    """
    settings = {
        "type": "rest",
        "header.X-Iceberg-Access-Delegation": "vended-credentials",
        "s3.endpoint": s3_endpoint,
        "s3.path-style-access": "true",
        "client.region": s3_region,
    }
    if tokens is not None:
        endpoint, client, secret = tokens.client()
        settings |= {
            "rest.auth.type": "oauth2",
            "oauth2-server-uri": endpoint,
            "credential": f"{client}:{secret.get_secret_value()}",
            "scope": "profile",
            "token-exchange-enabled": "false",  # Keycloak refuses it; a new token is requested before one expires
        }
    return settings
