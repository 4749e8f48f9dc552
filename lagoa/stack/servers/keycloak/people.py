"""The people who sign in at Keycloak, each with a role over SQL."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, get_args

from lagoa.domain.roles import SqlRole
from lagoa.errors import StackError
from lagoa.stack.servers.keycloak.realm import open_realm

if TYPE_CHECKING:
    from lagoa.stack.servers.keycloak.realm import Realm
    from lagoa.stack.servers.server import Site

_LENGTH = 24

_MOST = "10000"
"""So many people are listed; Keycloak lists a hundred unless it is told otherwise."""


class People:
    """The people of the realm, by its Admin REST API; programs have accounts of their own, which do not count.

    Args:
        site: of Keycloak.
    """

    def __init__(self, site: Site) -> None:
        self._site = site

    def all(self) -> dict[str, str]:
        """Return the role of each, by name; several as `a, b`, and empty for one who is in none and may do nothing.

        Raises:
            StackError: Keycloak does not answer.
        """
        with open_realm(self._site, "people cannot be listed") as realm:
            found: dict[str, list[str]] = {each["username"]: [] for each in realm.get("users", max=_MOST)}
            for role in get_args(SqlRole):
                for each in realm.get(f"roles/{role}/users", max=_MOST):
                    if each["username"] in found:
                        found[each["username"]].append(role)
        return {name: ", ".join(roles) for name, roles in sorted(found.items())}

    def add(self, name: str, role: SqlRole) -> str:
        """Make somebody; return the password of the first sign-in, at which they choose their own.

        Raises:
            StackError: there is somebody of that name, or Keycloak does not answer.
        """
        with open_realm(self._site, f"{name!r} cannot be made") as realm:
            if _ids(realm, name):
                advice = f"Give roles on Keycloak's own page, or `lagoa stack user remove {name} --sign-in keycloak`."
                raise StackError(self._site.name, f"there is a user {name!r}.", advice)
            password = secrets.token_urlsafe(_LENGTH)
            first = {"type": "password", "value": password, "temporary": True}
            realm.send("POST", "users", {"username": name, "enabled": True, "credentials": [first]})
            (user,) = _ids(realm, name)
            realm.send("POST", f"users/{user}/role-mappings/realm", [realm.get(f"roles/{role}")])
        return password

    def remove(self, name: str) -> bool:
        """Remove somebody, with their sessions; return whether there was anybody of that name.

        Raises:
            StackError: Keycloak does not answer.
        """
        with open_realm(self._site, f"{name!r} cannot be removed") as realm:
            found = _ids(realm, name)
            for each in found:
                realm.send("DELETE", f"users/{each}")
        return bool(found)


def _ids(realm: Realm, name: str) -> list[str]:
    """Return the id of whoever has this name: one, or none."""
    return [str(each["id"]) for each in realm.get("users", username=name, exact="true")]
