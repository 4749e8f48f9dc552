"""Nessie (https://projectnessie.org/nessie-latest/configuration/)."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING

from lagoa.domain.roles import PUBLISHER
from lagoa.errors import SettingsError
from lagoa.stack.servers.keycloak import realm_url
from lagoa.stack.servers.minio.objects import QUARANTINED, REGION, WAREHOUSE
from lagoa.stack.servers.server import Launch, Server, Site, answers_ok, java, write_private

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lagoa.stack.manifest import Artefact


RULES = "infra/nessie/rules.toml"


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
        settings |= _sign_in(site) | read_rules(site.root / RULES)
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


def read_rules(path: Path) -> dict[str, object]:
    """Return the rules of a file as settings; raises `SettingsError`."""
    try:
        rules = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: {error}", "Fix the file.") from error
    if not all(isinstance(rule, str) for rule in rules.values()):
        raise SettingsError(f"{path}: a rule is a name and a text.", "Fix the file.")
    return {f"nessie.server.authorization.rules.{name}": " ".join(rule.split()) for name, rule in rules.items()}


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
    s3 = "nessie.catalog.service.s3.default-options"
    url = f"http://{site.manifest['minio'].address}"
    # 0.99.0 misspells the place of the files in keys that only read: by themselves they open none. Whoever reads one
    # table may read the others, so these keys are no more than what MinIO gives to a reader anyway.
    read = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:GetObjectVersion"], "NotResource": QUARANTINED}
    return {
        "nessie.catalog.default-warehouse": WAREHOUSE,
        f"nessie.catalog.warehouses.{WAREHOUSE}.location": f"s3://{WAREHOUSE}/warehouse",
        # It is healthy without MinIO: branches and commits are not stored there.
        "nessie.catalog.object-stores.health-check.enabled": "false",
        f"{s3}.endpoint": url,
        f"{s3}.region": REGION,
        f"{s3}.path-style-access": "true",
        f"{s3}.access-key": "urn:nessie-secret:quarkus:minio",
        f"{s3}.client-iam.enabled": "true",
        f"{s3}.client-iam.statements[0]": json.dumps(read),
        f"{s3}.client-iam.assume-role": "arn:aws:iam::123456789012:role/lagoa",  # MinIO wants one and reads none
        f"{s3}.sts-endpoint": url,
        "minio.name": "nessie",
        "minio.secret": site.secret("minio-nessie"),
    }


NESSIE = Server(
    url=_url,
    answers=lambda artefact: answers_ok(f"http://{artefact.host}:{artefact.management_port}/q/health/ready"),
    configure=_configure,
    make_ready=_make_ready,
    needs=_needs,
)
