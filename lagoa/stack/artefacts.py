"""Brings the stack's servers into a cache, by the ordinary clients of where they come from."""

from __future__ import annotations

import fcntl
import hashlib
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

from lagoa.domain.optional import extra
from lagoa.errors import StackError
from lagoa.stack.packages import installed

if TYPE_CHECKING:
    from lagoa.stack.manifest import Artefact, Part

Build = Callable[[Path, Sequence[str]], None]
"""Builds options into an unpacked folder; raises `StackError`."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """How far a download is.

    Attributes:
        file: that is fetched.
        done: bytes that are here.
        total: bytes that it has.
    """

    file: str
    done: int
    total: int


Tell = Callable[[str | Fetched], None]
"""Called with what is being done, and with the progress of downloads."""

_MAVEN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
_LINES = 15
_LOOK_S = 0.2


def cache_folder() -> Path:
    """Return the folder that artefacts are kept in, outside of every lake and checkout."""
    with extra("stack", "`lagoa stack`"):
        from platformdirs import user_cache_path

    return user_cache_path("lagoa") / "stack"


def fetch(root: Path, name: str, artefact: Artefact, tell: Tell, build: Build | None = None) -> Path:
    """Return an artefact's file, or its folder when it has many; fetched or built when the cache has it not.

    Args:
        root: the folder that `artefact.go` is relative to.
        name: of the server.
        artefact: where it comes from.
        tell: called with what is being done.
        build: builds the options of the manifest into what was unpacked.

    Raises:
        StackError: it cannot be downloaded or built, or is not what `infra/stack.toml` says.
    """
    if artefact.module:
        return Path(sys.executable)
    if artefact.system:
        return _system(name, artefact)
    with _alone(name):
        if artefact.go:
            return _go(root, name, artefact, tell)
        if artefact.pypi:
            for part in artefact.parts:
                _maven(name, part, tell)
            return installed(name, artefact)
        file = _maven(name, artefact, tell)
        if not artefact.folder:
            return file
        parts = [(part, _maven(name, part, tell)) for part in artefact.parts]
        return _unpacked(name, artefact, (file, parts), tell, build)


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """Wait until no other process brings the same server into the cache: what it brings is then there."""
    cache_folder().mkdir(parents=True, exist_ok=True)
    with (cache_folder() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _system(name: str, artefact: Artefact) -> Path:
    """Return the folder of the programs of a package of the machine."""
    missing = f"the package `{artefact.system}` is not on this machine"
    advice = f"Install it: `apt-get install {artefact.system}`, or as this system does it."
    try:
        found = subprocess.run(shlex.split(str(artefact.locate)), capture_output=True, text=True, check=True)  # noqa: S603
        program = Path(found.stdout.strip()) / str(artefact.program)
        printed = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError) as error:
        raise StackError(name, f"{missing}: {error}.", advice) from error
    number = re.search(r"\d+", printed.stdout)
    if number is None or int(number[0]) < artefact.minimum:
        raise StackError(name, f"{artefact.minimum} is needed; there is {printed.stdout.strip()}.", advice)
    return program.parent


def _unpacked(
    name: str, artefact: Artefact, files: tuple[Path, Sequence[tuple[Part, Path]]], tell: Tell, build: Build | None
) -> Path:
    """Return the folder that a file unpacks to, with its parts in it and the manifest's options built in."""
    file, parts = files
    made_of = [*(artefact.build if build else ()), *(f"{part.sha256} {part.place}" for part, _ in parts)]
    path = file.parent / hashlib.sha256("\n".join(made_of).encode()).hexdigest()[:8] / str(artefact.folder)
    if path.is_dir():
        return path
    tell(f"building {name}; this takes a minute, once" if build else f"unpacking {name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        made = _unpack(file, Path(folder), artefact.folder)
        for part, packed in parts:
            place = made / part.place
            place.parent.mkdir(parents=True, exist_ok=True)
            if part.folder is None:
                shutil.copy(packed, place)
            else:
                _unpack(packed, Path(folder), part.folder).rename(place)
        if build is not None:
            build(made, artefact.build)
        made.rename(path)
    return path


def _unpack(file: Path, folder: Path, made: str | None) -> Path:
    """Unpack a file, whose hash is known, and so what lies in it; return the folder that it unpacks to."""
    if file.suffix == ".zip":
        with zipfile.ZipFile(file) as packed:
            packed.extractall(folder)  # noqa: S202
    else:
        with tarfile.open(file) as packed:
            packed.extractall(folder, filter="data")
    return folder / str(made)


def kept_at(artefact: Artefact | Part) -> Path:
    """Return where the cache has a file of Maven Central, once it has been fetched."""
    return cache_folder() / str(artefact.sha256)[:16] / str(artefact.file)


def _maven(name: str, artefact: Artefact | Part, tell: Tell) -> Path:
    file = str(artefact.file)
    path = kept_at(artefact)
    if path.is_file():
        return path
    tell(f"fetching {name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        repository = Path(folder) / "repository"  # of its own, so that the file is found while it comes
        command = ["mvn", "-q", "-B", _MAVEN, f"-Dartifact={artefact.maven}", f"-DoutputDirectory={folder}"]
        with _watched(repository, Fetched(file, 0, int(artefact.bytes or 0)), tell):
            run(name, [*command, f"-Dmaven.repo.local={repository}"], Path(folder), needs="Maven (`mvn`)")
        fetched = Path(folder) / file
        if not fetched.is_file():
            brought = sorted(each.name for each in Path(folder).iterdir() if each.is_file())
            raise StackError(name, f"Maven brought {brought}, not {file}.")
        found = _sha256(fetched)
        if found != artefact.sha256:
            advice = "Nothing of it was run. Find out why it changed before you change infra/stack.toml."
            raise StackError(name, f"{file} hashes to {found}, not to {artefact.sha256}.", advice)
        fetched.replace(path)
    return path


@contextmanager
def _watched(folder: Path, file: Fetched, tell: Tell) -> Iterator[None]:
    """Report repeatedly, until the block ends, how much of a file has arrived, as Maven writes it into a repository."""
    ended = Event()

    def look() -> None:
        while not ended.wait(_LOOK_S):
            with suppress(OSError):  # a file was moved between being found and being looked at
                sizes = [each.stat().st_size for each in folder.rglob(f"{file.file}*")]
                tell(replace(file, done=min(max(sizes, default=0), file.total)))

    watcher = Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _go(root: Path, name: str, artefact: Artefact, tell: Tell) -> Path:
    module = root / str(artefact.go)
    pinned = b"".join((module / file).read_bytes() for file in ("go.mod", "go.sum"))
    if f"{artefact.package} {artefact.version}".encode() not in pinned:
        raise StackError(name, f"{module / 'go.mod'} does not pin {artefact.package} at {artefact.version}.")
    path = cache_folder() / hashlib.sha256(pinned).hexdigest()[:16] / name
    if path.is_file():
        return path
    tell(f"building {name} from its sources; this takes minutes, once")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        for file in ("go.mod", "go.sum", "main.go"):
            shutil.copy(module / file, folder)
        made = Path(folder) / name
        flags = ["-mod=readonly", "-trimpath", "-ldflags", "-s -w", "-o", str(made)]
        run(name, ["go", "build", *flags, str(artefact.package)], Path(folder), needs="Go 1.25 or later (`go`)")
        made.replace(path)
    return path


def run(name: str, command: Sequence[str], folder: Path, *, needs: str) -> None:
    """Run a program that fetches or builds, in a folder.

    Args:
        name: of the server that this is for.
        command: program and arguments.
        folder: that it runs in.
        needs: what has to be installed for it.

    Raises:
        StackError: it is not there, or fails; with its last lines.
    """
    program = shutil.which(command[0])
    if program is None:
        raise StackError(name, f"{needs} is not on this machine.", "Install it, then run this again.")
    done = subprocess.run(  # noqa: S603 - a fixed program, arguments from infra/stack.toml
        [program, *command[1:]],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        last = "\n".join(done.stdout.splitlines()[-_LINES:])
        message = f"`{Path(command[0]).name}` ended with {done.returncode}:\n{last}"
        raise StackError(name, message, "Fix that, then run this again.")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
