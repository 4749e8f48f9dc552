"""Trino (https://trino.io/docs/current/admin/properties.html): published data over SQL, for BI, read-only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.contracts import Contracts
from lagoa.domain.optional import extra
from lagoa.domain.roles import READER
from lagoa.formats import FORMATS
from lagoa.settings import load_settings
from lagoa.stack.servers.keycloak import realm_url
from lagoa.stack.servers.minio.objects import REGION, WAREHOUSE
from lagoa.stack.servers.server import Launch, Server, Site, java, write_private
from lagoa.stack.servers.trino.rules import CATALOG, FILE, write_rules
from lagoa.stack.servers.trino.users import GROUPS, PASSWORDS, USERS, Users

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lagoa.stack.manifest import Artefact

CA = "ca.pem"
"""In the server's folder, the certificate by which clients know it."""

_SECRET, _CREDENTIAL = "TRINO_INTERNAL_SECRET", "TRINO_CATALOG_CREDENTIAL"
"""Variables of its process: the secrets that its files name as `${ENV:…}`."""

_JAVA = (
    "-Xms256m",
    "-Xmx768m",
    "-XX:ReservedCodeCacheSize=256m",
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:-OmitStackTraceInFastThrow",
    "-XX:+EnableDynamicAgentLoading",
    "-Djdk.attach.allowAttachSelf=true",
    "-Djdk.nio.maxCachedBufferSize=2000000",
    "-Dfile.encoding=UTF-8",
    "--enable-native-access=ALL-UNNAMED",
)
"""As its own launcher starts it, with less memory."""

_REFRESH = "1s"
"""How often it looks whether users or rules have changed."""


def _configure(site: Site, distribution: Path) -> Launch:
    with extra("stack", "`lagoa stack`"):
        from lagoa.stack.servers.trino.certificate import make_certificate

    etc = site.folder / "etc"
    make_certificate(site.folder / CA, etc / "server.pem", site.name)
    Users(site.folder).prepare()
    if not (site.folder / FILE).exists():  # without one it does not start; later a wrong contract need not hold it up
        make_ready(site)
    for name, settings in _files(site, distribution).items():
        write_private(etc / name, "".join(f"{key}={value}\n" for key, value in settings.items()))
    environment = {_SECRET: site.secret("trino-internal")}
    if _signs_in(site):
        environment[_CREDENTIAL] = f"lagoa-{READER}:{site.secret(f'oidc-client-{READER}')}"
    classes = ["-cp", f"{distribution / 'lib'}/*", "-Dconfig=etc/config.properties", "io.trino.server.TrinoServer"]
    return Launch([*java(site.folder), *_JAVA, *classes], environment)


def make_ready(site: Site) -> None:
    """Write the rules by the contracts as they are now.

    Raises:
        SettingsError: the policy cannot be read; the former rules stay.
        ContractError: a contract cannot; likewise.
    """
    write_rules(site.root, site.folder, Contracts.load(load_settings(site.root).contracts_folder, FORMATS))


def _files(site: Site, distribution: Path) -> dict[str, dict[str, object]]:
    """Return the settings by file; paths in them are relative to the server's folder, which it runs in."""
    return {
        "config.properties": _server(site, distribution),
        "password-authenticator.properties": {
            "password-authenticator.name": "file",
            "file.password-file": f"{USERS}/{PASSWORDS}",
            "file.refresh-period": _REFRESH,
        },
        "group-provider.properties": {
            "group-provider.name": "file",
            "file.group-file": f"{USERS}/{GROUPS}",
            "file.refresh-period": _REFRESH,
        },
        "access-control.properties": {
            "access-control.name": "file",
            "security.config-file": FILE,
            "security.refresh-period": _REFRESH,
        },
        f"catalog/{CATALOG}.properties": _catalog(site),
    }


def _server(site: Site, distribution: Path) -> dict[str, object]:
    """Settings of one server that is its own worker, speaks TLS alone, and knows everybody by a password."""
    return {
        "coordinator": "true",
        "node-scheduler.include-coordinator": "true",
        "node.environment": "lagoa",
        "node.bind-ip": site.artefact.bind,
        "node.internal-address": "127.0.0.1",
        "plugin.dir": distribution / "plugin",
        "catalog.config-dir": "etc/catalog",
        "discovery.uri": f"https://127.0.0.1:{site.artefact.port}",
        "http-server.http.enabled": "false",
        "http-server.https.enabled": "true",
        "http-server.https.port": site.artefact.port,
        "http-server.https.keystore.path": "etc/server.pem",
        "http-server.authentication.type": "PASSWORD",
        "internal-communication.https.required": "true",
        "internal-communication.https.keystore.path": "etc/server.pem",
        "internal-communication.https.truststore.path": CA,
        "internal-communication.shared-secret": f"${{ENV:{_SECRET}}}",
        "web-ui.enabled": "false",
        "query.max-memory": "300MB",
        "query.max-memory-per-node": "300MB",
        "memory.heap-headroom-per-node": "150MB",
    }


def _catalog(site: Site) -> dict[str, object]:
    """Settings of the published data: over Nessie as the reader, with keys for the files that run out."""
    settings: dict[str, object] = {
        "connector.name": "iceberg",
        "iceberg.catalog.type": "rest",
        "iceberg.rest-catalog.uri": f"http://{site.manifest['nessie'].address}/iceberg/main",
        "iceberg.rest-catalog.warehouse": WAREHOUSE,
        "iceberg.rest-catalog.vended-credentials-enabled": "true",
        # Rules for tables stop no table procedure such as remove_orphan_files; this does.
        "iceberg.security": "READ_ONLY",
        "fs.native-s3.enabled": "true",
        "s3.endpoint": f"http://{site.manifest['minio'].address}",
        "s3.region": REGION,
        "s3.path-style-access": "true",
    }
    if _signs_in(site):
        token = f"{realm_url(site.manifest['keycloak'])}/protocol/openid-connect/token"
        settings |= {
            "iceberg.rest-catalog.security": "OAUTH2",
            "iceberg.rest-catalog.oauth2.credential": f"${{ENV:{_CREDENTIAL}}}",
            "iceberg.rest-catalog.oauth2.server-uri": token,
            "iceberg.rest-catalog.oauth2.scope": "profile",
            # It would renew a token by exchanging it, which Keycloak refuses; each request to Nessie gets a new one.
            "iceberg.rest-catalog.oauth2.token-refresh-enabled": "false",
        }
    return settings


def _signs_in(site: Site) -> bool:
    return site.manifest["nessie"].sign_in


def _answers(artefact: Artefact) -> bool:
    """Return whether it has started; nothing is sent to it that another could not know, so anybody may answer."""
    with extra("stack", "`lagoa stack`"):
        import httpx

    try:
        answer = httpx.get(f"{_url(artefact)}/v1/info", timeout=2, verify=False)  # noqa: S501
        return answer.is_success and answer.json()["starting"] is False
    except (httpx.TransportError, ValueError):
        return False


def _url(artefact: Artefact) -> str:
    return f"https://{artefact.address}"


def _needs(_: Artefact) -> Sequence[str]:
    return ("nessie", "minio")


TRINO = Server(
    url=_url,
    answers=_answers,
    configure=_configure,
    make_ready=make_ready,
    needs=_needs,
)
