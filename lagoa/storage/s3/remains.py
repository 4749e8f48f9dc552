"""Leftovers in an object store: parts of unfinished uploads, and files that were overwritten or deleted."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING
from urllib.parse import unquote

from lagoa.storage.port import OWN, S3, TRASH, Changed, Upload
from lagoa.storage.s3.client import split

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lagoa.storage.s3.client import Client


def unfinished_uploads(client: Client, location: str) -> list[Upload]:
    """Return the uploads under a location of a store that were not completed, by location.

    Raises:
        StorageUnavailable, NotAllowed: the store does not list them, or not to this role.
    """
    found: list[Upload] = []
    key: str | None = None
    upload_id: str | None = None
    bucket, prefix = split(location)
    with client.errors_translated("list uploads"):
        while True:
            # Of the whole bucket: MinIO treats a prefix as the full name of an object.
            page = client()._list_multipart_uploads(bucket, key_marker=key, upload_id_marker=upload_id)
            for upload in page.uploads:
                name = unquote(upload.object_name)
                if name.startswith(prefix):
                    found.append(Upload(f"{S3}{bucket}/{name}", upload.initiated_time))
            if not page.is_truncated:
                return sorted(found, key=lambda each: each.location)
            key, upload_id = page.next_key_marker, page.next_upload_id_marker


def changed_files(client: Client, location: str) -> list[Changed]:
    """Return the files under a location of a store that were overwritten with other bytes, or deleted, by location.

    Files that a collection deleted, which are or were in its trash, are left out, and so are its own records.

    Raises:
        StorageUnavailable, NotAllowed: the store does not list them, or not to this role.
    """
    found: list[Changed] = []
    bucket, prefix = split(location)
    inside = f"{prefix}/" if prefix else ""
    with client.errors_translated("list versions"):
        collected = _collected(client, bucket, inside)
        listed = client().list_objects(bucket_name=bucket, prefix=inside, recursive=True, include_version=True)
        for name, each in groupby(listed, key=lambda version: str(version.object_name)):
            versions = list(each)  # the newest first
            first, last = versions[-1], versions[0]
            path, deleted = name.removeprefix(inside), bool(last.is_delete_marker)
            if path.startswith(OWN) or (deleted and path in collected):
                continue
            # The same bytes written again are a retried request.
            if deleted or last.etag != first.etag:
                found.append(Changed(f"{S3}{bucket}/{name}", last.last_modified, deleted, str(first.version_id)))
    return found


def _collected(client: Client, bucket: str, inside: str) -> set[str]:
    """Return the paths of files that were moved into the trash; versions of their copies stay as long as theirs."""
    trash = f"{inside}{TRASH}/"

    def paths() -> Iterator[str]:
        listed = client().list_objects(bucket_name=bucket, prefix=trash, recursive=True, include_version=True)
        for each in listed:
            collection, _, path = str(each.object_name).removeprefix(trash).partition("/files/")
            if path and "/" not in collection:
                yield path

    return set(paths())
