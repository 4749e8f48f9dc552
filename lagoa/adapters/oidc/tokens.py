"""Tokens of an OpenID Connect server for a program, by the grant of client credentials (RFC 6749, section 4.4)."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
from oauthlib.oauth2 import BackendApplicationClient, OAuth2Error
from pydantic import SecretStr
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from lagoa.domain.credentials import secret_or_drawn
from lagoa.domain.fork_lock import ForkLock
from lagoa.errors import SignInFailed, SignInUnavailable, TransientError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lagoa.domain.ports.secrets import Secrets

_DISCOVERY = "/.well-known/openid-configuration"
_TRANSIENT = {408, 425, 429, 500, 502, 503, 504}
_LIFE_S = 60
"""How long a token is taken to hold when the server does not say."""

_AGED = 0.75
"""The part of its life after which a token is renewed, so that a server that is away for a moment is not noticed."""

_PAUSE_S = 5
"""How long to wait before the next try after an early renewal failed."""


def client_secret(secrets: Callable[[], Secrets], stack: Path, role: str) -> SecretStr:
    """Return what the client of a role signs in with; see `secret_or_drawn`."""
    return secret_or_drawn(secrets, "oidc-client-secret", stack, f"oidc-client-{role}")


@dataclass(frozen=True)
class OidcOptions:
    """How the server is spoken to.

    Attributes:
        timeout_s: limit of one request.
        patience_s: how long a request that fails for a moment is tried again, when there is no token that holds.
        clock: seconds that pass, from wherever they count.
    """

    timeout_s: float = 10.0
    patience_s: float = 30.0
    clock: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True)
class _Held:
    token: SecretStr
    aged_at: float
    ends_at: float


class OidcTokens:
    """The token of one client, requested when it is first needed and renewed before it expires.

    How long it holds is what the server says, from the moment of asking: clocks that differ do no harm. Threads may
    share one, and so may processes that were forked from one.

    Args:
        issuer: the address below which the server describes itself: with Keycloak that of a realm.
        role: the role that the tokens are for; the client's id is `lagoa-<role>`.
        secret: gives the client's secret.
        options: limits, clock.
    """

    def __init__(
        self, issuer: str, role: str, secret: Callable[[], SecretStr], options: OidcOptions | None = None
    ) -> None:
        self.role = role
        self._issuer = issuer.rstrip("/")
        self._id = f"lagoa-{role}"
        self._secret = secret
        self._options = options or OidcOptions()
        self._held: _Held | None = None
        self._pause_until = 0.0
        self._lock = ForkLock()

    def __call__(self) -> SecretStr:
        """Return a token that holds.

        Raises:
            SignInFailed: the server does not know the client, or not this secret of it.
            SignInUnavailable: it does not answer, and the last token ran out.
            LagoaError: the client's secret cannot be read.
        """
        with self._lock:
            now = self._options.clock()
            held = self._held
            if held is None or now >= held.ends_at:
                held = self._held = self._fetch(self._options.patience_s)
            elif now >= held.aged_at and now >= self._pause_until:
                try:
                    held = self._held = self._fetch(0)
                except TransientError:  # there is time yet
                    self._pause_until = self._options.clock() + _PAUSE_S
            return held.token

    def client(self) -> tuple[str, str, SecretStr]:
        """Return what another program needs to get tokens as this client: the server's address for that, id, secret.

        Raises:
            SignInFailed, SignInUnavailable: the server does not describe itself.
            LagoaError: the client's secret cannot be read.
        """
        try:
            with httpx.Client(timeout=self._options.timeout_s) as http:
                return self._endpoint(http), self._id, self._secret()
        except httpx.TransportError as error:
            raise SignInUnavailable(self._issuer, f"{type(error).__name__}: {error}".rstrip(": ")) from None

    def forget(self, token: SecretStr) -> None:
        """Give this token no more: a server refused it, though it should hold."""
        with self._lock:
            if self._held is not None and self._held.token == token:
                self._held = None

    def _fetch(self, patience_s: float) -> _Held:
        for attempt in Retrying(
            retry=retry_if_exception_type(SignInUnavailable),
            wait=wait_random_exponential(multiplier=0.1, max=2),
            stop=stop_after_delay(patience_s),
            reraise=True,
        ):
            with attempt:
                return self._once()
        raise AssertionError  # pragma: no cover - the loop returns or raises

    def _once(self) -> _Held:
        asked_at = self._options.clock()
        secret = self._secret()
        try:
            with httpx.Client(timeout=self._options.timeout_s) as http:
                endpoint = self._endpoint(http)
                answer = http.post(endpoint, headers=_FORM, content=self._form(secret))
        except httpx.TransportError as error:  # it has the request with it, and that the secret
            raise SignInUnavailable(self._issuer, f"{type(error).__name__}: {error}".rstrip(": ")) from None
        token, life = self._read(answer)
        return _Held(token, asked_at + life * _AGED, asked_at + life)

    def _endpoint(self, http: httpx.Client) -> str:
        answer = http.get(f"{self._issuer}{_DISCOVERY}")
        self._refuse_stumble(answer)
        try:
            return str(answer.json()["token_endpoint"])
        except (ValueError, KeyError, TypeError):
            reason = f"{self._issuer}{_DISCOVERY} does not describe an OpenID server ({answer.status_code})"
            advice = "Check `oidc_url`: with Keycloak it ends in /realms/NAME."
            raise SignInFailed(self._issuer, reason, advice) from None

    def _form(self, secret: SecretStr) -> str:
        client = BackendApplicationClient(self._id)
        return str(client.prepare_request_body(include_client_id=True, client_secret=secret.get_secret_value()))

    def _read(self, answer: httpx.Response) -> tuple[SecretStr, float]:
        self._refuse_stumble(answer)
        try:
            found = BackendApplicationClient(self._id).parse_request_body_response(answer.text)
        except OAuth2Error as error:
            reason = f"{self._issuer} does not accept the client {self._id!r} ({error.error})"
            advice = f"Check the secret `oidc-client-secret` of {self._id!r}, and that the client is enabled there."
            raise SignInFailed(self._issuer, reason, advice) from None
        return SecretStr(found["access_token"]), float(found.get("expires_in") or _LIFE_S)

    def _refuse_stumble(self, answer: httpx.Response) -> None:
        if answer.status_code in _TRANSIENT:
            raise SignInUnavailable(self._issuer, f"it answered {answer.status_code}")


_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
