"""A client of an object store for what Arrow does not do: listing by pages, versions, uploads, moving, deleting."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

from lagoa.domain.optional import extra
from lagoa.errors import NotAllowed, StorageUnavailable
from lagoa.storage.port import S3

if TYPE_CHECKING:
    from collections.abc import Iterator

    from minio import Minio

    from lagoa.storage.s3 import Keys, S3Server


_SILENT, _TRIES = 4, 2
"""How many times as long as to another request the store may give no answer: to a copy it has none before its end. And
how often a request is made again."""

logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)  # below that it tells of each try


class Client:
    """Connections to one store, with keys that are valid; threads may share one.

    Args:
        server: the object store.
    """

    def __init__(self, server: S3Server) -> None:
        self._server = server
        self._lock = Lock()
        self._opened: tuple[Keys, Minio] | None = None

    def __call__(self) -> Minio:
        """Return the client; raises the errors of getting keys."""
        with self._lock:
            keys = self._server.keys()
            if self._opened is None or self._opened[0] is not keys:
                self._opened = keys, _connect(self._server, keys)
            return self._opened[1]

    @contextmanager
    def errors_translated(self, what: str) -> Iterator[None]:
        """Raise Lagoa's errors instead of the client's.

        Args:
            what: what is requested, such as "list uploads".
        """
        with extra("stack", "An object store"):
            from minio.error import MinioException, S3Error
            from urllib3.exceptions import HTTPError

        try:
            yield
        except (MinioException, HTTPError) as error:
            code = error.code if isinstance(error, S3Error) else ""
            raise self.refusal(code, what, f"it does not {what}") from error

    def refusal(self, code: str | None, what: str, reason: str) -> NotAllowed | StorageUnavailable:
        """Return the error for a request that the store did not carry out.

        Args:
            code: the store's word for it.
            what: what was requested.
            reason: what is wrong, if it is not that the role may not.
        """
        if code == "AccessDenied":
            return NotAllowed(f"The object store at {self._server.endpoint}", f"{what}.", self._server.role)
        return StorageUnavailable(self._server.endpoint, reason)


def _connect(server: S3Server, keys: Keys) -> Minio:
    with extra("stack", "An object store"):
        from minio import Minio
        from minio.credentials.providers import StaticProvider
        from urllib3 import PoolManager, Retry, Timeout

    provider = StaticProvider(keys.access, keys.secret.get_secret_value(), keys.token.get_secret_value())
    scheme, _, host = server.endpoint.partition("://")
    found = Minio(endpoint=host, credentials=provider, secure=scheme == "https", region=server.region)
    # By default it waits for five minutes, six times; all else of what it connects with stays.
    usual = found._http.connection_pool_kw
    timeout = Timeout(connect=server.timeout_s, read=_SILENT * server.timeout_s)
    retries = Retry(total=_TRIES, backoff_factor=0.2, status_forcelist=usual["retries"].status_forcelist)
    found._http = PoolManager(**{**usual, "timeout": timeout, "retries": retries})
    return found


def split(address: str) -> tuple[str, str]:
    """Return the bucket and the name of the object at an address, or of the objects below a prefix."""
    bucket, _, name = address.removeprefix(S3).partition("/")
    return bucket, name
