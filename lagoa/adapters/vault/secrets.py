"""Secrets from Vault: a role signs in as its AppRole and reads one secret of the KV engine (version 2)."""

from __future__ import annotations

import os
import time
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import hvac
import requests
from hvac.exceptions import Forbidden, InvalidPath, InvalidRequest, Unauthorized, VaultDown, VaultError
from pydantic import SecretStr
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_exponential

from lagoa.domain.credentials import CREDENTIALS_FILE, VAULT_MOUNT, check_secret_name, read_credentials
from lagoa.domain.fork_lock import ForkLock
from lagoa.errors import NotAllowed, SecretNotFound, SecretsUnavailable, SettingsError, SignInFailed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_T = TypeVar("_T")

_NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class AppRole:
    """What a role signs in with."""

    role_id: SecretStr
    secret_id: SecretStr


def app_role(stack: Path, role: str) -> AppRole:
    """Return what a role signs in with: from the environment, else as `lagoa stack up` drew it.

    Args:
        stack: the folder of the stack's state.
        role: the name of the role.

    Raises:
        SettingsError: there is nothing to sign in with.
        StackError: the stack's credentials cannot be used.
    """
    found = [os.environ.get(f"LAGOA_VAULT_{part}_ID") for part in ("ROLE", "SECRET")]
    if not all(found):
        kept = read_credentials(stack / CREDENTIALS_FILE)
        found = [kept.get(f"vault-{part}-id-{role}") for part in ("role", "secret")]
    if not all(found):
        message = f"There is nothing to sign in to Vault with as the role {role!r}."
        raise SettingsError(message, "Run `lagoa stack up`, or set LAGOA_VAULT_ROLE_ID and LAGOA_VAULT_SECRET_ID.")
    return AppRole(*(SecretStr(str(part)) for part in found))


@dataclass(frozen=True, slots=True)
class _Token:
    """A token, with the moments (of `time.monotonic`) at which it should be renewed and at which it ends."""

    text: str = field(repr=False)
    lasting: float
    renew_at: float
    ends: float

    @classmethod
    def of(cls, auth: dict[str, Any], now: float) -> _Token:
        lasting = auth["lease_duration"] or _NEVER  # Vault says 0 of a token that does not end
        return cls(auth["client_token"], lasting, now + lasting / 2, now + lasting)


class VaultSecrets:
    """The secrets of one role. Each is read when it is requested; only a token that expires is kept.

    The token is renewed once half of its time is over, and replaced by a new sign-in if Vault does not renew it.
    Threads may share one, and so may processes that were forked from one.

    Args:
        url: of Vault.
        role: whose secrets.
        sign_in: returns the credentials; called at every sign-in.
        patience_s: how long an answer is waited for, and a request that fails for a moment is tried again.
    """

    def __init__(self, url: str, role: str, sign_in: Callable[[], AppRole], patience_s: float = 5.0) -> None:
        self._url = url
        self._role = role
        self._sign_in = sign_in
        self._patience_s = patience_s
        self._held: _Token | None = None
        self._lock = ForkLock()

    def get(self, name: str) -> SecretStr:
        """Return one of the role's secrets; see the port `Secrets`."""
        check_secret_name(name)
        value = self._read().get(name)
        if not isinstance(value, str) or not value:
            raise self._missing(name)
        return SecretStr(value)

    def _read(self) -> dict[str, Any]:
        path = f"roles/{self._role}"

        def read(client: hvac.Client) -> Any:
            return client.secrets.kv.v2.read_secret_version(
                path, mount_point=VAULT_MOUNT, raise_on_deleted_version=True
            )

        try:
            try:
                found = self._ask(read, self._token())
            except Forbidden:  # also when the token was revoked: then another one may
                found = self._ask(read, self._token(renew=True))
        except InvalidPath:
            return {}
        except Forbidden as error:
            reason = f"the AppRole that signed in may not read {VAULT_MOUNT}/{path}."
            advice = "Sign in as the role whose secrets these are, or set `role` to the one that signs in."
            raise NotAllowed(self._server, reason, advice=advice) from error
        return dict(found["data"]["data"])

    def _missing(self, name: str) -> SecretNotFound:
        place = f"{VAULT_MOUNT}/roles/{self._role}"
        advice = f"`vault kv patch {place} {name}=-` puts one there, `lagoa stack up` those of the stack."
        return SecretNotFound(name, f"{place} in {self._server}", advice)

    @property
    def _server(self) -> str:
        return f"Vault at {self._url}"

    def _token(self, *, renew: bool = False) -> str:
        with self._lock:
            now = time.monotonic()
            if renew or self._held is None or now >= self._held.ends:
                self._held = self._signed_in(now)
            elif now >= self._held.renew_at:
                self._held = self._renewed(self._held, now)
            return self._held.text

    def _signed_in(self, now: float) -> _Token:
        known = self._sign_in()

        def login(client: hvac.Client) -> Any:
            role_id, secret_id = known.role_id.get_secret_value(), known.secret_id.get_secret_value()
            return client.auth.approle.login(role_id, secret_id, use_token=False)

        try:
            return _Token.of(self._ask(login)["auth"], now)
        except (InvalidRequest, InvalidPath, Unauthorized, Forbidden):  # these may hold what was sent
            reason = f"{self._server} does not accept the AppRole of {self._role!r}"
            advice = "Run `lagoa stack up`, or check LAGOA_VAULT_ROLE_ID and LAGOA_VAULT_SECRET_ID."
            raise SignInFailed(self._server, reason, advice) from None

    def _renewed(self, held: _Token, now: float) -> _Token:
        try:
            renewed = _Token.of(self._ask(lambda client: client.auth.token.renew_self(), held.text)["auth"], now)
        except (InvalidRequest, Forbidden):
            return self._signed_in(now)
        return renewed if renewed.lasting > held.lasting / 2 else self._signed_in(now)

    def _ask(self, request: Callable[[hvac.Client], _T], token: str = "") -> _T:
        """Return the answer to a request; errors of Vault that say something about it pass."""
        tries = Retrying(
            retry=retry_if_exception(_is_momentary),
            stop=stop_after_delay(self._patience_s),
            wait=wait_exponential(multiplier=0.1, max=1),
            reraise=True,
        )
        client = hvac.Client(self._url, token=token, timeout=self._patience_s)
        try:
            with closing(client.adapter):
                answer = tries(request, client)
        except requests.RequestException as error:
            raise SecretsUnavailable(self._server) from error
        except (InvalidRequest, InvalidPath, Unauthorized, Forbidden):
            raise
        except VaultError as error:
            reason = "it is sealed" if _is_sealed(error) else " ".join(str(error).split())
            raise SecretsUnavailable(self._server, reason) from error
        if not isinstance(answer, dict):
            raise SettingsError(f"{self._url} does not answer as Vault does.", "Fix `vault_url` in lagoa.toml.")
        return answer


def _is_sealed(error: BaseException) -> bool:
    return isinstance(error, VaultDown) and "sealed" in str(error)


def _is_momentary(error: BaseException) -> bool:
    """Return whether the next try may go through: nothing answered, or Vault itself stumbled."""
    if isinstance(error, VaultError):
        return not isinstance(error, InvalidRequest | InvalidPath | Unauthorized | Forbidden) and not _is_sealed(error)
    return isinstance(error, requests.ConnectionError | requests.Timeout)
