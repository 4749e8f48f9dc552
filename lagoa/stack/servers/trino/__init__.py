"""Trino (https://trino.io/docs/current/admin/properties.html): published data over SQL, read-only, and sandboxes."""

from __future__ import annotations

import sys
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from lagoa.contracts import Contracts
from lagoa.domain.optional import extra
from lagoa.domain.ports.sql_catalogs import MODELS, PASSWORD, PINNED, PUBLISHED, catalog_of
from lagoa.domain.roles import READER
from lagoa.formats import FORMATS
from lagoa.settings import load_settings
from lagoa.stack.servers.keycloak import realm_url
from lagoa.stack.servers.minio.objects import TRINO_USER
from lagoa.stack.servers.server import Launch, Server, Site, java, write_private
from lagoa.stack.servers.trino.catalogs import CREDENTIALS, FILES_SECRET, published, signs_in, write_access
from lagoa.stack.servers.trino.rules import FILE, write_rules
from lagoa.stack.servers.trino.sign_in import SECRET, people
from lagoa.stack.servers.trino.users import GROUPS, OWN, PASSWORDS, USERS, Users

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lagoa.stack.manifest import Artefact

CA = "ca.pem"
"""In the server's folder, the certificate by which clients know it."""

_SECRET = "TRINO_INTERNAL_SECRET"  # noqa: S105 - a name
"""Variable of its process, which its files name as `${ENV:…}`."""

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
    Users(site.folder).prepare(site.secret(PASSWORD))
    for file in (file for kind in (catalog_of(""), MODELS) for file in (etc / "catalog").glob(f"{kind}*.properties")):
        file.unlink()  # what it kept may name other addresses than those of today; `make_ready` makes sandboxes again
    with suppress(FileNotFoundError):
        (etc / "catalog" / f"{PINNED}.properties").rename(etc / PINNED)  # likewise
    write_access(site, _url(site.artefact))
    if not (site.folder / FILE).exists():  # without one it does not start; later a wrong contract need not hold it up
        make_rules(site)
    for name, settings in _files(site, distribution).items():
        write_private(etc / name, "".join(f"{key}={value}\n" for key, value in settings.items()))
    environment = {_SECRET: site.secret("trino-internal"), FILES_SECRET: site.secret(f"minio-{TRINO_USER}")}
    if signs_in(site):
        for role, variable in CREDENTIALS.items():
            environment[variable] = f"lagoa-{role}:{site.secret(f'oidc-client-{role}')}"
        environment[SECRET] = site.secret("oidc-client-trino")
    classes = ["-cp", f"{distribution / 'lib'}/*", "-Dconfig=etc/config.properties", "io.trino.server.TrinoServer"]
    logs = load_settings(site.root).query_log_days > 0
    beside = {"queries": _log(site)} if logs else {}
    return Launch([*java(site.folder), *_JAVA, *classes], environment, beside=beside)


def _log(site: Site) -> Launch:
    """Return the process that adds what analysts ask to the lake's log of queries."""
    from lagoa.stack.servers.trino.queries import QUERIES_PASSWORD  # a module that is run is not imported before

    command = [sys.executable, "-m", "lagoa.stack.servers.trino.queries", str(site.root.absolute())]
    return Launch([*command, _url(site.artefact), CA], {QUERIES_PASSWORD: site.secret(PASSWORD)})


def make_rules(site: Site) -> None:
    """Write the rules by the contracts as they are now.

    Raises:
        SettingsError: the policy cannot be read; the former rules stay.
        ContractError: a contract cannot; likewise.
    """
    write_rules(site.root, site.folder, Contracts.load(load_settings(site.root).contracts_folder, FORMATS))


def _make_ready(site: Site) -> None:
    """Write the rules, and make the catalogs of the sandboxes that there are."""
    from lagoa.bootstrap import prepare_catalogs

    make_rules(site)
    nessie = f"http://{site.manifest['nessie'].address}/api/v2"
    realm = realm_url(site.manifest["keycloak"]) if signs_in(site) else None
    pinned = site.folder / "etc" / PINNED
    secret = partial(site.credentials.__getitem__, f"oidc-client-{READER}")
    prepare_catalogs(nessie, realm, secret, site.folder.parent, pin=pinned.exists())
    pinned.unlink(missing_ok=True)


def _files(site: Site, distribution: Path) -> dict[str, dict[str, object]]:
    """Return the settings by file; paths in them are relative to the server's folder, which it runs in."""
    return {
        "config.properties": _server(site, distribution),
        "password-authenticator.properties": {
            "password-authenticator.name": "file",
            "file.password-file": f"{USERS}/{PASSWORDS}",
            "file.refresh-period": _REFRESH,
        },
        "own-authenticator.properties": {
            "password-authenticator.name": "file",
            "file.password-file": f"{USERS}/{OWN}",
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
        f"catalog/{PUBLISHED}.properties": published(site),
    }


def _server(site: Site, distribution: Path) -> dict[str, object]:
    """Settings of one server that is its own worker, speaks TLS alone, and knows who is there by their sign-in."""
    return {
        "coordinator": "true",
        "node-scheduler.include-coordinator": "true",
        "node.environment": "lagoa",
        "node.bind-ip": site.artefact.bind,
        "node.internal-address": "127.0.0.1",
        "plugin.dir": distribution / "plugin",
        # Catalogs of sandboxes are made by SQL, and kept in files beside that of the published data.
        "catalog.management": "dynamic",
        "discovery.uri": f"https://127.0.0.1:{site.artefact.port}",
        "http-server.http.enabled": "false",
        "http-server.https.enabled": "true",
        "http-server.https.port": site.artefact.port,
        "http-server.https.keystore.path": "etc/server.pem",
        "http-server.authentication.type": "PASSWORD,OAUTH2" if signs_in(site) else "PASSWORD",
        **(people(site) if signs_in(site) else {}),
        "password-authenticator.config-files": "etc/password-authenticator.properties,etc/own-authenticator.properties",
        "internal-communication.https.required": "true",
        "internal-communication.https.keystore.path": "etc/server.pem",
        "internal-communication.https.truststore.path": CA,
        "internal-communication.shared-secret": f"${{ENV:{_SECRET}}}",
        "web-ui.enabled": "false",
        "query.max-execution-time": "30m",
        "query.max-memory": "300MB",
        "query.max-memory-per-node": "300MB",
        "memory.heap-headroom-per-node": "150MB",
    }


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
    make_ready=_make_ready,
    needs=_needs,
)
