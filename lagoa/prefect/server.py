"""The Prefect server of a lake: one process in the background, found and used by every run.

It keeps an exclusive lock on `server.json` for as long as it lives, so a file whose lock is free is of a server that
ended, whatever runs under its number today. Prefect is not imported here.
"""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lagoa.errors import FlowServerFailed
from lagoa.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

HOST = "127.0.0.1"
DATABASE_VARIABLE = "LAGOA_FLOW_DATABASE"
"""By which the server's process receives the URL of its database."""

IDLE_S = 1800
_START_S = 30.0
_START_VARIABLE = "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"  # Prefect's own, for its temporary server
_CHOICES = {
    "PREFECT_API_URL",
    "PREFECT_HOME",
    "PREFECT_PROFILE",
    "PREFECT_PROFILES_PATH",
    "PREFECT_API_DATABASE_CONNECTION_URL",
    "PREFECT_SERVER_DATABASE_CONNECTION_URL",
}
_STOP_S = 10.0
_ANSWER_S = 5.0
_PAUSE_S = 0.02
_LOG_END = 1500


class Running(NamedTuple):
    """A server that runs.

    Attributes:
        pid: its process.
        port: where it listens, on the loopback address.
        version: of Prefect.
    """

    pid: int
    port: int
    version: str

    @property
    def url(self) -> str:
        """Address of the pages in a browser."""
        return f"http://{HOST}:{self.port}"

    @property
    def api(self) -> str:
        """Address for clients (PREFECT_API_URL)."""
        return f"{self.url}/api"


class LakeServer:
    """The server of one lake, whether it runs or not.

    Args:
        state: the lake's state folder; the server's state is in its folder `prefect`.
        idle_s: seconds without a request after which a server that is started here ends.
        database: returns the URL of the database of a server that is started here; by default a SQLite file.
    """

    def __init__(self, state: Path, idle_s: float = IDLE_S, database: Callable[[], str] | None = None) -> None:
        self.home = state.absolute() / "prefect"
        self._idle_s = idle_s
        self._database = database
        self._file = self.home / "server.json"
        self.log = self.home / "server.log"
        self._began = False

    def begin(self) -> None:
        """Start the server unless one runs or is being started, and do not wait for it."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            lock = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise FlowServerFailed(f"{self._file}: {error.strerror}", self.log) from error
        try:
            if os.fstat(lock).st_uid != os.getuid():
                raise FlowServerFailed(f"{self._file} belongs to another user", self.log)
            if _lock(lock, fcntl.LOCK_EX):
                self._launch(lock)
        finally:
            os.close(lock)

    def _launch(self, lock: int) -> None:
        os.ftruncate(lock, 0)
        self.log.unlink(missing_ok=True)
        self.log.touch(0o600)
        # The process inherits the open file and with it the lock, which is never free between the two. A session of
        # its own: Ctrl-C ends the run, not the server.
        command = [sys.executable, "-m", "lagoa.prefect", str(self.home), str(lock), str(self._idle_s)]
        database = {DATABASE_VARIABLE: self._database()} if self._database else {}  # others cannot read a variable
        with self.log.open("wb") as log:
            subprocess.run(  # noqa: S603 - a module of ours
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.home,
                env={**os.environ, **database},
                pass_fds=[lock],
                start_new_session=True,
                check=True,
            )
        self._began = True

    def wait(self) -> Running:
        """Return the server as soon as it answers; it is started if it does not run.

        Raises:
            FlowServerFailed: it ends, or does not answer within 30 s (or the time that
                PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS gives).
        """
        limit = float(os.environ.get(_START_VARIABLE) or _START_S)
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            found = self._found()
            if found is None:
                if self._began:
                    raise FlowServerFailed("it has ended", self.log, self._log_end())
                self.begin()
            elif found.port and found.version != version("prefect"):
                self.stop()
            elif found.port and _answers(found):
                return found
            time.sleep(_PAUSE_S)
        self.stop()
        raise FlowServerFailed(f"it does not answer within {limit:g} s", self.log, self._log_end())

    def running(self) -> Running | None:
        """Return the server, if it runs and is ready for requests."""
        found = self._found()
        return found if found and found.port else None

    def stop(self) -> bool:
        """End the server and wait for it; return whether one ran."""
        ran = self._found() is not None
        deadline = time.monotonic() + _STOP_S
        while found := self._found():
            if found.pid:
                with suppress(ProcessLookupError):
                    os.kill(found.pid, signal.SIGTERM if time.monotonic() < deadline else signal.SIGKILL)
            time.sleep(_PAUSE_S)
        self._began = False
        return ran

    def _found(self) -> Running | None:
        """Return the server that has the lock; its port is 0 until it is ready."""
        try:
            file = os.open(self._file, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:  # none, or one that is not for this user
            return None
        try:
            if os.fstat(file).st_uid != os.getuid() or _lock(file, fcntl.LOCK_SH):
                return None
            return Running(**json.loads(os.read(file, _LOG_END)))
        except ValueError:  # its process has just begun
            return Running(0, 0, "")
        finally:
            os.close(file)

    def _log_end(self) -> str:
        try:
            return self.log.read_text("utf-8", errors="replace")[-_LOG_END:].strip()
        except OSError:
            return ""


def write_running(lock: int, running: Running) -> None:
    """Say in the locked file which server has it; its process alone does."""
    text = json.dumps(running._asdict()).encode()
    os.pwrite(lock, text, 0)
    os.ftruncate(lock, len(text))


def begin_server(lake: Path) -> None:
    """Begin to start the lake's server beside the import of Prefect, if it is clear that the run will use it."""
    if _CHOICES & os.environ.keys():
        return
    settings = (Path.home() / ".prefect/profiles.toml", Path("prefect.toml"), Path(".env"))
    if not any(file.exists() for file in settings):
        from lagoa.prefect.history import server_of

        server_of(load_settings(lake)).begin()


def _lock(file: int, kind: int) -> bool:
    """Take a lock if no server has it; a shared one while looking, so that two who look do not see each other."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _answers(server: Running) -> bool:
    connection = http.client.HTTPConnection(HOST, server.port, timeout=_ANSWER_S)
    try:
        connection.request("GET", "/api/health")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
