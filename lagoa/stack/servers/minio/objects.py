"""What is set up in MinIO: buckets, their rules, and a user for each role, with no more rights than it needs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lagoa.domain.optional import extra
from lagoa.errors import StackError
from lagoa.storage.s3 import WRITER

if TYPE_CHECKING:
    from minio import Minio

    from lagoa.stack.credentials import Credentials

WAREHOUSE = "lagoa"
"""The bucket of the tables' files; they lie under `warehouse/<layer>/<table>-<uuid>/`."""

ARTIFACTS = "mlflow-artifacts"
"""The bucket of MLflow's files, which its server alone reads and writes."""

MLFLOW_USER = "mlflow"

BUCKETS = (WAREHOUSE, ARTIFACTS, "feature-store", "backup", "sandbox")

REGION = "us-east-1"
"""MinIO's default region."""

KEPT_DAYS = 30
"""How long an object that was deleted or written over can be brought back."""

INCOMING_DAYS = 30
"""How long rows are kept as they came in by a merge, to be merged again on another state."""

_FILES = f"arn:aws:s3:::{WAREHOUSE}/warehouse/*"
QUARANTINED = [f"arn:aws:s3:::{WAREHOUSE}/warehouse/{layer}/*" for layer in ("quarantine", "*/quarantine")]
"""Files of refused records, as they came: not for readers."""

_LOOK = {
    "Effect": "Allow",
    "Action": ["s3:ListBucket", "s3:ListBucketVersions", "s3:GetBucketLocation", "s3:ListBucketMultipartUploads"],
    "Resource": [f"arn:aws:s3:::{WAREHOUSE}"],
}


def _may(*actions: str, on: str = _FILES) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": [on]}


_WRITE = ("s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")


_READ = [_LOOK, _may("s3:GetObject")]
_READ_AND_WRITE = [
    _LOOK,
    _may(*_WRITE),
]

POLICIES: dict[str, list[dict[str, Any]]] = {
    "lagoa-reader": [*_READ, {"Effect": "Deny", "Action": ["s3:GetObject"], "Resource": QUARANTINED}],
    "lagoa-ingest": _READ_AND_WRITE,
    "lagoa-engineer": _READ_AND_WRITE,
    "lagoa-publisher": _READ,
    WRITER: _READ_AND_WRITE,
    MLFLOW_USER: [
        _may("s3:ListBucket", "s3:GetBucketLocation", on=f"arn:aws:s3:::{ARTIFACTS}"),
        _may(*_WRITE, on=f"arn:aws:s3:::{ARTIFACTS}/*"),
    ],
}
"""Statements of each policy. Nobody deletes: what one branch does not need, another may read."""

USERS = {"lagoa-reader": "lagoa-reader", WRITER: WRITER, "nessie": WRITER, MLFLOW_USER: MLFLOW_USER}
"""The policy of each user; a user's secret is the credential `minio-<user>`. Where roles sign in at Keycloak, a token
names its policy, and only servers have a user."""

_SERVERS = ("nessie", MLFLOW_USER)


def make_ready(endpoint: str, credentials: Credentials, *, sign_in: bool = False) -> None:
    """Make buckets, policies and users that are missing, and update the others to the definitions above.

    Args:
        endpoint: host and port.
        credentials: of the stack.
        sign_in: whether roles sign in at Keycloak.

    Raises:
        StackError: MinIO refuses; what it has may then be from an earlier stack, whose credentials are gone.
    """
    with extra("stack", "`lagoa stack`"):
        from minio import Minio, MinioAdmin
        from minio.credentials.providers import StaticProvider
        from minio.error import MinioException
        from urllib3.exceptions import HTTPError

    user, password = (credentials[f"minio-root-{part}"].get_secret_value() for part in ("user", "password"))
    provider = StaticProvider(user, password)
    try:
        client = Minio(endpoint=endpoint, credentials=provider, secure=False, region=REGION)
        for bucket in BUCKETS:
            _make_bucket(client, bucket)
        admin = MinioAdmin(endpoint=endpoint, credentials=provider, secure=False, region=REGION)
        for name, statements in POLICIES.items():
            admin.policy_add(name, policy={"Version": "2012-10-17", "Statement": statements})
        there = json.loads(admin.user_list())
        for name, policy in USERS.items():
            if not sign_in or name in _SERVERS:
                admin.user_add(name, credentials[f"minio-{name}"].get_secret_value())
                admin.policy_set(policy, user=name)
            elif name in there:
                admin.user_remove(name)
    except (MinioException, HTTPError) as error:
        message = f"its buckets and users cannot be made: {error}."
        raise StackError("minio", message, "Look at `lagoa stack logs minio`.") from error


def _make_bucket(client: Minio, bucket: str) -> None:
    with extra("stack", "`lagoa stack`"):
        from minio.commonconfig import ENABLED, Filter
        from minio.lifecycleconfig import Expiration, LifecycleConfig, NoncurrentVersionExpiration, Rule
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
    client.set_bucket_lifecycle(bucket_name=bucket, config=LifecycleConfig(rules))
