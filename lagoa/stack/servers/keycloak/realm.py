"""What is set up in Keycloak: the realm of `infra/keycloak/lagoa-realm.json`, with a client for each role."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lagoa.domain.optional import extra
from lagoa.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import httpx

    from lagoa.stack.servers.server import Site

PLACE = "infra/keycloak/lagoa-realm.json"
_PARTS = ("clients", "users", "roles", "scopeMappings", "requiredActions")
"""Of the document, what is made by requests of its own."""

_LOOK = "Look at `lagoa stack logs keycloak`."


def make_ready(site: Site) -> None:
    """Make the realm, its roles and clients if they are not there, and bring those that are to what the file says.

    Raises:
        StackError: Keycloak refuses; what it has may then be from an earlier stack, whose credentials are gone.
    """
    with open_realm(site, "its realm cannot be made") as realm:
        realm.bring_to(read_realm(site))


@contextmanager
def open_realm(site: Site, failed: str) -> Iterator[Realm]:
    """Give the lake's realm, as its administrator.

    Args:
        site: of Keycloak.
        failed: what an error begins with.

    Raises:
        StackError: Keycloak does not answer, or refuses.
    """
    with extra("stack", "`lagoa stack`"):
        import httpx

    name = json.loads((site.root / PLACE).read_text("utf-8"))["realm"]
    try:
        with httpx.Client(base_url=f"http://{site.artefact.address}", timeout=60) as http:
            http.headers["Authorization"] = f"Bearer {_sign_in(http, site)}"
            yield Realm(http, name)
    except httpx.ConnectError as error:
        raise StackError(site.name, f"{failed}: {error}", "`lagoa stack up --only keycloak` starts it.") from None
    except (httpx.HTTPError, KeyError) as error:
        answer = error.response.text[:500] if isinstance(error, httpx.HTTPStatusError) else ""
        raise StackError(site.name, f"{failed}: {error} {answer}", _LOOK) from None


def read_realm(site: Site) -> dict[str, Any]:
    """Return the realm's document, with secrets and ports of the stack in the places that it leaves for them."""
    text = (site.root / PLACE).read_text("utf-8")
    text = re.sub(r"\$\{LAGOA_([A-Z_]+)\}", lambda found: _secret(site, found[1]), text)
    return dict(json.loads(re.sub(r"\$\{PORT_OF_([A-Z]+)\}", lambda found: _port(site, found[1].lower()), text)))


def _secret(site: Site, variable: str) -> str:
    return site.secret(variable.lower().replace("_", "-"))


def _port(site: Site, server: str) -> str:
    """Return where a server listens; 0, where nobody can, for one that the stack does not have."""
    return str(site.manifest[server].port if server in site.manifest else 0)


def _sign_in(http: httpx.Client, site: Site) -> str:
    form = {
        "grant_type": "password",
        "client_id": "admin-cli",
        "username": "admin",
        "password": site.secret("keycloak-admin"),
    }
    answer = http.post("/realms/master/protocol/openid-connect/token", data=form)
    return str(answer.raise_for_status().json()["access_token"])


class Realm:
    """One realm by Keycloak's Admin REST API (https://www.keycloak.org/docs-api/latest/rest-api)."""

    def __init__(self, http: httpx.Client, name: str) -> None:
        self._http = http
        self._name = name

    def bring_to(self, document: Mapping[str, Any]) -> None:
        """Make the realm what the document says, as far as it says anything."""
        settings = {name: value for name, value in document.items() if name not in _PARTS}
        if self._http.get(self._url("")).status_code == 404:  # noqa: PLR2004
            self._http.post("/admin/realms", json=settings).raise_for_status()
        else:
            self.send("PUT", "", settings)
        for action in document.get("requiredActions", ()):
            self.send("PUT", f"authentication/required-actions/{action['alias']}", action)
        for role in document["roles"]["realm"]:
            self._put("roles", role["name"], role)
        roles = {role["name"]: role for role in self.get("roles")}
        scopes = {each["client"]: each["roles"] for each in document["scopeMappings"]}
        accounts = {each["serviceAccountClientId"]: each["realmRoles"] for each in document["users"]}
        for client in document["clients"]:
            name = client["clientId"]
            place = f"clients/{self._client(client)}"
            self._bring_mappers(place, client["protocolMappers"])
            self.bring_roles(f"{place}/scope-mappings/realm", [roles[each] for each in scopes[name]])
            if name in accounts:
                user = self.get(f"{place}/service-account-user")["id"]
                self.bring_roles(f"users/{user}/role-mappings/realm", [roles[each] for each in accounts[name]])

    def _client(self, client: Mapping[str, Any]) -> str:
        """Bring a client to what is said of it, and return its id."""
        found = self.get("clients", clientId=client["clientId"])
        if found:
            self.send("PUT", f"clients/{found[0]['id']}", client)
        else:
            self.send("POST", "clients", client)
            found = self.get("clients", clientId=client["clientId"])
        return str(found[0]["id"])

    def _bring_mappers(self, place: str, wanted: Iterable[Mapping[str, Any]]) -> None:
        """Give a client just these mappers of claims."""
        models = f"{place}/protocol-mappers/models"
        there = {_key(mapper): mapper for mapper in self.get(models)}
        needed = {_key(mapper): mapper for mapper in wanted}
        for key in there.keys() - needed.keys():
            self.send("DELETE", f"{models}/{there[key]['id']}")
        for key in needed.keys() - there.keys():
            self.send("POST", models, needed[key])

    def bring_roles(self, place: str, wanted: Iterable[Mapping[str, Any]]) -> None:
        """Give a client, or a user, just these roles of the realm."""
        there = {role["name"]: role for role in self.get(place)}
        needed = {role["name"]: role for role in wanted}
        gone = [there[name] for name in there.keys() - needed.keys()]
        new = [needed[name] for name in needed.keys() - there.keys()]
        if gone:
            self.send("DELETE", place, gone)
        if new:
            self.send("POST", place, new)

    def get(self, place: str, **parameters: str) -> Any:
        """Return what the realm has at a place below its own."""
        return self._http.get(self._url(place), params=parameters).raise_for_status().json()

    def send(self, method: str, place: str, body: Any = None) -> None:
        """Change what it has there; nothing is the realm itself."""
        self._http.request(method, self._url(place), json=body).raise_for_status()

    def _put(self, place: str, name: str, value: Mapping[str, Any]) -> None:
        there = self._http.get(self._url(f"{place}/{name}")).status_code == 200  # noqa: PLR2004
        self.send("PUT" if there else "POST", f"{place}/{name}" if there else place, value)

    def _url(self, place: str) -> str:
        return f"/admin/realms/{self._name}/{place}".rstrip("/")


def _key(mapper: Mapping[str, Any]) -> str:
    return json.dumps([mapper["name"], mapper["protocolMapper"], mapper["config"]], sort_keys=True)
