"""Objects of a store that Lagoa knows, by Arrow: connections that all share, and metadata that is asked for once."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

from lagoa.errors import NotAllowed, StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyarrow.fs import FileSystem

    from lagoa.storage import Keys, S3Storage

METADATA = (".metadata.json", ".avro")
"""How names of files end that hold metadata: they are small, and never change."""

_lock = Lock()
_opened: dict[str, tuple[Keys, FileSystem]] = {}


def files_of(store: S3Storage) -> FileSystem:
    """Return Arrow's connections to a store, by keys that hold; raises what getting those does."""
    with _lock:
        keys = store.keys()
        held, files = _opened.get(store.location, (None, None))
        if files is None or held is not keys:
            files = _connect(store, keys)
            _opened[store.location] = keys, files
        return files


def read_metadata(store: S3Storage, location: str) -> bytes:
    """Return what a metadata file holds.

    Raises:
        FileNotFoundError: there is no such file.
        StorageUnavailable, NotAllowed: the store does not answer, or does not let it be read.
    """
    kept = KEPT.get(location)
    if kept is None:
        with told(store), files_of(store).open_input_stream(location.removeprefix("s3://")) as stream:
            kept = bytes(stream.read())
        KEPT.keep(location, kept)
    return kept


def _connect(store: S3Storage, keys: Keys) -> FileSystem:
    """Return Arrow's connections to a store; a small file is written by one request, when it is closed."""
    from pyarrow.fs import S3FileSystem

    return S3FileSystem(
        access_key=keys.access,
        secret_key=keys.secret.get_secret_value(),
        session_token=keys.token.get_secret_value(),
        endpoint_override=store.endpoint,
        region=store.region,
        connect_timeout=store.timeout_s,
        request_timeout=store.timeout_s,
        allow_delayed_open=True,
    )


class Contents:
    """What metadata files and manifests hold, those last used: none ever changes, and each is read several times."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._lock = Lock()
        self._bytes = 0
        self._kept: OrderedDict[str, bytes] = OrderedDict()

    def get(self, location: str) -> bytes | None:
        """Return what a file holds, if that is kept."""
        with self._lock:
            if location in self._kept:
                self._kept.move_to_end(location)
            return self._kept.get(location)

    def keep(self, location: str, content: bytes) -> None:
        """Keep what was just written or read, in the place of what was not used for longest."""
        with self._lock:
            self._bytes += len(content) - len(self._kept.pop(location, b""))
            self._kept[location] = content
            while self._bytes > self._most_bytes:
                self._bytes -= len(self._kept.popitem(last=False)[1])


KEPT = Contents(64 * 2**20)


@contextmanager
def told(store: S3Storage) -> Iterator[None]:
    """Raise Lagoa's errors in the place of those of the operating system's kind."""
    try:
        yield
    except (FileNotFoundError, FileExistsError):
        raise
    except OSError as error:
        if isinstance(error, PermissionError) or "ACCESS_DENIED" in str(error):
            raise NotAllowed(f"The object store at {store.endpoint}", str(error), store.role) from error
        raise StorageUnavailable(store.endpoint, str(error).rstrip(".")) from error
