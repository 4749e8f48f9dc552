"""What only the upkeep of a lake does in an object store: files are listed page by page, moved and deleted."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING

from lagoa.domain.lists import counted
from lagoa.domain.optional import extra
from lagoa.storage.port import S3, Stored
from lagoa.storage.s3.client import split

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Future

    from minio.datatypes import Object

    from lagoa.storage.s3.client import Client

HOT = {None, "", "STANDARD"}
"""What a store says of the class of an object that lies where objects are written."""

_GONE = {"NoSuchKey", "NoSuchVersion"}

_PAGE = 1000
"""So many objects are deleted in a request, at most."""

_AT_ONCE = 8
"""So many are moved at a time: the client keeps ten connections."""

_SHOWN = 3
"""So many that are not deleted are named."""


def files_under(client: Client, address: str) -> Iterator[Stored]:
    """Yield the files below a prefix, by name; a page of a thousand is in memory.

    Raises:
        StorageUnavailable, NotAllowed: the store does not list them, or not to this role.
    """
    bucket, prefix = split(address)
    with client.errors_translated("list files"):
        for each in client().list_objects(bucket_name=bucket, prefix=f"{prefix}/", recursive=True):
            if each.last_modified is not None:
                place = f"{S3}{bucket}/{each.object_name}"
                cold = each.storage_class not in HOT
                yield Stored(place, each.size or 0, each.last_modified.timestamp(), cold)


def folders_in(client: Client, address: str) -> list[str]:
    """Return the names of what looks like folders directly below a prefix; raises as `files_under`."""
    bucket, prefix = split(address)
    with client.errors_translated("list files"):
        listed = client().list_objects(bucket_name=bucket, prefix=f"{prefix}/")
        names = [str(each.object_name) for each in listed if each.is_dir]
    return [name.rstrip("/").rpartition("/")[2] for name in names]


def move(client: Client, address: str, to: str) -> bool:
    """Copy a file in the store, then delete it; return whether it was there. Its time is that of the copy.

    A move that was interrupted can be repeated. An earlier version stays for as long as the bucket keeps those.

    Raises:
        StorageUnavailable, NotAllowed: the store does not move it, or not for this role.
    """
    with extra("stack", "An object store"):
        from minio.commonconfig import COPY, CopySource
        from minio.error import S3Error

    (bucket, name), (target_bucket, target) = split(address), split(to)
    with client.errors_translated(f"move {address}"):
        there = found_object(client, address)
        if there is None:
            return False
        copied = found_object(client, to)
        if copied is None or copied.size != there.size:
            try:
                client().copy_object(
                    bucket_name=target_bucket,
                    object_name=target,
                    source=CopySource(bucket_name=bucket, object_name=name, match_etag=there.etag),
                    metadata_directive=COPY,
                )
            except S3Error as error:
                if error.code in _GONE:  # another one moved it
                    return False
                raise
        client().remove_object(bucket_name=bucket, object_name=name)
    return True


def move_all(move_one: Callable[[tuple[str, str]], bool], moves: Iterable[tuple[str, str]]) -> Iterator[bool]:
    """Yield what a function that moves one file returns for each, in their order; some are moved at a time.

    The first that fails is raised; what was begun by then is ended.
    """
    with ThreadPoolExecutor(_AT_ONCE, "lagoa-move") as pool:
        begun: deque[Future[bool]] = deque()
        try:
            for each in moves:
                begun.append(pool.submit(move_one, each))
                if len(begun) == _AT_ONCE:
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()
        finally:
            for left in begun:
                left.cancel()


def delete(client: Client, address: str) -> None:
    """Delete a file, if it is there; the bucket keeps earlier versions for its time.

    Raises:
        StorageUnavailable, NotAllowed: the store does not delete, or not for this role.
    """
    bucket, name = split(address)
    with client.errors_translated(f"delete {address}"):
        if found_object(client, address) is not None:  # else a bucket with versions would get a mark for nothing
            client().remove_object(bucket_name=bucket, object_name=name)


def delete_all(client: Client, address: str) -> None:
    """Delete a file, and the files below its address, a thousand in a request; raises as `delete_objects`."""
    delete(client, address)
    files = (each.place for each in files_under(client, address))
    while page := list(islice(files, _PAGE)):
        delete_objects(client, page)


def delete_objects(client: Client, addresses: Sequence[str]) -> None:
    """Delete objects of one bucket of a store, a thousand in a request; those that are not there are no error.

    What the store does not delete is named when it was asked for all of them.

    Raises:
        StorageUnavailable, NotAllowed: the store does not delete them, or not for this role.
    """
    if not addresses:
        return
    with extra("stack", "An object store"):
        from minio.deleteobjects import DeleteObject

    bucket, _ = split(addresses[0])
    with client.errors_translated("delete objects"):
        names = (DeleteObject(split(each)[1]) for each in addresses)
        faults = list(client().remove_objects(bucket_name=bucket, delete_object_list=names))
    if faults:
        said = "; ".join(f"{each.name}: {each.message}" for each in faults[:_SHOWN])
        more = f"; and {len(faults) - _SHOWN:,} more" if len(faults) > _SHOWN else ""
        reason = f"it does not delete {len(faults):,} of {counted(len(addresses), 'object')}: {said}{more}"
        raise client.refusal(faults[0].code, "delete objects", reason)


def found_object(client: Client, address: str) -> Object | None:
    """Return what the store says of a file; None if there is none."""
    with extra("stack", "An object store"):
        from minio.error import S3Error

    bucket, name = split(address)
    try:
        return client().stat_object(bucket_name=bucket, object_name=name)
    except S3Error as error:
        if error.code in _GONE:
            return None
        raise
