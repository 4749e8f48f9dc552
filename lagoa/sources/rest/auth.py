"""Proves who asks: what each request of an API carries for that."""

from __future__ import annotations

import base64
import time
from typing import TYPE_CHECKING, Any, Protocol

from lagoa.domain.optional import extra
from lagoa.errors import SourceError, SourceUnavailable
from lagoa.sources.rest.options import Basic, Bearer, Jwt, Key, OAuth2

if TYPE_CHECKING:
    import ssl

    from lagoa.sources.kind import Workplace
    from lagoa.sources.rest.options import Api

_NEEDS = "The kind of source `rest`"

_EARLY_S = 30
"""A token is renewed so long before it ends."""


class Proof(Protocol):
    """What requests carry."""

    def headers(self) -> dict[str, str]:
        """Return headers to send, with a token that is valid."""

    def params(self) -> dict[str, str]:
        """Return parameters to send."""

    def renew(self) -> bool:
        """Forget the token, which the API refused; return whether there may be another one."""


class Fixed:
    """The same with each request."""

    def __init__(self, headers: dict[str, str], params: dict[str, str]) -> None:
        self._headers, self._params = headers, params

    def headers(self) -> dict[str, str]:
        """See `Proof`."""
        return self._headers

    def params(self) -> dict[str, str]:
        """See `Proof`."""
        return self._params

    def renew(self) -> bool:
        """See `Proof`: there is no other."""
        return False


class Tokens:
    """Tokens that end."""

    def __init__(self) -> None:
        self._token, self._ends = "", 0.0

    def headers(self) -> dict[str, str]:
        """See `Proof`."""
        if time.time() > self._ends - _EARLY_S:
            self._token, self._ends = self._new()
        return {"Authorization": f"Bearer {self._token}"}

    def params(self) -> dict[str, str]:
        """See `Proof`: a token is sent in a header."""
        return {}

    def renew(self) -> bool:
        """See `Proof`."""
        self._ends = 0.0
        return True

    def _new(self) -> tuple[str, float]:
        """Return a token and the time at which it ends."""
        raise NotImplementedError


class ServerTokens(Tokens):
    """Tokens of a token server; raises `SourceError`, `SourceUnavailable` when it gives none."""

    def __init__(self, source: str, said: OAuth2, api: Api, place: Workplace, trust: ssl.SSLContext) -> None:
        super().__init__()
        self._source, self._said, self._timeout, self._trust = source, said, api.timeout_s, trust
        self._secret = place.secret(said.client_secret.secret)
        self._refresh = place.secret(said.refresh_token.secret) if said.refresh_token else None

    def _new(self) -> tuple[str, float]:
        with extra("sources", _NEEDS):
            import httpx
            from authlib.integrations.base_client import OAuthError
            from authlib.integrations.httpx_client import OAuth2Client

        said = self._said
        try:
            with OAuth2Client(
                said.client_id,
                self._secret.get_secret_value(),
                scope=said.scope or None,
                timeout=self._timeout,
                verify=self._trust,
            ) as client:
                if self._refresh is not None:
                    found: dict[str, Any] = client.refresh_token(said.token_url, self._refresh.get_secret_value())
                else:
                    found = client.fetch_token(said.token_url, grant_type="client_credentials")
        except OAuthError as error:
            message = f"the token server refuses the credentials ({error.error})."
            raise SourceError(self._source, message, "Look at `auth` of the declaration and at its secrets.") from None
        except (httpx.HTTPError, ValueError) as error:
            raise SourceUnavailable(self._source, f"the token server gives no token ({type(error).__name__})") from None
        token = found.get("access_token")
        if not token:
            raise SourceUnavailable(self._source, "the token server's answer has no token")
        return str(token), time.time() + float(found.get("expires_in") or 300)


class SignedTokens(Tokens):
    """Tokens that are signed here."""

    def __init__(self, said: Jwt, place: Workplace) -> None:
        super().__init__()
        self._said = said
        self._key = place.secret(said.key.secret)

    def _new(self) -> tuple[str, float]:
        with extra("sources", _NEEDS):
            from joserfc import jwt
            from joserfc.jwk import ECKey, OctKey, RSAKey

        said, now = self._said, int(time.time())
        claims: dict[str, Any] = {**said.claims, "iss": said.issuer, "iat": now, "exp": now + said.lifetime_s}
        claims |= {"sub": said.subject} if said.subject else {}
        claims |= {"aud": said.audience} if said.audience else {}
        kinds: dict[str, Any] = {"HS256": OctKey, "RS256": RSAKey, "ES256": ECKey}
        key = kinds[said.algorithm].import_key(self._key.get_secret_value())
        return jwt.encode({"alg": said.algorithm}, claims, key), float(now + said.lifetime_s)


def proof_of(source: str, api: Api, place: Workplace, trust: ssl.SSLContext) -> Proof:
    """Return what requests of an API carry; raises what `Workplace.secret` does."""
    said = api.auth
    if isinstance(said, OAuth2):
        return ServerTokens(source, said, api, place, trust)
    if isinstance(said, Jwt):
        return SignedTokens(said, place)
    headers, params = dict[str, str](), dict[str, str]()
    if isinstance(said, Basic):
        text = f"{said.user}:{place.secret(said.password.secret).get_secret_value()}"
        headers["Authorization"] = f"Basic {base64.b64encode(text.encode()).decode()}"
    elif isinstance(said, Bearer):
        headers["Authorization"] = f"Bearer {place.secret(said.token.secret).get_secret_value()}"
    elif isinstance(said, Key):
        key = place.secret(said.key.secret).get_secret_value()
        if said.header:
            headers[said.header] = f"{said.prefix}{key}"
        elif said.param:
            params[said.param] = key
    return Fixed(headers, params)
