"""PostgreSQL, as the machine has it, on a data folder of the stack's own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from typing import TYPE_CHECKING, Any, get_args

from lagoa.domain.credentials import drawn_password
from lagoa.domain.optional import extra
from lagoa.domain.roles import Role
from lagoa.errors import StackError
from lagoa.stack.servers.server import Launch, Server, Site

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg

    from lagoa.stack.manifest import Artefact

RECEIPTS = "lagoa"
"""The database of receipts; each role has a login there."""

DATABASES = ("nessie", "keycloak", RECEIPTS, "prefect", "mlflow")
"""Each belongs to the user of the same name, whose password is the credential `postgres-<name>`."""

_ADMIN = "postgres"
_USER = "postgres"
"""Whom it runs as when Lagoa runs as root, whom its server refuses to run as; the machine's package makes this user."""

SETTINGS = {
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "max_connections": "80",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
    "min_wal_size": "32MB",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def _configure(site: Site, programs: Path) -> Launch:
    user = _USER if os.geteuid() == 0 else None
    data = site.folder / "data"
    if user is not None:
        _hand_over(site, user)
    if not (data / "PG_VERSION").exists():
        _make_cluster(site, programs, data, user)
    settings = {**SETTINGS, "listen_addresses": site.artefact.bind, "port": str(site.artefact.port)}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    environment = {"HOME": str(site.folder), "LC_ALL": "C"}
    return Launch([str(programs / "postgres"), "-D", str(data), *options], environment, user, stop_signal="INT")


def _hand_over(site: Site, user: str) -> None:
    """Give the server's folder to its user, and let it come to there; what lies beside stays closed to it."""
    try:
        entry = pwd.getpwnam(user)
    except KeyError as error:
        message = f"there is no user `{user}`, whom it runs as when root starts it."
        raise StackError(site.name, message, "Make one, or run Lagoa as another user than root.") from error
    os.chown(site.folder, entry.pw_uid, entry.pw_gid)
    site.folder.parent.chmod(0o711)
    for folder in reversed(site.folder.parents):
        if subprocess.run(["/usr/bin/test", "-x", folder], check=False, **_as(user)).returncode:  # noqa: S603
            message = f"the user `{user}`, whom it runs as when root starts it, does not come through {folder}."
            raise StackError(site.name, message, f"Run `chmod o+x {folder}`, or have the lake elsewhere.")


def _as(user: str | None) -> dict[str, Any]:
    """Return the arguments by which a program runs as somebody else."""
    return {} if user is None else {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": ()}


def _make_cluster(site: Site, programs: Path, data: Path, user: str | None) -> None:
    """Run initdb into a folder that then becomes `data`: one that broke off leaves nothing to be taken for whole."""
    partial = data.with_name("data.partial")
    shutil.rmtree(partial, ignore_errors=True)
    with tempfile.NamedTemporaryFile("w", dir=site.folder) as password:
        password.write(site.secret("postgres-admin"))
        password.flush()
        if user is not None:
            shutil.chown(password.name, user)
        command = [
            str(programs / "initdb"),
            "-D",
            str(partial),
            "-U",
            _ADMIN,
            f"--pwfile={password.name}",
            "--encoding=UTF8",
        ]
        command += ["--locale=C", "--auth=scram-sha-256", "--data-checksums"]
        done = subprocess.run(  # noqa: S603 - the machine's own program
            command, cwd=site.folder, env={"LC_ALL": "C"}, capture_output=True, text=True, check=False, **_as(user)
        )
    if done.returncode:
        raise StackError(site.name, f"its data folder cannot be made: {done.stderr.strip() or done.stdout.strip()}")
    partial.rename(data)


def _answers(artefact: Artefact) -> bool:
    with extra("stack", "`lagoa stack`"):
        from psycopg.pq import PGconn, Ping

    return PGconn.ping(f"host={artefact.host} port={artefact.port} connect_timeout=2".encode()) == Ping.OK


def _make_ready(site: Site) -> None:
    """Make databases and users that are not there, and give the users the passwords of the stack."""
    from lagoa.bootstrap import prepare_receipts

    with extra("stack", "`lagoa stack`"):
        import psycopg

    where: dict[str, Any] = {"host": site.artefact.host, "port": site.artefact.port, "user": _ADMIN}
    where |= {"password": site.secret("postgres-admin"), "autocommit": True, "connect_timeout": 10}
    try:
        with psycopg.connect(**where, dbname=_ADMIN) as connection:
            for name in (_ADMIN, "template1"):  # whoever is connected to the latter stops databases from being made
                _close_to_others(connection, name)
            for name in DATABASES:
                _make_database(connection, name, site.secret(f"postgres-{name}"))
        with psycopg.connect(**where, dbname=RECEIPTS) as connection:
            prepare_receipts(connection, {role: site.credentials[drawn_password(role)] for role in get_args(Role)})
    except psycopg.Error as error:
        message = f"its databases cannot be made: {error}."
        raise StackError(site.name, message, "Look at `lagoa stack logs postgres`.") from error


def _make_database(connection: psycopg.Connection, name: str, password: str) -> None:
    with extra("stack", "`lagoa stack`"):
        from psycopg.sql import SQL, Identifier, Literal

    who = Identifier(name)
    if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [name]).rowcount == 0:
        connection.execute(SQL("CREATE ROLE {}").format(who))
    # The password itself is not sent: a statement may end up in the log.
    proof = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
    options = SQL("LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD {}").format(Literal(proof))
    connection.execute(SQL("ALTER ROLE {} WITH {}").format(who, options))
    if connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).rowcount == 0:
        connection.execute(SQL("CREATE DATABASE {} OWNER {}").format(who, who))
    _close_to_others(connection, name)


def _close_to_others(connection: psycopg.Connection, database: str) -> None:
    with extra("stack", "`lagoa stack`"):
        from psycopg.sql import SQL, Identifier

    connection.execute(SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(Identifier(database)))


POSTGRES = Server(
    url=lambda artefact: f"postgresql://{artefact.address}/{RECEIPTS}",
    answers=_answers,
    configure=_configure,
    make_ready=_make_ready,
)
