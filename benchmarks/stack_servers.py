"""A stack for the benchmarks alone, on free ports, its data in a folder that goes; and lakes on it."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
import tomllib
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

from benchmarks.figures import Figure
from lagoa.domain.refs import MAIN
from lagoa.domain.roles import INGEST, PUBLISHER
from lagoa.settings import load_settings
from lagoa.stack.manifest import read_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lagoa.adapters.nessie.http import NessieHttp
    from lagoa.stack.manifest import Artefact

ROOT = Path(__file__).resolve().parent.parent
PROFILE = "stack"
HEALTHY_LIMIT_S = 90.0
MEMORY_LIMIT_MIB = 4096.0
REST_S = 10
"""How long the servers are left alone before their memory is looked at."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured.

    Attributes:
        rows: of the append.
        scale: of the main job's files; 1 for 1.55 million rows.
        pairs: in which two things are measured in turn.
        rounds: of what is measured by itself.
        branches: that the stack holds once it has grown.
        commits: likewise.
        tpch: scale of the tables of TPC-H; 1 for 8.7 million rows.
    """

    rows: int
    scale: float
    pairs: int
    rounds: int
    branches: int
    commits: int
    tpch: float


FULL = Size(rows=10_000_000, scale=1.0, pairs=5, rounds=9, branches=200, commits=10_000, tpch=1)
SMALL = Size(rows=500_000, scale=0.1, pairs=3, rounds=5, branches=50, commits=1_000, tpch=0.01)


class Servers:
    """The servers of the manifest, brought up on entering and ended on leaving.

    Attributes:
        empty: the last commit of `main` that has no tables; None until it was asked for.

    Args:
        folder: for their data; and for lakes.
        only: the server that is brought up with what it needs; all by default.
    """

    def __init__(self, folder: Path, only: str | None = None) -> None:
        self.folder = folder
        self._only = ("--only", only) if only else ()
        self._home = folder / "home"
        self._seconds = 0.0
        self.empty: str | None = None

    def __enter__(self) -> Self:
        """Bring them up; their addresses are in the environment from then on."""
        self._home.mkdir()
        for place in (self.folder, self._home):
            place.chmod(0o711)  # PostgreSQL runs as a user of its own, who must come by
        shutil.copy(ROOT / "lagoa.toml", self._home)
        shutil.copytree(ROOT / "infra", self._home / "infra")
        began = time.perf_counter()
        try:
            self._lagoa("up", "--free-ports", *self._only)
        except BaseException:
            self._lagoa("down")
            raise
        self._seconds = time.perf_counter() - began
        for line in self._lagoa("env").splitlines():
            name, _, value = line.removeprefix("export ").partition("=")
            os.environ[name] = shlex.split(value)[0]
        return self

    def __exit__(self, *exc: object) -> None:
        """End them."""
        self._lagoa("down")

    def figures(self) -> list[Figure]:
        """Return how long they took until all were well, from nothing but cached artefacts, and what they hold then."""
        time.sleep(REST_S)
        memory = self.memory()
        note = ", ".join(f"{name} {mib:,.0f}" for name, mib in memory.items())
        return [
            Figure(
                "all servers well, for the first time, artefacts cached",
                self._seconds,
                "s",
                HEALTHY_LIMIT_S,
                note=", ".join(memory),
            ),
            Figure("memory of the servers at rest", sum(memory.values()), "MiB", MEMORY_LIMIT_MIB, note=note),
        ]

    @property
    def state(self) -> Path:
        """The folder of the servers' data."""
        return self._home / ".lagoa" / "stack"

    def memory(self) -> dict[str, float]:
        """Return the resident MiB of each server."""
        return {state["name"]: state["memory"] / 2**20 for state in json.loads(self._lagoa("status", "--json"))}

    def profile(self, warehouse: str) -> str:
        """Return the settings of a lake on the stack as TOML: files in a place of its own, the role that loads data."""
        settings = tomllib.loads((ROOT / "lagoa.toml").read_text("utf-8"))["profiles"][PROFILE]
        settings |= {"state": str(self._home / ".lagoa"), "warehouse": f"s3://lagoa/warehouse/{warehouse}"}
        settings["role"] = INGEST
        return "".join(["[profiles.stack]\n", *(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())])

    def nessie(self) -> NessieHttp:
        """Return Nessie's API with the rights of the publisher."""
        from lagoa.adapters.env.secrets import EnvSecrets
        from lagoa.adapters.nessie.http import NessieHttp
        from lagoa.adapters.oidc.tokens import OidcTokens, client_secret

        settings = load_settings(self._home, PROFILE)
        secret = partial(client_secret, EnvSecrets, settings.state_folder / "stack", PUBLISHER)
        tokens = OidcTokens(settings.oidc_url, PUBLISHER, secret) if settings.sign_in == "oidc" else None
        return NessieHttp(settings.nessie_url, tokens, timeout_s=60, patience_s=60)

    def reset(self) -> None:
        """Take `main` back to its last commit without tables, and forget parsed models: a lake on it is a new one."""
        (self._home / ".lagoa" / "models.cache").unlink(missing_ok=True)
        http = self.nessie()
        head = str(http.call("GET", f"trees/{MAIN}")["reference"]["hash"])
        if self.empty is None:
            self.empty = head
        http.call("PUT", f"trees/{MAIN}@{head}", body={"type": "DETACHED", "hash": self.empty})
        http.close()

    def _lagoa(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "lagoa.cli", "--lake", str(self._home), "stack", *arguments]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT).stdout


@contextmanager
def variables(**values: str) -> Iterator[None]:
    """Set variables of the environment while the block runs; they were not set before."""
    os.environ.update(values)
    try:
        yield
    finally:
        for name in values:
            del os.environ[name]


def server_versions() -> str:
    """Return the servers of the manifest with their versions, in one line."""
    found = {}
    for name, artefact in read_manifest(ROOT).items():
        if artefact.module is not None:  # its version is Lagoa's
            continue
        if artefact.maven is not None:
            found[name] = artefact.maven.split(":")[2]
        elif artefact.version is not None:
            found[name] = (
                artefact.version.rsplit("-", 1)[0] if artefact.version.startswith("v0.0.0") else artefact.version
            )
        else:
            found[name] = _program_version(artefact)
    return ", ".join(f"{name} {version.removeprefix('v')}" for name, version in found.items())


def _program_version(artefact: Artefact) -> str:
    folder = subprocess.run(shlex.split(str(artefact.locate)), check=True, capture_output=True, text=True).stdout
    program = Path(folder.strip()) / str(artefact.program)
    return subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout.split()[2]
