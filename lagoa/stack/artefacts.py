"""Brings the stack's servers into a cache, by the ordinary clients of where they come from."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from lagoa.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lagoa.stack.manifest import Artefact

_MAVEN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
_LINES = 15


def cache_folder() -> Path:
    """Return the folder that artefacts are kept in, outside of every lake and checkout."""
    from platformdirs import user_cache_path

    return user_cache_path("lagoa") / "stack"


def fetch(root: Path, name: str, artefact: Artefact, tell: Callable[[str], None]) -> Path:
    """Return an artefact's file, fetched or built when the cache has it not.

    Args:
        root: the folder that `artefact.go` is relative to.
        name: of the server.
        artefact: where it comes from.
        tell: is told what is done.

    Raises:
        StackError: it cannot be had, or is not what `infra/stack.toml` says.
    """
    return _maven(name, artefact, tell) if artefact.maven else _go(root, name, artefact, tell)


def _maven(name: str, artefact: Artefact, tell: Callable[[str], None]) -> Path:
    file = str(artefact.file)
    path = cache_folder() / str(artefact.sha256)[:16] / file
    if path.is_file():
        return path
    tell(f"fetching {name}: {file}, {(artefact.bytes or 0) / 1e6:.0f} MB")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        command = ["mvn", "-q", "-B", _MAVEN, f"-Dartifact={artefact.maven}", f"-DoutputDirectory={folder}"]
        _run(name, command, Path(folder), needs="Maven (`mvn`)")
        fetched = Path(folder) / file
        if not fetched.is_file():
            raise StackError(name, f"Maven brought {sorted(each.name for each in Path(folder).iterdir())}, not {file}.")
        found = _sha256(fetched)
        if found != artefact.sha256:
            advice = "Nothing of it was run. Find out why it changed before you change infra/stack.toml."
            raise StackError(name, f"{file} hashes to {found}, not to {artefact.sha256}.", advice)
        fetched.replace(path)
    return path


def _go(root: Path, name: str, artefact: Artefact, tell: Callable[[str], None]) -> Path:
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
        _run(name, ["go", "build", *flags, str(artefact.package)], Path(folder), needs="Go 1.25 or later (`go`)")
        made.replace(path)
    return path


def _run(name: str, command: Sequence[str], folder: Path, *, needs: str) -> None:
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
        message = f"`{command[0]}` ended with {done.returncode}:\n{last}"
        raise StackError(name, message, "Mend that, then run this again.")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
