"""The stack in containers, one a server (docker-compose.yml), configured and made ready as `lagoa stack up` does it.

Every container finds its own volume under `/lagoa`. A job fills these with what each server is started with; others
make the servers ready once they answer. These jobs alone know all credentials: a server, and a role, has its own.
"""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lagoa.domain.credentials import CREDENTIALS_FILE, drawn_password, drawn_tracking_password, read_credentials
from lagoa.domain.ports.sql_catalogs import ACCESS_FILE, PASSWORD
from lagoa.domain.roles import ENGINEER, INGEST, MAINTAINER, PUBLISHER
from lagoa.errors import StackError
from lagoa.stack.credentials import Credentials
from lagoa.stack.manifest import read_manifest
from lagoa.stack.servers import SERVERS, spark, trino
from lagoa.stack.servers.postgres import SETTINGS
from lagoa.stack.servers.server import Site, refuse_links, write_private

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lagoa.domain.roles import Role
    from lagoa.stack.manifest import Artefact
    from lagoa.stack.servers.server import Launch

CREDENTIALS = Path("credentials") / CREDENTIALS_FILE
"""Among the volumes: what `make secrets` drew, and what Vault has drawn since."""

ANYWHERE = "0.0.0.0"  # noqa: S104 - of a container: what of it can be reached is said in docker-compose.yml

LAGOA = (10001, 10001)
"""User and group of the images that are built from this repository."""

ROLES: Mapping[str, Role] = {
    "lagoa": ENGINEER,
    "worker": INGEST,
    "publisher": PUBLISHER,
    "maintainer": MAINTAINER,
}
"""As whom each container of Lagoa itself signs in."""

PUBLISH: Mapping[Role, str] = {ENGINEER: "publish", INGEST: "publish-ingest"}
"""By role, the volume of the socket on which the publisher container takes the requests of that role's containers."""

BI = "bi"
"""The profile of docker-compose.yml in which Trino runs."""

PREFECT_PORT = 4200

TRINO_HOME = Path("/usr/lib/trino")
"""Where the official image has it."""

SPARK_HOME = Path("/opt/lagoa/lib/python3.11/site-packages/pyspark")
"""Where the image of this repository has it."""


@dataclass(frozen=True, slots=True)
class Container:
    """How a server's volume is filled.

    Attributes:
        owner: user and group that it runs as.
        configure: writes into the folder of a site what the server is started with.
        writes: whether the server may write into its volume.
    """

    owner: tuple[int, int]
    configure: Callable[[Site], None]
    writes: bool = False


def in_containers(manifest: Mapping[str, Artefact]) -> dict[str, Artefact]:
    """Return the servers of a manifest as they are found when each has a container of its name."""
    return {name: each.model_copy(update={"host": name, "bind": ANYWHERE}) for name, each in manifest.items()}


def configure(root: Path, secrets: Path, folder: Path, profiles: Sequence[str] = ()) -> None:
    """Fill the volume of each server, of Prefect, and of the containers of Lagoa itself; each is its owner's alone.

    Args:
        root: the lake's folder.
        secrets: the file that `make secrets` wrote.
        folder: where the volumes are, in every container.
        profiles: of docker-compose.yml that are on. Without `bi` there is no Trino for the catalogs of sandboxes.

    Raises:
        StackError: there are no secrets, or they are others than those that the volumes were made with.
    """
    credentials = _credentials(secrets, folder / CREDENTIALS)
    manifest = in_containers(read_manifest(root))
    for name in manifest:
        site = Site(name, root, folder / name, credentials, manifest)
        site.folder.mkdir(exist_ok=True, mode=0o700)
        if CONTAINERS[name].writes:
            refuse_links(site.folder)
        CONTAINERS[name].configure(site)
        _hand_over(site.folder, CONTAINERS[name].owner)
    database = f"postgresql+asyncpg://prefect:{{}}@{manifest['postgres'].address}/prefect"
    api = credentials["prefect-api"].get_secret_value()
    server = {
        "PREFECT_API_DATABASE_CONNECTION_URL": database.format(credentials["postgres-prefect"].get_secret_value()),
        "PREFECT_SERVER_API_AUTH_STRING": f"lagoa:{api}",
    }
    _write_profile(folder / "prefect", server)
    _hand_over(folder / "prefect", LAGOA)
    client = {"PREFECT_API_URL": f"http://prefect:{PREFECT_PORT}/api", "PREFECT_API_AUTH_STRING": f"lagoa:{api}"}
    for name, role in ROLES.items():
        _write_role(folder / name, role, credentials)
        if role in {ENGINEER, MAINTAINER} and BI in profiles and "trino" in manifest:
            _let_make_catalogs(folder / name, folder / "trino", credentials)
        else:
            (folder / name / "trino" / ACCESS_FILE).unlink(missing_ok=True)
        if role in {ENGINEER, INGEST}:  # the others run no flow
            _write_profile(folder / name, client)
        _hand_over(folder / name, LAGOA)
    for name in PUBLISH.values():
        (folder / name).mkdir(exist_ok=True, mode=0o700)
        _hand_over(folder / name, LAGOA)


def make_ready(root: Path, names: Sequence[str], folder: Path) -> None:
    """Put into servers that answer what the others find there, as `lagoa stack up` does.

    Args:
        root: the lake's folder.
        names: of the servers.
        folder: where the volumes are, in every container.

    Raises:
        StackError: a server refuses, or there is none of that name.
    """
    manifest = in_containers(read_manifest(root))
    credentials = Credentials(folder / CREDENTIALS)
    for name in names:
        if name not in manifest:
            raise StackError(name, "it is no server of the stack.", f"There are: {', '.join(manifest)}.")
        make = SERVERS[name].make_ready
        if make is not None:
            make(Site(name, root, folder / name, credentials, manifest))


def _credentials(secrets: Path, kept: Path) -> Credentials:
    """Return the credentials of the volumes, which are those of the file, and what Vault has drawn."""
    drawn = read_credentials(secrets)
    if not drawn:
        raise StackError("credentials", f"there is no {secrets}.", "Run `make secrets`.")
    there = read_credentials(kept)
    if any(there.get(name, value) != value for name, value in drawn.items()):
        message = "the volumes were made with other secrets than those in `.secrets`."
        advice = "Put the old file back; or remove the volumes with all data: `docker compose down --volumes`."
        raise StackError("credentials", message, advice)
    credentials = Credentials(kept)
    credentials.keep(drawn)
    _hand_over(kept.parent, LAGOA)
    return credentials


def _write_role(folder: Path, role: str, credentials: Credentials) -> None:
    """Write what a role signs in with where Lagoa looks for it, and nothing else."""
    folder.mkdir(exist_ok=True, mode=0o700)
    names = (f"vault-role-id-{role}", f"vault-secret-id-{role}", drawn_password(role), drawn_tracking_password(role))
    own = {name: credentials[name].get_secret_value() for name in names}
    write_private(folder / CREDENTIALS_FILE, json.dumps(own, indent=1))


def _let_make_catalogs(folder: Path, site: Path, credentials: Credentials) -> None:
    """Write what the catalogs of sandboxes are made with, where `lagoa stack up` has it."""
    for name in (ACCESS_FILE, trino.CA):
        write_private(folder / "trino" / name, (site / name).read_text("utf-8"))
    own = read_credentials(folder / CREDENTIALS_FILE) | {PASSWORD: credentials[PASSWORD].get_secret_value()}
    write_private(folder / CREDENTIALS_FILE, json.dumps(own, indent=1))


def _write_profile(folder: Path, settings: Mapping[str, str]) -> None:
    """Write settings of Prefect, secrets among them, as the profile that PREFECT_PROFILES_PATH names."""
    lines = "".join(f'{name} = "{value}"\n' for name, value in settings.items())
    write_private(folder / "profiles.toml", f'active = "stack"\n\n[profiles.stack]\n{lines}')


def _hand_over(folder: Path, owner: tuple[int, int]) -> None:
    """Give a folder to whom its server runs as, but for the data, which is that user's already.

    Only root can; for anybody else, who tries this out, all stays their own.
    """
    if os.geteuid() != 0:
        return
    for at, folders, files in os.walk(folder):
        os.chown(at, *owner)
        if "data" in folders:
            folders.remove("data")
            os.chown(Path(at) / "data", *owner, follow_symlinks=False)
        for name in (*folders, *files):
            os.chown(Path(at) / name, *owner, follow_symlinks=False)


def _postgres(site: Site) -> None:
    """Write what the image makes its data folder with, and the settings that it then runs with.

    The image sets itself up over its socket; afterwards nobody comes that way without a password.
    """
    write_private(site.folder / "password", site.secret("postgres-admin"))
    own = {"listen_addresses": site.artefact.bind, "port": site.artefact.port}
    settings = {**SETTINGS, **own, "unix_socket_directories": "/var/run/postgresql"}
    lines = "".join(f"{name} = '{value}'\n" for name, value in settings.items())
    write_private(site.folder / "postgresql.conf", lines)


def _server(site: Site, program: Path = Path("/opt/server")) -> None:
    """Write what `lagoa stack up` writes, and into a file what that gives the server as its environment."""
    _write_environment(site, SERVERS[site.name].configure(site, program))


def _write_environment(site: Site, launch: Launch) -> None:
    lines = "".join(f"{name}={shlex.quote(value)}\n" for name, value in launch.environment.items())
    write_private(site.folder / "environment", lines)


def _trino(site: Site) -> None:
    """Write the same, and the rules by the contracts of this image: no job makes it ready, as that needs no server."""
    _server(site, TRINO_HOME)
    trino.make_rules(site)


def _spark(site: Site) -> None:
    """Write what master and workers are started with; the jars that applications need are in the image."""
    _write_environment(site, spark.daemons(site, SPARK_HOME))


CONTAINERS: Mapping[str, Container] = {
    "postgres": Container((999, 999), _postgres, writes=True),
    "keycloak": Container((1000, 0), _server),
    "vault": Container(LAGOA, _server, writes=True),
    "minio": Container(LAGOA, _server, writes=True),
    "nessie": Container((10000, 10001), _server),
    "trino": Container((1000, 1000), _trino, writes=True),
    "spark": Container(LAGOA, _spark),
    "audit": Container(LAGOA, _server),
    "mlflow": Container(LAGOA, _server),
}
"""By server. The numbers of users are those of the images."""
