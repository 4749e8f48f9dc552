"""Keys of the object store: the permanent ones to sign in with, and the temporary ones for requests."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from lagoa.domain.credentials import CREDENTIALS_FILE, read_credentials
from lagoa.domain.fork_lock import ForkLock
from lagoa.domain.optional import extra
from lagoa.errors import SettingsError, SignInFailed, StorageUnavailable
from lagoa.storage.s3 import DELETER, WRITER, Keys

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import httpx

    from lagoa.domain.ports.secrets import Tokens

LASTING_S = 3600
"""How long keys are valid; they are renewed after half of that."""


def signing_keys(stack: Path, *, deletes: bool = False) -> tuple[str, SecretStr]:
    """Return the name and secret to sign in with: from the environment, else those that `lagoa stack up` generated.

    Args:
        stack: the stack's state folder.
        deletes: whether it is to delete files. In a store without a user for that, it is the one who writes.

    Raises:
        SettingsError: there are none.
        StackError: the stack's credentials cannot be used.
    """
    own = _deleting_keys(stack) if deletes else None
    if own:
        return own
    found = _of_environment("S3")
    if found:
        return found
    kept = read_credentials(stack / CREDENTIALS_FILE).get(f"minio-{WRITER}")
    if kept is None:
        raise SettingsError(
            "There are no keys for the object store.",
            "Run `lagoa stack up`, or set LAGOA_S3_ACCESS_KEY and LAGOA_S3_SECRET_KEY.",
        )
    return WRITER, SecretStr(kept)


def _deleting_keys(stack: Path) -> tuple[str, SecretStr] | None:
    kept = read_credentials(stack / CREDENTIALS_FILE).get(f"minio-{DELETER}")
    return _of_environment("MAINTAINER") or ((DELETER, SecretStr(kept)) if kept else None)


def _of_environment(what: str) -> tuple[str, SecretStr] | None:
    name, secret = (os.environ.get(f"LAGOA_{what}_{part}_KEY") for part in ("ACCESS", "SECRET"))
    return (name, SecretStr(secret)) if name and secret else None


def permanent_keys(name: str, secret: SecretStr) -> Callable[[], Keys]:
    """Return what always returns the same keys: those to sign in with."""
    keys = Keys(name, secret, SecretStr(""))
    return lambda: keys


def backup_keys() -> Callable[[], Keys] | None:
    """Return permanent keys of the store of backups, from the environment; None if it has none of its own."""
    found = _of_environment("BACKUP")
    return permanent_keys(*found) if found else None


def _now() -> datetime:
    return datetime.now(UTC)


class RenewedKeys(ABC):
    """Keys that are requested on first use, and renewed after half of their validity.

    Threads may share one, and so may forked processes.

    Args:
        endpoint: URL of the object store, which also issues the keys.
        clock: returns the time.
        timeout_s: how long the store may take to answer.
    """

    def __init__(self, endpoint: str, clock: Callable[[], datetime] = _now, timeout_s: float = 15.0) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._timeout_s = timeout_s
        self._held: tuple[Keys, datetime] | None = None
        self._lock = ForkLock()

    def __call__(self) -> Keys:
        """Return keys that are valid for at least half an hour.

        Raises:
            SignInFailed: the store does not accept the sign-in.
            StorageUnavailable: it does not answer.
            SignInUnavailable: the store requires a token, and none can be obtained.
        """
        with self._lock:
            now = self._clock()
            if self._held is None or (now - self._held[1]).total_seconds() > LASTING_S / 2:
                self._held = self._request(), now
            return self._held[0]

    @abstractmethod
    def _request(self) -> Keys:
        """Return new keys."""


class AssumedKeys(RenewedKeys):
    """Keys for a user of the store, who has a name and a secret (STS AssumeRole).

    Args:
        endpoint: URL of the object store.
        name: the user's name.
        secret: the user's secret.
        clock: returns the time.
        timeout_s: how long the store may take to answer.
    """

    def __init__(
        self,
        endpoint: str,
        name: str,
        secret: SecretStr,
        clock: Callable[[], datetime] = _now,
        timeout_s: float = 15.0,
    ) -> None:
        super().__init__(endpoint, clock, timeout_s)
        self._name = name
        self._secret = secret

    def _request(self) -> Keys:
        with extra("stack", "An object store"):
            from minio.credentials.providers import AssumeRoleProvider
            from minio.error import MinioException
            from urllib3 import PoolManager, Retry, Timeout
            from urllib3.exceptions import HTTPError

        # Requesting keys is idempotent: a POST without an answer can be retried too.
        patience = Retry(total=3, backoff_factor=0.5, status_forcelist=[500, 502, 503, 504], allowed_methods=None)
        try:
            found = AssumeRoleProvider(
                sts_endpoint=self._endpoint,
                access_key=self._name,
                secret_key=self._secret.get_secret_value(),
                duration_seconds=LASTING_S,
                http_client=PoolManager(retries=patience, timeout=Timeout(self._timeout_s)),
            ).retrieve()
        except HTTPError as error:
            raise StorageUnavailable(self._endpoint) from error
        except (MinioException, ValueError):  # their text may contain the request
            raise SignInFailed(f"The object store at {self._endpoint}") from None
        return Keys(found.access_key, SecretStr(found.secret_key), SecretStr(found.session_token or ""))


class WebIdentityKeys(RenewedKeys):
    """Keys for the owner of a token (STS AssumeRoleWithWebIdentity).

    The token is sent in the body: in the URL, where the `minio` package puts it, it would get into logs.

    Args:
        endpoint: URL of the object store.
        tokens: the tokens to authenticate with.
        clock: returns the time.
        timeout_s: how long the store may take to answer.
    """

    def __init__(
        self, endpoint: str, tokens: Tokens, clock: Callable[[], datetime] = _now, timeout_s: float = 15.0
    ) -> None:
        super().__init__(endpoint, clock, timeout_s)
        self._tokens = tokens

    def _request(self) -> Keys:
        from xml.etree.ElementTree import ParseError, fromstring

        with extra("stack", "An object store"):
            from minio.xml import find, findtext

        token = self._tokens()
        answer = self._send(token)
        if answer.is_client_error:  # the token was revoked, or the servers' clocks differ
            self._tokens.forget(token)
            answer = self._send(self._tokens())
        if not answer.is_success:
            reason = f"The object store at {self._endpoint} does not accept the token of {self._tokens.role!r}"
            raise SignInFailed(self._endpoint, reason, "Check that it uses `oidc_url` and has a policy of the role.")
        try:
            found: Any = fromstring(answer.text)  # noqa: S314 - the store is trusted
            for name in ("AssumeRoleWithWebIdentityResult", "Credentials"):
                found = find(found, name, True)
            parts = [str(findtext(found, name, True)) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")]
        except (ParseError, ValueError):
            raise StorageUnavailable(self._endpoint, "its answer to the sign-in contained no keys") from None
        return Keys(parts[0], SecretStr(parts[1]), SecretStr(parts[2]))

    def _send(self, token: SecretStr) -> httpx.Response:
        with extra("stack", "An object store"):
            import httpx
            from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

        request = {
            "Action": "AssumeRoleWithWebIdentity",
            "Version": "2011-06-15",
            "DurationSeconds": str(LASTING_S),
            "WebIdentityToken": token.get_secret_value(),
        }
        for attempt in Retrying(
            retry=retry_if_exception_type(StorageUnavailable),
            wait=wait_random_exponential(multiplier=0.2, max=4),
            stop=stop_after_attempt(4),
            reraise=True,
        ):
            with attempt:
                try:
                    answer = httpx.post(self._endpoint, data=request, timeout=self._timeout_s)
                except httpx.TransportError as error:  # it refers to the request, which contains the token
                    raise StorageUnavailable(self._endpoint, f"{type(error).__name__}: {error}".rstrip(": .")) from None
                if answer.is_server_error:
                    raise StorageUnavailable(self._endpoint, f"it answered {answer.status_code}")
                return answer
        raise AssertionError  # pragma: no cover - the loop returns or raises
