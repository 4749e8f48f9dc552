"""The stack as a whole: starting and stopping its servers, and their state."""

from __future__ import annotations

import json
import socket
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lagoa.domain.optional import extra
from lagoa.errors import StackError
from lagoa.stack.artefacts import fetch
from lagoa.stack.credentials import Credentials
from lagoa.stack.manifest import HOST, PORTS, read_manifest
from lagoa.stack.servers import SERVERS
from lagoa.stack.servers.keycloak.people import People
from lagoa.stack.servers.server import Launch, Site, refuse_links, write_private
from lagoa.stack.servers.spark import CLIENT
from lagoa.stack.servers.trino import CA, make_rules
from lagoa.stack.servers.trino.users import Users
from lagoa.stack.supervisor import Supervisor
from lagoa.storage.s3 import WRITER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from lagoa.stack.artefacts import Tell
    from lagoa.stack.manifest import Artefact

HEALTHY_S = 240
"""How long a server may take to become healthy."""

_STARTS = 3
"""How often it may be started for that."""

LEFT = "LEFT"
"""The state of a server that runs although the supervisor that kept it was killed."""

_LOCKED = ("postgres", "minio", "vault")
"""Servers with data of their own that nobody reaches without the credentials that were drawn for it."""


@dataclass(frozen=True, slots=True)
class ServerState:
    """One server as it is.

    Attributes:
        name: its name.
        state: the supervisor's word for it: RUNNING, STOPPED, BACKOFF, FATAL; STOPPED when nothing runs at all, `LEFT`.
        healthy: whether it reports that it is healthy.
        pid: its process, that of its master if it has workers; None when it does not run.
        url: where clients find it.
        memory: resident bytes of it, its workers and all their children.
    """

    name: str
    state: str
    healthy: bool
    pid: int | None
    url: str
    memory: int


class Stack:
    """The servers of one lake.

    Args:
        root: the lake's folder, with `infra/stack.toml`.
        state: the folder of the servers' data, logs and credentials.
    """

    def __init__(self, root: Path, state: Path) -> None:
        self._root = root
        self._state = state
        self._ports_file = state / "ports.json"
        self._supervisor = Supervisor(state)
        self._read()

    def _read(self) -> None:
        ports = json.loads(self._ports_file.read_text()) if self._ports_file.exists() else {}
        self.manifest = {
            name: artefact.model_copy(update=ports.get(name, {}))
            for name, artefact in read_manifest(self._root).items()
        }

    def choose_ports(self, ports: Mapping[str, Mapping[str, int]]) -> None:
        """Let servers listen elsewhere than the manifest says, from the next start on; what runs is ended.

        Args:
            ports: by server, and by field of its entry: `{"nessie": {"port": 19220}}`.
        """
        self.down()
        self._state.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(self._ports_file, json.dumps(ports, indent=1))
        self._read()

    def up(self, only: Iterable[str] | None = None, tell: Tell = lambda _: None) -> list[ServerState]:
        """Start servers and wait until each is healthy; those that run already stay as they are.

        Args:
            only: these, with what they need; all by default.
            tell: called with what is being done.

        Raises:
            StackError: one cannot be downloaded or built, its port is taken, or it is not healthy in time.
        """
        names = self._ordered(only)
        self._check_credentials()
        left = self._supervisor.end_left()
        if left:
            tell(f"{', '.join(left)} ended: the supervisor that kept them had died")
        running = self._supervisor.running()
        new = [name for name in names if name not in running]
        if new:
            files = self._fetch_all(new, tell)
            launches = {name: self._configure(name, files[name]) for name in new}
            for name in new:
                self._check_ports(name)
            self._supervisor.keep(launches)
        pending: dict[str, Future[None]] = {}
        with ThreadPoolExecutor(len(names), "lagoa-stack") as pool:
            for name in names:
                before = [pending[need] for need in SERVERS[name].needs(self.manifest[name])]
                pending[name] = pool.submit(self._bring_up, name, before, tell)
        for future in pending.values():
            future.result()
        return self.status()

    def down(self) -> bool:
        """End every server that `up` started, and the supervisor; data stays. Return whether anything ran."""
        if self._supervisor.is_running:
            self._supervisor.shutdown()
            return True
        return bool(self._supervisor.end_left())

    def status(self) -> list[ServerState]:
        """Return how each server of the manifest is; one that runs although its supervisor was killed is `LEFT`."""
        kept, left = self._supervisor.processes(), self._supervisor.left()
        for name, processes in left.items():
            kept[name] = {str(each.pid): {"pid": each.pid, "statename": LEFT} for each in processes}
            kept[name][name] = kept[name].pop(str(processes[0].pid))
        return [self._state_of(name, kept.get(name, {})) for name in self.manifest]

    def environment(self) -> dict[str, str]:
        """Return the variables by which programs find the servers; with keys of MinIO where nobody signs in."""
        found = {f"LAGOA_{name.upper()}_URL": SERVERS[name].url(each) for name, each in self.manifest.items()}
        if "keycloak" in self.manifest:
            found["LAGOA_OIDC_URL"] = found["LAGOA_KEYCLOAK_URL"]
        if "trino" in self.manifest:
            found["LAGOA_TRINO_CA"] = str(self._state / "trino" / CA)
        if "spark" in self.manifest:
            found["LAGOA_SPARK_CONF"] = str(self._state / "spark" / CLIENT)
        if "minio" in self.manifest:
            found["LAGOA_S3_ENDPOINT"] = found["LAGOA_MINIO_URL"]
            if not self.manifest["minio"].sign_in:
                found["LAGOA_S3_ACCESS_KEY"] = WRITER
                found["LAGOA_S3_SECRET_KEY"] = self._credentials()[f"minio-{WRITER}"].get_secret_value()
        return found

    def log(self, name: str, lines: int) -> str:
        """Return the end of a server's log, or of that of a worker, as `spark-worker-1`.

        Raises:
            StackError: there is no server of that name.
        """
        if not (self._supervisor.logs / f"{name}.log").exists():
            self._check_name(name)
        return self._supervisor.last_lines(name, lines)

    def users(self, volumes: Path | None = None) -> Users:
        """Return who signs in to Trino, here or in containers.

        Args:
            volumes: where the volumes of the containers are.

        Raises:
            StackError: there is no Trino, or a link in its volume.
        """
        self._check_name("trino")
        site = self._site("trino", volumes or self._state)
        if volumes:
            refuse_links(site.folder)
        return Users(site.folder, lambda: make_rules(site))

    def people(self) -> People:
        """Return who signs in to Trino at Keycloak; raises `StackError` if nobody does on this stack."""
        for name in ("trino", "nessie", "keycloak"):
            self._check_name(name)
        if not self.manifest["nessie"].sign_in:
            advice = "Set `sign_in = true` in `[nessie]` of infra/stack.toml, or add users with a password."
            raise StackError("trino", "nobody signs in at Keycloak on this stack.", advice)
        return People(self._site("keycloak"))

    def _credentials(self) -> Credentials:
        return Credentials(self._state / "credentials.json")

    def _check_credentials(self) -> None:
        """Raise `StackError` if there is data of servers that accept nothing but what was in the lost credentials."""
        file = self._state / "credentials.json"
        data = {name: self._state / name / "data" for name in _LOCKED}
        servers = [name for name, folder in data.items() if folder.is_dir() and next(folder.iterdir(), None)]
        if servers and not file.exists():
            advice = (
                f"Restore it from a backup, with mode 0600. Without it their data cannot be read: to begin anew, run "
                f"`lagoa stack down` and move {self._state} away."
            )
            raise StackError("credentials", f"{file} is missing, but there is data of {', '.join(servers)}.", advice)

    def _check_name(self, name: str) -> None:
        if name not in self.manifest:
            raise StackError(name, "it is no server of the stack.", f"There are: {', '.join(self.manifest)}.")

    def _ordered(self, only: Iterable[str] | None) -> list[str]:
        """Return servers with what they need, which comes first; all when none are named."""
        found: list[str] = []

        def add(name: str) -> None:
            self._check_name(name)
            for need in SERVERS[name].needs(self.manifest[name]):
                add(need)
            if name not in found:
                found.append(name)

        for name in self.manifest if only is None else only:
            add(name)
        return found

    def _fetch_all(self, names: Sequence[str], tell: Tell) -> dict[str, Path]:
        """Return the programs of servers; what is not there yet is fetched and built side by side."""

        def fetch_one(name: str) -> Path:
            return fetch(self._root, name, self.manifest[name], tell, SERVERS[name].build)

        with ThreadPoolExecutor(len(names), "lagoa-fetch") as pool:
            return dict(zip(names, pool.map(fetch_one, names), strict=True))

    def _configure(self, name: str, file: Path) -> Launch:
        site = self._site(name)
        site.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return SERVERS[name].configure(site, file)

    def _site(self, name: str, state: Path | None = None) -> Site:
        return Site(name, self._root, (state or self._state) / name, self._credentials(), self.manifest)

    def _check_ports(self, name: str) -> None:
        for port in self.manifest[name].ports:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((HOST, port))
                except OSError as error:
                    advice = "End what uses it, or give another: `lagoa stack up --port SERVER=NUMBER`."
                    raise StackError(name, f"port {port} is taken.", advice) from error

    def _bring_up(self, name: str, before: Sequence[Future[None]], tell: Tell) -> None:
        for need in before:
            need.result()
        server = SERVERS[name]
        self._supervisor.run(name)
        self._wait(name, server.answers)
        if server.make_ready is not None:
            server.make_ready(self._site(name))
            self._wait(name, server.serves)
        tell(f"{name} is healthy")

    def _wait(self, name: str, until: Callable[[Artefact], bool]) -> None:
        began = time.monotonic()
        started: set[int] = set()
        while not until(self.manifest[name]):
            state = self._supervisor.state(name)  # one that has just ended is started again, within a second
            started.add(state["start"])
            waited = time.monotonic() - began
            if state["statename"] == "FATAL" or len(started) > _STARTS or waited > HEALTHY_S:
                last = self._supervisor.last_lines(name)
                self._supervisor.end(name)
                message = f"it is not healthy after {waited:.0f} s ({state['statename']}). Its log ends:\n{last}"
                raise StackError(name, message, f"Its whole log is {self._supervisor.logs / f'{name}.log'}.")
            time.sleep(0.3)

    def _state_of(self, name: str, kept: Mapping[str, Mapping[str, Any]]) -> ServerState:
        artefact = self.manifest[name]
        url = SERVERS[name].url(artefact)
        if not kept:
            return ServerState(name, "STOPPED", False, None, url, 0)
        state, pid = kept[name]["statename"], kept[name]["pid"] or None
        memory = sum(_memory(each["pid"]) for each in kept.values() if each["pid"])
        return ServerState(name, state, SERVERS[name].serves(artefact), pid, url, memory)


def _memory(pid: int) -> int:
    """Return the resident bytes of a process and its children; 0 when it has just ended."""
    with extra("stack", "`lagoa stack`"):
        import psutil

    try:
        process = psutil.Process(pid)
        return sum(each.memory_info().rss for each in (process, *process.children(recursive=True)))
    except psutil.NoSuchProcess:
        return 0


def free_ports(manifest: Mapping[str, Artefact]) -> dict[str, dict[str, int]]:
    """Return ports that are free now, for every server of a manifest."""
    found: dict[str, dict[str, int]] = {}
    held = []
    for name, artefact in manifest.items():
        for field in PORTS:
            if getattr(artefact, field) is not None:
                probe = socket.socket()
                probe.bind((HOST, 0))
                held.append(probe)
                found.setdefault(name, {})[field] = probe.getsockname()[1]
    for probe in held:
        probe.close()
    return found
