"""What is set up in MinIO: buckets, their rules, and a user for each role, with no more rights than it needs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lagoa.catalog.expiry import FOLDER as RECORDS
from lagoa.domain.optional import extra
from lagoa.errors import StackError
from lagoa.stack.servers.minio.tiers import make_tier
from lagoa.storage.s3 import DELETER, WRITER
from lagoa.storage.s3.cold import TAG, VALUE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minio import Minio

    from lagoa.stack.credentials import Credentials
    from lagoa.stack.manifest import Cold
    from lagoa.stack.policy import Policy

WAREHOUSE = "lagoa"
"""The bucket of the tables' files; they lie under `warehouse/<layer>/<table>-<uuid>/`."""

ARTIFACTS = "mlflow-artifacts"
"""The bucket of MLflow's files, which its server alone reads and writes."""

MLFLOW_USER = "mlflow"

TRINO_USER = "trino"

BACKUP = "backup"
"""The bucket of backups; who makes them adds to them."""

BUCKETS = (WAREHOUSE, ARTIFACTS, "feature-store", BACKUP, "sandbox")

REGION = "us-east-1"
"""MinIO's default region."""

KEPT_DAYS = 30
"""How long an object that was deleted or written over can be brought back."""

INCOMING_DAYS = 30
"""How long rows are kept as they came in by a merge, to be merged again on another state."""

_BUCKET = f"arn:aws:s3:::{WAREHOUSE}"
_FILES = f"{_BUCKET}/warehouse/*"
_LIST = ("s3:ListBucket", "s3:ListBucketVersions")
_WRITE = ("s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")


def files_of(layers: Sequence[str]) -> list[str]:
    """Return what the files of layers are called in statements, also of a lake in a folder below the warehouse."""
    return [f"{_BUCKET}/{folder}*" for folder in _folders(layers)]


def _folders(layers: Sequence[str]) -> list[str]:
    return [f"warehouse/{above}{layer}/" for layer in layers for above in ("", "*/")]


def _may(*actions: str, on: Sequence[str] = (_FILES,), **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": list(on), **more}


_FIND = _may("s3:GetBucketLocation", on=[_BUCKET])
_READ = [_FIND, _may(*_LIST, on=[_BUCKET]), _may("s3:GetObject")]
_FIND_BACKUPS = _may("s3:ListBucket", "s3:GetBucketLocation", on=[f"arn:aws:s3:::{BACKUP}"])
_READ_BACKUPS = [_FIND_BACKUPS, _may("s3:GetObject", on=[f"arn:aws:s3:::{BACKUP}/*"])]
_BACK_UP = [_FIND_BACKUPS, _may(*_WRITE, on=[f"arn:aws:s3:::{BACKUP}/*"])]
_WITHOUT_TAGS = {
    "Effect": "Deny",
    "Action": ["s3:PutObject"],
    "Resource": [_FILES],
    "Condition": {"Null": {"s3:RequestObjectTagKeys": ["false"]}},
}
"""Who may write objects may write them with tags, unless that is denied; a rule of the bucket goes by those."""

_READ_AND_WRITE = [_FIND, _may(*_LIST, "s3:ListBucketMultipartUploads", on=[_BUCKET]), _may(*_WRITE), _WITHOUT_TAGS]

_COOL = [
    _may("s3:GetLifecycleConfiguration", on=[_BUCKET]),
    _may("s3:GetObjectTagging", "s3:DeleteObjectTagging"),
    _may(
        "s3:PutObjectTagging",
        Condition={
            "StringEquals": {f"s3:RequestObjectTag/{TAG}": [VALUE]},
            "ForAllValues:StringEquals": {"s3:RequestObjectTagKeys": [TAG]},
        },
    ),
]
"""Files are tagged for cold storage, and with nothing else."""


_KEEP_VERSIONS = {"Effect": "Deny", "Action": ["s3:DeleteObjectVersion"], "Resource": [_FILES]}
"""MinIO takes the right to delete objects for that to delete versions, unless that is denied."""


def policies(policy: Policy) -> dict[str, list[dict[str, Any]]]:
    """Return the statements of each policy. The maintainer alone deletes: what a branch does not need, others may read.

    It alone tags files for cold storage. Nobody deletes versions: what is deleted by mistake can be brought back for
    `KEPT_DAYS`.
    """
    return {
        "lagoa-reader": _of_readers(policy.of_readers),
        "lagoa-ingest": _READ_AND_WRITE,
        "lagoa-engineer": [*_READ_AND_WRITE, *_READ_BACKUPS],
        "lagoa-publisher": [*_READ, *_BACK_UP],
        DELETER: [*_READ_AND_WRITE, _may("s3:DeleteObject"), _KEEP_VERSIONS, *_COOL],
        WRITER: [*_READ_AND_WRITE, *_BACK_UP],
        TRINO_USER: [_FIND, _may("s3:GetObject", on=files_of(policy.over_sql))] if policy.over_sql else [_FIND],
        MLFLOW_USER: [
            _may("s3:ListBucket", "s3:GetBucketLocation", on=[f"arn:aws:s3:::{ARTIFACTS}"]),
            _may(*_WRITE, on=[f"arn:aws:s3:::{ARTIFACTS}/*"]),
        ],
    }


def _of_readers(layers: Sequence[str]) -> list[dict[str, Any]]:
    if not layers:
        return [_FIND]
    shown = [*layers, RECORDS]  # of which states are kept: whoever reads states asks them
    inside = {"StringLike": {"s3:prefix": [f"{folder}*" for folder in _folders(shown)]}}
    return [_FIND, _may(*_LIST, on=[_BUCKET], Condition=inside), _may("s3:GetObject", on=files_of(shown))]


USERS = {
    "lagoa-reader": "lagoa-reader",
    WRITER: WRITER,
    DELETER: DELETER,
    "nessie": WRITER,
    MLFLOW_USER: MLFLOW_USER,
    TRINO_USER: TRINO_USER,
}
"""The policy of each user; a user's secret is the credential `minio-<user>`. Where roles sign in at Keycloak, a token
names its policy, and only servers have a user."""

_SERVERS = ("nessie", MLFLOW_USER, TRINO_USER)


def make_ready(
    endpoint: str, credentials: Credentials, policy: Policy, *, sign_in: bool = False, cold: Cold | None = None
) -> None:
    """Make buckets, policies and users that are missing, and update the others to the definitions above.

    Args:
        endpoint: host and port.
        credentials: of the stack.
        policy: of the lake.
        sign_in: whether roles sign in at Keycloak.
        cold: another store for files that nobody asks for, if there is one.

    Raises:
        StackError: the other store cannot be used; or MinIO refuses: what it has may be from an earlier stack, whose
            credentials are gone.
    """
    with extra("stack", "`lagoa stack`"):
        from minio import Minio, MinioAdmin
        from minio.credentials.providers import StaticProvider
        from minio.error import MinioAdminException, MinioException
        from urllib3.exceptions import HTTPError

    user, password = (credentials[f"minio-root-{part}"].get_secret_value() for part in ("user", "password"))
    provider = StaticProvider(user, password)
    try:
        client = Minio(endpoint=endpoint, credentials=provider, secure=False, region=REGION)
        admin = MinioAdmin(endpoint=endpoint, credentials=provider, secure=False, region=REGION)
        if cold is not None:
            make_tier(admin, cold)
        for bucket in BUCKETS:
            _make_bucket(client, bucket, cold if bucket == WAREHOUSE else None)
        for name, statements in policies(policy).items():
            admin.policy_add(name, policy={"Version": "2012-10-17", "Statement": statements})
        there = json.loads(admin.user_list())
        for name, granted in USERS.items():
            if not sign_in or name in _SERVERS:
                admin.user_add(name, credentials[f"minio-{name}"].get_secret_value())
                admin.policy_set(granted, user=name)
            elif name in there:
                admin.user_remove(name)
    except (MinioException, MinioAdminException, HTTPError) as error:
        message = f"its buckets and users cannot be made: {error}."
        raise StackError("minio", message, "Look at `lagoa stack logs minio`.") from error


def _make_bucket(client: Minio, bucket: str, cold: Cold | None) -> None:
    with extra("stack", "`lagoa stack`"):
        from minio.commonconfig import ENABLED, AndOperator, Filter, Tags
        from minio.lifecycleconfig import Expiration, LifecycleConfig, NoncurrentVersionExpiration, Rule, Transition
        from minio.versioningconfig import VersioningConfig

    if not client.bucket_exists(bucket_name=bucket):
        client.make_bucket(bucket_name=bucket)
    client.set_bucket_versioning(bucket_name=bucket, config=VersioningConfig(ENABLED))
    rule = Rule(
        rule_id="earlier-versions",
        rule_filter=Filter(prefix=""),
        status=ENABLED,
        noncurrent_version_expiration=NoncurrentVersionExpiration(noncurrent_days=KEPT_DAYS),
        expiration=Expiration(expired_object_delete_marker=True),
    )
    incoming = Rule(
        rule_id="incoming-rows",
        rule_filter=Filter(prefix="warehouse/_lagoa/incoming/"),
        status=ENABLED,
        expiration=Expiration(days=INCOMING_DAYS),
    )
    rules = [rule, incoming] if bucket == WAREHOUSE else [rule]
    if cold is not None:
        tags = Tags.new_object_tags()
        tags[TAG] = VALUE
        tagged = Filter(and_operator=AndOperator(prefix="warehouse/", tags=tags))
        to = Transition(days=0, storage_class=cold.name)
        rules.append(Rule(rule_id="cold-files", rule_filter=tagged, status=ENABLED, transition=to))
    client.set_bucket_lifecycle(bucket_name=bucket, config=LifecycleConfig(rules))
