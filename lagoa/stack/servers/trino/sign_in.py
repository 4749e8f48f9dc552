"""How people sign in to Trino at Keycloak (https://trino.io/docs/current/security/oauth2.html)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.stack.servers.keycloak import realm_url
from lagoa.stack.servers.trino.users import NAME

if TYPE_CHECKING:
    from lagoa.stack.servers.server import Site

SECRET = "TRINO_OAUTH2_SECRET"  # noqa: S105 - a name
"""Variable of its process with the secret of its client at Keycloak, which its settings name as `${ENV:…}`."""

_SETTING = "http-server.authentication.oauth2"


def people(site: Site) -> dict[str, str]:
    """Return the settings by which a browser brings people to Keycloak and back, with name and roles.

    What Trino hands out is the token that it got from Keycloak, encrypted, with what it asks for the next one by: after
    five minutes Keycloak gives the roles of that moment, or refuses who is there no more. A token that another client
    of the realm got is refused, even one for nobody in particular: it does not have the claim with the name.
    """
    realm = realm_url(site.manifest["keycloak"])
    protocol = f"{realm}/protocol/openid-connect"
    settings = {
        "issuer": realm,
        "oidc.discovery": "false",  # with it, Trino would start only while Keycloak answers
        "auth-url": f"{protocol}/auth",
        "token-url": f"{protocol}/token",
        "jwks-url": f"{protocol}/certs",
        "client-id": "lagoa-trino",
        "client-secret": f"${{ENV:{SECRET}}}",
        "scopes": "openid",
        "principal-field": "sql_user",
        "user-mapping.pattern": f"({NAME})",  # Lagoa's own user, who makes catalogs, is of no such name
        "refresh-tokens": "true",
    }
    groups = {f"deprecated.{_SETTING}.groups-field": "groups"}  # there is no other way to them in 476
    return {f"{_SETTING}.{name}": value for name, value in settings.items()} | groups
