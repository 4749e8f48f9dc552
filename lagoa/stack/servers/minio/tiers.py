"""A tier of MinIO: another store, which keeps the bytes of objects that a rule of a bucket moves there."""

from __future__ import annotations

import json
import os
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from lagoa.domain.optional import extra
from lagoa.errors import StackError

if TYPE_CHECKING:
    from minio import MinioAdmin

    from lagoa.stack.manifest import Cold

ACCESS_KEY, SECRET_KEY = "LAGOA_COLD_ACCESS_KEY", "LAGOA_COLD_SECRET_KEY"
"""The variables of the keys by which MinIO signs in at the other store; it keeps them, encrypted."""

_KINDS = {"minio": "MinIO", "s3": "S3"}
"""What MinIO calls the entry of each kind of store."""


def make_tier(admin: MinioAdmin, cold: Cold) -> None:
    """Make the tier of cold files; one that is there gets the keys of the environment, if that has any.

    Args:
        admin: of MinIO, as its root user.
        cold: the other store.

    Raises:
        StackError: there are no keys for a new tier, the other store refuses them or does not answer, or the tier is
            there already with another store.
    """
    with extra("stack", "`lagoa stack`"):
        from minio.error import MinioAdminException

    keys = os.environ.get(ACCESS_KEY, ""), os.environ.get(SECRET_KEY, "")
    place = {"Endpoint": cold.endpoint, "Bucket": cold.bucket, "Prefix": cold.prefix, "Region": cold.region}
    if cold.storage_class:
        place["StorageClass"] = cold.storage_class
    kind = _KINDS[cold.kind]
    there = {each["Name"]: each for each in json.loads(_ask(admin, "GET")) or ()}
    try:
        if cold.name not in there:
            if not all(keys):
                message = f"there are no keys of its cold store at {cold.endpoint}."
                raise StackError("minio", message, f"Set {ACCESS_KEY} and {SECRET_KEY} and run the command again.")
            entry = place | {"AccessKey": keys[0], "SecretKey": keys[1]}
            _ask(admin, "PUT", secret={"Version": "v1", "Type": cold.kind, "Name": cold.name, kind: entry})
            return
        found = there[cold.name].get(kind) or {}
        if any(found.get(part, "") != value for part, value in place.items()):
            message = f"its tier {cold.name} lies at {found.get('Endpoint', 'another kind of store')}, and cannot move."
            advice = "Give [minio.cold] another `name`: what is in the old tier stays there, and is read as before."
            raise StackError("minio", message, advice)
        if all(keys):
            _ask(admin, "POST", cold.name, secret={"access": keys[0], "secret": keys[1]})
    except MinioAdminException as error:
        message = f"its cold store at {cold.endpoint} cannot be used: {error}."
        raise StackError("minio", message, "Look whether it runs, has the bucket, and knows the keys.") from error


def _ask(admin: MinioAdmin, method: str, name: str = "", secret: dict[str, Any] | None = None) -> bytes:
    """Send a request about tiers, which MinIO's client for Python has no method for; return the answer."""
    with extra("stack", "`lagoa stack`"):
        from minio.crypto import encrypt

    command: Any = SimpleNamespace(value=f"tier/{name}".rstrip("/"))
    body = None if secret is None else json.dumps(secret).encode()
    sealed = None if body is None else encrypt(body, str(admin._provider.retrieve().secret_key))
    return bytes(admin._url_open(method=method, command=command, body=sealed).data)
