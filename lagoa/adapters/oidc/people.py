"""People who sign in at an OpenID Connect server, in a browser on any device (RFC 8628).

A token of theirs is good for nothing but to tell the publisher who they are: no other server takes it. The publisher
asks the server about it (RFC 7662) instead of reading it, so that one of somebody who was removed meanwhile is refused.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx
from pydantic import SecretStr

from lagoa.errors import SignInFailed, SignInUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from lagoa.adapters.oidc.tokens import OidcTokens

CLIENT = "lagoa-approve"
"""The client at which people sign in; it is public, has no secret and no account of its own."""

_ROLES = frozenset({"reader", "ingest", "engineer"})
"""Somebody of none of these roles may sign in and do nothing."""

_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_ERROR = 500


class OidcPeople:
    """People of the server that the tokens of the lake's role are from.

    Args:
        issuer: the address below which the server describes itself.
        tokens: of the role, whose client asks who a person is: only the publisher's may.
        timeout_s: limit of one request.
        sleep: waits for so many seconds.
    """

    def __init__(
        self, issuer: str, tokens: OidcTokens, timeout_s: float, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._issuer = issuer.rstrip("/")
        self._tokens = tokens
        self._timeout_s = timeout_s
        self._sleep = sleep

    def sign_in(self, show: Callable[[str], None]) -> SecretStr:
        """See the port `People`."""
        begun = self._post("device_authorization_endpoint", {"client_id": CLIENT, "scope": "openid"})
        try:
            device, pause = str(begun["device_code"]), float(begun.get("interval", 5))
            show(str(begun.get("verification_uri_complete") or f"{begun['verification_uri']} ({begun['user_code']})"))
            left = float(begun["expires_in"])
        except (KeyError, TypeError, ValueError):
            raise self._refused(begun) from None
        form = {"grant_type": _GRANT, "device_code": device, "client_id": CLIENT}
        while left > 0:
            self._sleep(pause)
            left -= pause
            answer = self._post("token_endpoint", form)
            if "access_token" in answer:
                return SecretStr(str(answer["access_token"]))
            match answer.get("error"):
                case "authorization_pending":
                    pass
                case "slow_down":
                    pause += 5
                case _:
                    raise self._refused(answer)
        raise SignInFailed(self._issuer, "Nobody signed in in time", "Run the command again.")

    def who(self, token: SecretStr) -> str:
        """See the port `People`."""
        _, client, secret = self._tokens.client()
        form = {"token": token.get_secret_value(), "client_id": client, "client_secret": secret.get_secret_value()}
        found = self._post("introspection_endpoint", form)
        audience = found.get("aud")
        meant = client in (audience if isinstance(audience, list) else [audience])
        if found.get("active") is not True or found.get("azp") != CLIENT or not meant:
            reason = "The sign-in has ended, or was not one for approvals"
            raise SignInFailed(self._issuer, reason, "Run the command again.")
        name, roles = found.get("preferred_username"), found.get("groups")
        if not isinstance(name, str) or not name:
            raise SignInFailed(self._issuer, f"{self._issuer} does not say who signed in")
        if not isinstance(roles, list) or _ROLES.isdisjoint(map(str, roles)):
            reason = f"{name!r} has none of the roles reader, ingest and engineer"
            raise SignInFailed(self._issuer, reason, "Ask an administrator for one.")
        return name

    def _post(self, endpoint: str, form: dict[str, str]) -> dict[str, Any]:
        """Send a form to an endpoint that the server describes; return its answer, which may be a refusal."""
        try:
            with httpx.Client(timeout=self._timeout_s) as http:
                described = _document(http.get(f"{self._issuer}/.well-known/openid-configuration"))
                place = described.get(endpoint)
                if not isinstance(place, str):
                    raise SignInFailed(self._issuer, f"{self._issuer} has no {endpoint}", "Check `oidc_url`.")
                answer = http.post(place, data=form)
        except httpx.TransportError as error:  # it has the request with it, and that a secret
            raise SignInUnavailable(self._issuer, f"{type(error).__name__}: {error}".rstrip(": ")) from None
        if answer.status_code >= _ERROR:
            raise SignInUnavailable(self._issuer, f"it answered {answer.status_code}")
        return _document(answer)

    def _refused(self, answer: dict[str, Any]) -> SignInFailed:
        said = str(answer.get("error_description") or answer.get("error") or "no reason")[:200]
        advice = f"`lagoa stack up` makes the client {CLIENT!r} if it is missing. Else run the command again."
        return SignInFailed(self._issuer, f"{self._issuer} did not let anybody sign in: {said}", advice)


def _document(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
