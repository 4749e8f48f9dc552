"""Leftovers in an object store: parts of unfinished uploads, files that were overwritten; and deleting objects."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import groupby
from typing import TYPE_CHECKING
from urllib.parse import unquote

from lagoa.domain.optional import extra
from lagoa.errors import NotAllowed, StorageUnavailable
from lagoa.storage.port import S3, Changed, Upload

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from minio import Minio

    from lagoa.storage.s3 import S3Server


def unfinished_uploads(server: S3Server, location: str) -> list[Upload]:
    """Return the uploads under a location of a store that were not completed, by location.

    Raises:
        StorageUnavailable, NotAllowed: the store does not list them, or not to this role.
    """
    found: list[Upload] = []
    key: str | None = None
    upload_id: str | None = None
    with _opened(server, location, "list uploads") as (client, bucket, prefix):
        while True:
            # Of the whole bucket: MinIO treats a prefix as the full name of an object.
            page = client._list_multipart_uploads(bucket, key_marker=key, upload_id_marker=upload_id)
            for upload in page.uploads:
                name = unquote(upload.object_name)
                if name.startswith(prefix):
                    found.append(Upload(f"{S3}{bucket}/{name}", upload.initiated_time))
            if not page.is_truncated:
                return sorted(found, key=lambda each: each.location)
            key, upload_id = page.next_key_marker, page.next_upload_id_marker


def changed_files(server: S3Server, location: str) -> list[Changed]:
    """Return the files under a location of a store that were overwritten with other bytes, or deleted, by location.

    Raises:
        StorageUnavailable, NotAllowed: the store does not list them, or not to this role.
    """
    found: list[Changed] = []
    with _opened(server, location, "list versions") as (client, bucket, prefix):
        listed = client.list_objects(
            bucket_name=bucket, prefix=prefix and f"{prefix}/", recursive=True, include_version=True
        )
        for name, each in groupby(listed, key=lambda version: str(version.object_name)):
            versions = list(each)  # the newest first
            first, last = versions[-1], versions[0]
            # The same bytes written again are a retried request.
            if last.is_delete_marker or last.etag != first.etag:
                deleted = bool(last.is_delete_marker)
                found.append(Changed(f"{S3}{bucket}/{name}", last.last_modified, deleted, str(first.version_id)))
    return found


def delete_objects(server: S3Server, locations: Sequence[str]) -> None:
    """Delete objects of one bucket of a store; those that are not there are no error.

    Raises:
        StorageUnavailable, NotAllowed: the store does not delete them, or not for this role.
    """
    if not locations:
        return
    with extra("stack", "An object store"):
        from minio.deleteobjects import DeleteObject

    with _opened(server, locations[0], "delete objects") as (client, bucket, _):
        names = (DeleteObject(each.removeprefix(f"{S3}{bucket}/")) for each in locations)
        for fault in client.remove_objects(bucket_name=bucket, delete_object_list=names):
            if fault.code == "AccessDenied":
                raise NotAllowed(f"The object store at {server.endpoint}", "delete objects.", server.role)
            raise StorageUnavailable(server.endpoint, f"it does not delete {fault.name}: {fault.message}")


@contextmanager
def _opened(server: S3Server, location: str, what: str) -> Iterator[tuple[Minio, str, str]]:
    """Yield a client of a store, the bucket of a location and the prefix of its files, to do what is said."""
    with extra("stack", "An object store"):
        from minio import Minio
        from minio.credentials.providers import StaticProvider
        from minio.error import MinioException, S3Error
        from urllib3.exceptions import HTTPError

    keys = server.keys()
    provider = StaticProvider(keys.access, keys.secret.get_secret_value(), keys.token.get_secret_value())
    scheme, _, host = server.endpoint.partition("://")
    client = Minio(endpoint=host, credentials=provider, secure=scheme == "https", region=server.region)
    bucket, _, prefix = location.removeprefix(S3).partition("/")
    try:
        yield client, bucket, prefix
    except (MinioException, HTTPError) as error:
        if isinstance(error, S3Error) and error.code == "AccessDenied":
            raise NotAllowed(f"The object store at {server.endpoint}", f"{what}.", server.role) from error
        raise StorageUnavailable(server.endpoint, f"it does not {what}") from error
