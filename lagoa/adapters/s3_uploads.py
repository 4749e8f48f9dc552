"""What writes that broke off have left in an object store: parts of objects, which nothing can read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from lagoa.errors import StorageUnavailable
from lagoa.storage import S3

if TYPE_CHECKING:
    from datetime import datetime

    from lagoa.storage import S3Storage


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload that was begun and not brought to its end; it may be under way.

    Attributes:
        location: of the object that it would have become.
        begun: when.
    """

    location: str
    begun: datetime | None


def unfinished_uploads(store: S3Storage) -> list[Upload]:
    """Return the uploads under a store's location that are not at their end, by location.

    Raises:
        StorageUnavailable: the store does not say.
    """
    from minio import Minio
    from minio.credentials.providers import StaticProvider
    from minio.error import MinioException
    from urllib3.exceptions import HTTPError

    keys = store.keys()
    provider = StaticProvider(keys.access, keys.secret.get_secret_value(), keys.token.get_secret_value())
    scheme, _, host = store.endpoint.partition("://")
    client = Minio(endpoint=host, credentials=provider, secure=scheme == "https", region=store.region)
    bucket, _, prefix = store.location.removeprefix(S3).partition("/")
    found: list[Upload] = []
    key: str | None = None
    upload_id: str | None = None
    try:
        while True:
            # Of the whole bucket: MinIO takes a prefix for the whole name of an object.
            page = client._list_multipart_uploads(bucket, key_marker=key, upload_id_marker=upload_id)
            for upload in page.uploads:
                name = unquote(upload.object_name)
                if name.startswith(prefix):
                    found.append(Upload(f"{S3}{bucket}/{name}", upload.initiated_time))
            if not page.is_truncated:
                return sorted(found, key=lambda each: each.location)
            key, upload_id = page.next_key_marker, page.next_upload_id_marker
    except (MinioException, HTTPError) as error:
        raise StorageUnavailable(store.endpoint, "it does not list uploads") from error
