"""Cold storage in a bucket: objects that are tagged, which a rule of the bucket moves to a cheaper class or tier.

They keep their names, versions and ETags, and are read by name as before. The rule is the bucket's own: without one,
nothing is tagged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.domain.optional import extra
from lagoa.errors import SettingsError
from lagoa.storage.port import LEAST_COLD
from lagoa.storage.s3.client import split
from lagoa.storage.s3.upkeep import HOT, found_object

if TYPE_CHECKING:
    from datetime import datetime

    from minio.datatypes import Object
    from minio.lifecycleconfig import Rule

    from lagoa.storage.s3.client import Client

TAG, VALUE = "lagoa-cold", "true"
"""The tag of objects that a rule moves."""

_HOT_CLASS: dict[str, str | list[str] | tuple[str]] = {"x-amz-storage-class": "STANDARD"}

UNREADABLE = {"GLACIER", "DEEP_ARCHIVE"}
"""Classes of S3 whose objects must be restored before they are read."""


def open_tier(client: Client, location: str) -> ColdTier:
    """Return the cold storage of the bucket of a location.

    Raises:
        SettingsError: no rule of it moves tagged objects there, or it moves them where they cannot be read at once.
        StorageUnavailable, NotAllowed: the store does not say its rules, or not to this role.
    """
    bucket, prefix = split(location)
    with client.errors_translated("say the rules of its bucket"):
        found = client().get_bucket_lifecycle(bucket_name=bucket)
    classes = sorted(filter(None, (_class_of_tagged(each, prefix) for each in (found.rules if found else ()))))
    if not classes:
        raise SettingsError(
            f"The bucket {bucket} has no rule that moves objects with the tag {TAG}={VALUE} elsewhere.",
            "On the stack, write [minio.cold] into infra/stack.toml and run `lagoa stack up`; in another store, give "
            "the bucket a lifecycle rule with that tag and a transition.",
        )
    for each in classes:
        if each in UNREADABLE:
            message = (
                f"The bucket {bucket} moves objects with the tag {TAG}={VALUE} to {each}, where nobody can read them."
            )
            raise SettingsError(message, "Let the rule move them to a class that is read at once, such as GLACIER_IR.")
    return ColdTier(client, classes[0])


def _class_of_tagged(rule: Rule, prefix: str) -> str | None:
    """Return where a rule moves tagged objects below a prefix; None if it does not."""
    if rule.status != "Enabled" or rule.transition is None or rule.rule_filter is None:
        return None
    both = rule.rule_filter.and_operator
    tag = rule.rule_filter.tag
    tags = dict(both.tags or {}) if both else {tag.key: tag.value} if tag else {}
    above = (both.prefix if both else rule.rule_filter.prefix) or ""
    return rule.transition.storage_class if tags == {TAG: VALUE} and f"{prefix}/".startswith(above) else None


class ColdTier:
    """The `ColdPlace` of files in a bucket.

    Args:
        client: of the store.
        name: the class or tier to which the bucket moves what is tagged.
    """

    def __init__(self, client: Client, name: str) -> None:
        self._client = client
        self.name = name

    def takes(self, place: str, before: datetime) -> int | None:
        """Return the bytes of an object that may go; None if it is there, has any tag, is small or too new."""
        with self._client.errors_translated(f"say the tags of {place}"):
            found = found_object(self._client, place)
            if found is None or found.size is None or found.size < LEAST_COLD or _is_cold(found):
                return None
            old = found.last_modified is not None and found.last_modified < before
            return found.size if old and not self._tags(place) else None

    def take(self, place: str) -> None:
        """Tag an object: the store moves it in its own time."""
        with extra("stack", "An object store"):
            from minio.commonconfig import Tags

        tags = Tags.new_object_tags()
        tags[TAG] = VALUE
        bucket, name = split(place)
        with self._client.errors_translated(f"tag {place}"):
            self._client().set_object_tags(bucket_name=bucket, object_name=name, tags=tags)

    def give_back(self, place: str) -> int | None:
        """Take the tag away, and copy an object onto itself that was moved: its new version lies where it was written.

        The bucket keeps the earlier version for its time, in the tier.
        """
        bucket, name = split(place)
        with self._client.errors_translated(f"bring back {place}"):
            found = found_object(self._client, place)
            if found is not None and not _is_cold(found):
                if TAG not in self._tags(place):
                    return None
                self._client().delete_object_tags(bucket_name=bucket, object_name=name)
                found = found_object(self._client, place)  # it may have been moved meanwhile
            if found is None:
                return None
            if _is_cold(found):
                self._copy(found, bucket, name)
            return found.size or 0

    def _tags(self, place: str) -> dict[str, str]:
        bucket, name = split(place)
        return dict(self._client().get_object_tags(bucket_name=bucket, object_name=name) or {})

    def _copy(self, found: Object, bucket: str, name: str) -> None:
        """Copy an object onto itself by the parts in which it was written: its ETag stays, which `doctor` compares."""
        with extra("stack", "An object store"):
            from minio.commonconfig import REPLACE, ComposeSource, CopySource

        etag = str(found.etag)
        parts = int(etag.partition("-")[2] or 1)
        if parts == 1 and "-" not in etag:
            source = CopySource(bucket_name=bucket, object_name=name, match_etag=etag)
            self._client().copy_object(
                bucket_name=bucket,
                object_name=name,
                source=source,
                metadata=_HOT_CLASS,  # S3 refuses a copy of an object onto itself that says nothing new
                metadata_directive=REPLACE,
                tagging_directive=REPLACE,
            )
            return
        sources, offset = [], 0
        for number in range(1, parts + 1):
            size = self._size_of_part(bucket, name, number)
            sources.append(
                ComposeSource(bucket_name=bucket, object_name=name, match_etag=etag, offset=offset, length=size)
            )
            offset += size
        self._client().compose_object(bucket_name=bucket, object_name=name, sources=sources, metadata=_HOT_CLASS)

    def _size_of_part(self, bucket: str, name: str, number: int) -> int:
        part = self._client().stat_object(
            bucket_name=bucket, object_name=name, extra_query_params={"partNumber": str(number)}
        )
        return part.size or 0


def _is_cold(found: Object) -> bool:
    return (found.metadata or {}).get("x-amz-storage-class") not in HOT
