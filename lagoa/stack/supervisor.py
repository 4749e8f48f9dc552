"""Supervisor (http://supervisord.org) keeps the servers: starts them, restarts one that dies, rotates their logs."""

from __future__ import annotations

import configparser
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lagoa.domain.optional import extra
from lagoa.errors import StackError
from lagoa.stack.servers.server import write_private

if TYPE_CHECKING:
    from collections.abc import Mapping

    import psutil

    from lagoa.stack.servers.server import Launch

_START_S = 20
_STOP_S = 90
_LEFT_S = 30
_RUNNING = {"RUNNING", "STARTING"}

_HEAD = """[unix_http_server]
file = {socket}
chmod = 0700
[supervisord]
logfile = {logs}/supervisord.log
logfile_maxbytes = {log_bytes}
pidfile = {folder}/supervisord.pid
childlogdir = {logs}
directory = {folder}
umask = 077
{user}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[include]
files = {programs}/*.conf
"""
_PROGRAM = """[program:{program}]
command = {command}
directory = {folder}/{name}
environment = {environment}
autostart = false
autorestart = true
startsecs = 0
startretries = 5
stopwaitsecs = 30
stopasgroup = true
killasgroup = true
stopsignal = {stop_signal}
{user}
redirect_stderr = true
stdout_logfile = {logs}/{program}.log
stdout_logfile_maxbytes = {log_bytes}
stdout_logfile_backups = 3
"""


class Supervisor:
    """The supervisor of one stack; its socket and its files are its owner's alone.

    Args:
        folder: of the stack's state.
        log_bytes: how large a log becomes before it is rotated, in Supervisor's words; three older ones are kept.
    """

    def __init__(self, folder: Path, log_bytes: str = "10MB") -> None:
        self._folder, self._log_bytes = folder, log_bytes
        self.logs = folder / "logs"
        self._configuration = folder / "supervisord.conf"
        self._programs = folder / "programs"
        # A socket's path may have about 100 characters: it cannot lie in a folder of any depth.
        name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
        self._socket = Path(tempfile.gettempdir()) / f"lagoa-{os.getuid()}" / f"{name}.sock"

    @property
    def is_running(self) -> bool:
        """Whether it answers."""
        try:
            return str(self._call("getState")["statename"]) == "RUNNING"
        except OSError:
            return False

    def keep(self, launches: Mapping[str, Launch]) -> None:
        """Begin to keep these servers, none of which is started by that; those that it keeps already stay as they are.

        Raises:
            StackError: it does not come up.
        """
        if self.is_running:
            self._write(launches)
            added, changed, _ = self._call("reloadConfig")[0]
            for name in changed:
                self._call("stopProcessGroup", name, True)
                self._call("removeProcessGroup", name)
            for name in [*added, *changed]:
                self._call("addProcessGroup", name)
        else:
            shutil.rmtree(self._programs, ignore_errors=True)
            self._write(launches)
            self._start()

    def _start(self) -> None:
        self._socket.parent.mkdir(mode=0o700, exist_ok=True)
        if self._socket.parent.stat().st_uid != os.getuid():
            raise StackError("supervisor", f"{self._socket.parent} belongs to somebody else.", "Remove it.")
        self.logs.mkdir(parents=True, exist_ok=True, mode=0o700)
        command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(self._configuration)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - a module of ours
        if done.returncode:
            raise StackError("supervisor", f"it does not start: {done.stderr.strip() or done.stdout.strip()}")
        deadline = time.monotonic() + _START_S
        while not self.is_running:
            if time.monotonic() > deadline:
                raise StackError("supervisor", f"it does not answer within {_START_S} s.", f"See {self.logs}.")
            time.sleep(0.05)

    def run(self, name: str) -> None:
        """Start those processes of a server that do not run."""
        self._call("startProcessGroup", name, False)

    def end(self, name: str) -> None:
        """End the processes of a server and wait for them."""
        self._call("stopProcessGroup", name, True)

    def state(self, name: str) -> dict[str, Any]:
        """Return what the supervisor knows of a server's own process.

        Among it are `statename`, `pid`, `exitstatus`, `spawnerr` and `start`, when it was started last (Unix time, s).
        """
        return dict(self._call("getProcessInfo", f"{name}:{name}"))

    def processes(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Return the processes of each server that it keeps, by name, as `state` has them; none if it does not run."""
        found: dict[str, dict[str, dict[str, Any]]] = {}
        for each in self._call("getAllProcessInfo") if self.is_running else ():
            found.setdefault(each["group"], {})[each["name"]] = each
        return found

    def running(self) -> list[str]:
        """Return the servers that run, or are about to."""
        return [name for name, kept in self.processes().items() if kept[name]["statename"] in _RUNNING]

    def last_lines(self, name: str, count: int = 20) -> str:
        """Return the end of a server's log."""
        lines: list[str] = []
        for path in (self.logs / f"{name}.log", self.logs / f"{name}.log.1"):  # the first is empty after a rotation
            if len(lines) < count and path.exists():
                lines = [*path.read_text("utf-8", "replace").splitlines(), *lines]
        return "\n".join(lines[-count:])

    def shutdown(self) -> None:
        """End every server that it keeps, then itself."""
        with extra("stack", "`lagoa stack`"):
            import psutil

        pid = int(self._call("getPID"))
        self._call("shutdown")
        deadline = time.monotonic() + _STOP_S
        while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > deadline:
                raise StackError("supervisor", f"it does not end within {_STOP_S} s (process {pid}).")
            time.sleep(0.05)

    def left(self) -> dict[str, list[psutil.Process]]:
        """Return the processes that a supervisor left which was killed, by server; none while one answers.

        They know the supervisor's socket from their environment. What they started themselves ends with them.
        """
        if self.is_running:
            return {}
        with extra("stack", "`lagoa stack`"):
            import psutil

        found: dict[int, tuple[str, psutil.Process]] = {}
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                known = process.environ()
                if known.get("SUPERVISOR_SERVER_URL") == f"unix://{self._socket}":
                    found[process.pid] = known["SUPERVISOR_GROUP_NAME"], process
        servers: dict[str, list[psutil.Process]] = {}
        for name, process in found.values():
            with suppress(psutil.Error):
                if process.ppid() not in found:
                    servers.setdefault(name, []).append(process)
        return {} if self.is_running else servers  # one that was started meanwhile keeps them

    def end_left(self) -> list[str]:
        """End a supervisor that does not answer, as its socket is gone, and what one left that was killed.

        Returns:
            The names of the servers that were ended.
        """
        left = self.left()
        if not left:
            return []
        with extra("stack", "`lagoa stack`"):
            import psutil

        with suppress(OSError, ValueError, psutil.Error):
            supervisor = psutil.Process(int((self._folder / "supervisord.pid").read_text()))
            if str(self._configuration) in supervisor.cmdline():
                supervisor.terminate()
                supervisor.wait(_STOP_S)
        ending = [(process, self._stop_signal(name)) for name, each in left.items() for process in each]
        for process, number in ending:
            with suppress(psutil.Error):
                process.send_signal(number)
        _, alive = psutil.wait_procs([process for process, _ in ending], _LEFT_S)
        for process in alive:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(alive, _LEFT_S)
        return sorted(left)

    def _stop_signal(self, name: str) -> int:
        """Return the signal that ends the processes of a server, as it was told to the supervisor."""
        written = configparser.RawConfigParser()
        written.read(self._programs / f"{name}.conf")
        return signal.Signals[f"SIG{written.get(f'program:{name}', 'stopsignal', fallback='TERM')}"]

    def _write(self, launches: Mapping[str, Launch]) -> None:
        user = "user = root" if os.getuid() == 0 else ""
        known = {"logs": self.logs, "folder": self._folder, "log_bytes": self._log_bytes}
        head = _HEAD.format(**known, socket=self._socket, programs=self._programs, user=user)
        write_private(self._configuration, head)
        for name, launch in launches.items():
            programs = {name: launch, **{f"{name}-{end}": each for end, each in launch.beside.items()}}
            text = f"[group:{name}]\nprograms = {','.join(programs)}\n"
            for program, each in programs.items():
                text += _PROGRAM.format(
                    name=name,
                    program=program,
                    command=" ".join(_quoted(part) for part in each.command),
                    environment=",".join(f"{key}={_quoted(value)}" for key, value in each.environment.items()),
                    stop_signal=each.stop_signal,
                    user=f"user = {each.user}" if each.user else "",
                    **known,
                )
            write_private(self._programs / f"{name}.conf", text)

    def _call(self, method: str, *arguments: Any) -> Any:
        with extra("stack", "`lagoa stack`"):
            from supervisor.xmlrpc import SupervisorTransport

        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as server:
            return getattr(server.supervisor, method)(*arguments)


def _quoted(text: str) -> str:
    """Return text as a word of supervisor's configuration, in which `%` begins a reference."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'
