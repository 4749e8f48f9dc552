"""Nessie (https://projectnessie.org/nessie-latest/configuration/)."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING

from lagoa.domain.roles import PUBLISHER
from lagoa.domain.tables import QUARANTINE_LAYER
from lagoa.errors import SettingsError
from lagoa.stack.policy import read_policy
from lagoa.stack.servers.keycloak import realm_url
from lagoa.stack.servers.minio.objects import REGION, WAREHOUSE, files_of
from lagoa.stack.servers.server import Launch, Server, Site, answers_ok, java, write_private

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lagoa.stack.manifest import Artefact
    from lagoa.stack.policy import Policy


RULES = "infra/nessie/rules.toml"

_S3 = "nessie.catalog.service.s3.default-options"


def _configure(site: Site, file: Path) -> Launch:
    settings: dict[str, object] = {
        "nessie.server.send-stacktrace-to-client": "false",
        "quarkus.http.host": site.artefact.bind,
        "quarkus.http.port": site.artefact.port,
        "quarkus.management.host": site.artefact.bind,
        "quarkus.management.port": site.artefact.management_port,
        "quarkus.otel.sdk.disabled": "true",
    }
    settings |= _postgres(site) if site.artefact.store == "postgres" else _rocksdb(site)
    if site.artefact.sign_in:
        settings |= _sign_in(site) | read_rules(site.root / RULES, read_policy(site.root))
    if "minio" in site.manifest:
        settings |= _objects(site)
    lines = "".join(f"{key}={value}\n" for key, value in settings.items())
    write_private(site.folder / "config" / "application.properties", lines)
    return Launch([*java(site.folder), "-Xmx768m", "-XX:+UseSerialGC", "-jar", str(file)])


def _rocksdb(site: Site) -> dict[str, object]:
    return {
        "nessie.version.store.type": "ROCKSDB",
        "nessie.version.store.persist.rocks.database-path": site.folder / "rocksdb",
    }


def _postgres(site: Site) -> dict[str, object]:
    return {
        "nessie.version.store.type": "JDBC2",
        "nessie.version.store.persist.jdbc.datasource": "postgresql",
        "quarkus.datasource.postgresql.jdbc.url": f"jdbc:postgresql://{site.manifest['postgres'].address}/nessie",
        "quarkus.datasource.postgresql.jdbc.min-size": 1,
        "quarkus.datasource.postgresql.jdbc.max-size": 16,
        # A connection that PostgreSQL ended is noticed when it is taken from the pool, not by the next request.
        "quarkus.datasource.postgresql.jdbc.foreground-validation-interval": "1S",
        "quarkus.datasource.postgresql.username": "nessie",
        "quarkus.datasource.postgresql.password": site.secret("postgres-nessie"),
    }


def _sign_in(site: Site) -> dict[str, object]:
    """Settings by which it lets in who has a token of the realm that was made for it, and nobody else."""
    realm = realm_url(site.manifest["keycloak"])
    return {
        "nessie.server.authentication.enabled": "true",
        "nessie.server.authorization.enabled": "true",
        "quarkus.oidc.auth-server-url": realm,
        "quarkus.oidc.client-id": "nessie",
        "quarkus.oidc.application-type": "service",
        "quarkus.oidc.token.issuer": realm,
        "quarkus.oidc.token.audience": "nessie",
        "quarkus.oidc.token.allow-opaque-token-introspection": "false",
        "quarkus.oidc.roles.role-claim-path": "groups",
        "quarkus.oidc.connection-delay": "60S",
    }


def read_rules(path: Path, policy: Policy) -> dict[str, object]:
    """Return the rules of a file as settings, with a policy's layers in the places that it leaves for them.

    Raises:
        SettingsError: it cannot be read.
    """
    layers = {"READ_BY_READERS": policy.of_readers, "LANDING": policy.landing}
    try:
        text = path.read_text("utf-8")
        for place, names in layers.items():
            text = text.replace(f"${{{place}}}", _is_of(names))
        rules = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: {error}", "Fix the file.") from error
    if not all(isinstance(rule, str) for rule in rules.values()):
        raise SettingsError(f"{path}: a rule is a name and a text.", "Fix the file.")
    return {f"nessie.server.authorization.rules.{name}": " ".join(rule.split()) for name, rule in rules.items()}


def _is_of(layers: Sequence[str]) -> str:
    """Return the condition by which a path is of one of these layers, or one of them itself."""
    some = (f"path == '{layer}' || path.startsWith('{layer}.')" for layer in layers)
    return f"({' || '.join(some)})" if layers else "false"


def _make_ready(site: Site) -> None:
    """Make the root commit of main and the journal of its moves, which no role but the publisher may make."""
    from lagoa.bootstrap import prepare_catalog

    realm = realm_url(site.manifest["keycloak"]) if site.artefact.sign_in else None
    prepare_catalog(_url(site.artefact), realm, lambda: site.credentials[f"oidc-client-{PUBLISHER}"])


def _needs(artefact: Artefact) -> Sequence[str]:
    needs = {"postgres": artefact.store == "postgres", "keycloak": artefact.sign_in}
    return [name for name, needed in needs.items() if needed]


def _url(artefact: Artefact) -> str:
    return f"http://{artefact.address}/api/v2"


def _objects(site: Site) -> dict[str, object]:
    """Settings by which it serves tables over Iceberg's REST catalog, with keys for their files that run out."""
    url = f"http://{site.manifest['minio'].address}"
    return {
        "nessie.catalog.default-warehouse": WAREHOUSE,
        f"nessie.catalog.warehouses.{WAREHOUSE}.location": f"s3://{WAREHOUSE}/warehouse",
        # It is healthy without MinIO: branches and commits are not stored there.
        "nessie.catalog.object-stores.health-check.enabled": "false",
        f"{_S3}.endpoint": url,
        f"{_S3}.region": REGION,
        f"{_S3}.path-style-access": "true",
        f"{_S3}.access-key": "urn:nessie-secret:quarkus:minio",
        f"{_S3}.client-iam.enabled": "true",
        f"{_S3}.client-iam.assume-role": "arn:aws:iam::123456789012:role/lagoa",  # MinIO wants one and reads none
        f"{_S3}.sts-endpoint": url,
        "minio.name": "nessie",
        "minio.secret": site.secret("minio-nessie"),
        **_keys(read_policy(site.root) if site.artefact.sign_in else None),
    }


def _keys(policy: Policy | None) -> dict[str, object]:
    """Settings of what the keys open that it issues to read a table.

    0.99.0 misspells the place of the files in such keys: by themselves they open none. What they open is the same for
    whoever asks and whichever table, so it is no more than readers may read. Keys to write a table open its files, too.

    Args:
        policy: of the lake; None where nobody signs in.
    """
    which = {"Resource": files_of(policy.of_readers)} if policy else {"NotResource": files_of([QUARANTINE_LAYER])}
    read = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:GetObjectVersion"], **which}
    return {f"{_S3}.client-iam.statements[0]": json.dumps(read)} if all(which.values()) else {}


NESSIE = Server(
    url=_url,
    answers=lambda artefact: answers_ok(f"http://{artefact.host}:{artefact.management_port}/q/health/ready"),
    configure=_configure,
    make_ready=_make_ready,
    needs=_needs,
)
