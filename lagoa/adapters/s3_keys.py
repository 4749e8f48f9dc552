"""Keys of the object store: those that Lagoa signs in with, and those that run out, which it works with."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING

from pydantic import SecretStr

from lagoa.credentials import CREDENTIALS_FILE, read_credentials
from lagoa.errors import SettingsError, SignInFailed, StorageUnavailable
from lagoa.storage import WRITER, Keys

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LASTING_S = 3600
"""How long keys hold; they are renewed after half of that."""


def signing_keys(stack: Path) -> tuple[str, SecretStr]:
    """Return name and secret that Lagoa signs in with: from the environment, else as `lagoa stack up` drew them.

    Args:
        stack: the folder of the stack's state.

    Raises:
        SettingsError: there are none.
        StackError: the stack's credentials cannot be used.
    """
    name, secret = (os.environ.get(f"LAGOA_S3_{part}_KEY") for part in ("ACCESS", "SECRET"))
    if name and secret:
        return name, SecretStr(secret)
    kept = read_credentials(stack / CREDENTIALS_FILE).get(f"minio-{WRITER}")
    if kept is None:
        raise SettingsError(
            "There are no keys for the object store.",
            "Run `lagoa stack up`, or set LAGOA_S3_ACCESS_KEY and LAGOA_S3_SECRET_KEY.",
        )
    return WRITER, SecretStr(kept)


def _now() -> datetime:
    return datetime.now(UTC)


class AssumedKeys:
    """Keys of a role (STS AssumeRole), asked for when they are first needed and again when half their time is over.

    Threads may share one.

    Args:
        endpoint: of the object store, which also gives the keys out.
        name: that is signed in with.
        secret: of that name.
        clock: tells the time.
    """

    def __init__(self, endpoint: str, name: str, secret: SecretStr, clock: Callable[[], datetime] = _now) -> None:
        self._endpoint = endpoint
        self._name = name
        self._secret = secret
        self._clock = clock
        self._lock = Lock()
        self._held: tuple[Keys, datetime] | None = None

    def __call__(self) -> Keys:
        """Return keys that hold for half an hour at least.

        Raises:
            SignInFailed: the store does not know who asks.
            StorageUnavailable: it does not answer.
        """
        with self._lock:
            now = self._clock()
            if self._held is None or (now - self._held[1]).total_seconds() > LASTING_S / 2:
                self._held = self._assumed(), now
            return self._held[0]

    def _assumed(self) -> Keys:
        from minio.credentials.providers import AssumeRoleProvider
        from minio.error import MinioException
        from urllib3 import PoolManager, Retry, Timeout
        from urllib3.exceptions import HTTPError

        patience = Retry(total=4, backoff_factor=0.5, status_forcelist=[500, 502, 503, 504])
        try:
            found = AssumeRoleProvider(
                sts_endpoint=self._endpoint,
                access_key=self._name,
                secret_key=self._secret.get_secret_value(),
                duration_seconds=LASTING_S,
                http_client=PoolManager(retries=patience, timeout=Timeout(10)),
            ).retrieve()
        except HTTPError as error:
            raise StorageUnavailable(self._endpoint) from error
        except (MinioException, ValueError):  # the text of these may hold what was sent
            raise SignInFailed(f"The object store at {self._endpoint}") from None
        return Keys(found.access_key, SecretStr(found.secret_key), SecretStr(found.session_token or ""))
