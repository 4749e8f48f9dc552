"""What is set up in Keycloak: the realm of `infra/keycloak/lagoa-realm.json`, with a client for each role."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from lagoa.domain.optional import extra
from lagoa.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import httpx

    from lagoa.stack.servers.server import Site

PLACE = "infra/keycloak/lagoa-realm.json"
_PARTS = ("clients", "users", "roles", "scopeMappings")
"""Of the document, what is made by requests of its own."""


def make_ready(site: Site) -> None:
    """Make the realm, its roles and clients if they are not there, and bring those that are to what the file says.

    Raises:
        StackError: Keycloak refuses; what it has may then be from an earlier stack, whose credentials are gone.
    """
    with extra("stack", "`lagoa stack`"):
        import httpx

    document = read_realm(site)
    try:
        with httpx.Client(base_url=f"http://{site.artefact.address}", timeout=60) as http:
            http.headers["Authorization"] = f"Bearer {_sign_in(http, site)}"
            _Realm(http, document["realm"]).bring_to(document)
    except (httpx.HTTPError, KeyError) as error:
        answer = error.response.text[:500] if isinstance(error, httpx.HTTPStatusError) else ""
        message = f"its realm cannot be made: {error} {answer}"
        raise StackError(site.name, message, "Look at `lagoa stack logs keycloak`.") from None


def read_realm(site: Site) -> dict[str, Any]:
    """Return the realm's document, with the secrets of the stack in the places that it leaves for them."""
    text = (site.root / PLACE).read_text("utf-8")
    return dict(json.loads(re.sub(r"\$\{LAGOA_([A-Z_]+)\}", lambda found: _secret(site, found[1]), text)))


def _secret(site: Site, variable: str) -> str:
    return site.secret(variable.lower().replace("_", "-"))


def _sign_in(http: httpx.Client, site: Site) -> str:
    form = {
        "grant_type": "password",
        "client_id": "admin-cli",
        "username": "admin",
        "password": site.secret("keycloak-admin"),
    }
    answer = http.post("/realms/master/protocol/openid-connect/token", data=form)
    return str(answer.raise_for_status().json()["access_token"])


class _Realm:
    """One realm by Keycloak's Admin REST API (https://www.keycloak.org/docs-api/latest/rest-api)."""

    def __init__(self, http: httpx.Client, name: str) -> None:
        self._http = http
        self._name = name

    def bring_to(self, document: Mapping[str, Any]) -> None:
        """Make the realm what the document says, as far as it says anything."""
        settings = {name: value for name, value in document.items() if name not in _PARTS}
        if self._http.get(f"/admin/realms/{self._name}").status_code == 404:  # noqa: PLR2004
            self._send("POST", "", settings)
        else:
            self._send("PUT", f"/{self._name}", settings)
        for role in document["roles"]["realm"]:
            self._put(f"/{self._name}/roles", role["name"], role)
        roles = {role["name"]: role for role in self._get("roles")}
        scopes = {each["client"]: each["roles"] for each in document["scopeMappings"]}
        accounts = {each["serviceAccountClientId"]: each["realmRoles"] for each in document["users"]}
        for client in document["clients"]:
            name = client["clientId"]
            place = f"clients/{self._client(client)}"
            self._bring_mappers(place, client["protocolMappers"])
            self._bring_roles(f"{place}/scope-mappings/realm", [roles[each] for each in scopes[name]])
            user = self._get(f"{place}/service-account-user")["id"]
            self._bring_roles(f"users/{user}/role-mappings/realm", [roles[each] for each in accounts[name]])

    def _client(self, client: Mapping[str, Any]) -> str:
        """Bring a client to what is said of it, and return its id."""
        found = self._get("clients", clientId=client["clientId"])
        if found:
            self._send("PUT", f"/{self._name}/clients/{found[0]['id']}", client)
        else:
            self._send("POST", f"/{self._name}/clients", client)
            found = self._get("clients", clientId=client["clientId"])
        return str(found[0]["id"])

    def _bring_mappers(self, place: str, wanted: Iterable[Mapping[str, Any]]) -> None:
        """Give a client just these mappers of claims."""
        models = f"{place}/protocol-mappers/models"
        there = {_key(mapper): mapper for mapper in self._get(models)}
        needed = {_key(mapper): mapper for mapper in wanted}
        for key in there.keys() - needed.keys():
            self._send("DELETE", f"/{self._name}/{models}/{there[key]['id']}")
        for key in needed.keys() - there.keys():
            self._send("POST", f"/{self._name}/{models}", needed[key])

    def _bring_roles(self, place: str, wanted: Iterable[Mapping[str, Any]]) -> None:
        """Give a client, or a user, just these roles of the realm."""
        there = {role["name"]: role for role in self._get(place)}
        needed = {role["name"]: role for role in wanted}
        gone = [there[name] for name in there.keys() - needed.keys()]
        new = [needed[name] for name in needed.keys() - there.keys()]
        if gone:
            self._send("DELETE", f"/{self._name}/{place}", gone)
        if new:
            self._send("POST", f"/{self._name}/{place}", new)

    def _put(self, place: str, name: str, value: Mapping[str, Any]) -> None:
        there = self._http.get(f"/admin/realms{place}/{name}").status_code == 200  # noqa: PLR2004
        self._send("PUT" if there else "POST", f"{place}/{name}" if there else place, value)

    def _get(self, place: str, **parameters: str) -> Any:
        return self._http.get(f"/admin/realms/{self._name}/{place}", params=parameters).raise_for_status().json()

    def _send(self, method: str, place: str, body: Any = None) -> None:
        self._http.request(method, f"/admin/realms{place}", json=body).raise_for_status()


def _key(mapper: Mapping[str, Any]) -> str:
    return json.dumps([mapper["name"], mapper["protocolMapper"], mapper["config"]], sort_keys=True)
