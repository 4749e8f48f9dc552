"""A cache in a file of the lake's state, for the next process."""

from __future__ import annotations

import hashlib
import os
import secrets
import sys
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_OTHERS_WRITE = 0o022


class CacheFile:
    """Texts by key, in one file. Nothing but speed depends on it.

    The file is used only if this user alone could have written it, with the same version of the code; damaged lines
    are ignored. Each process replaces the file as a whole, so that concurrent writers do not mix.

    Args:
        path: the file; None caches nothing.
        version: version of the content; a file with another version is ignored.
    """

    def __init__(self, path: Path | None, version: str) -> None:
        self._path = path
        self._head = f"lagoa {version}".encode()

    def read(self) -> dict[str, str]:
        """Return the texts by key; none if the file cannot be used."""
        head, *lines = self._content().split(b"\n")
        if head != self._head:
            return {}
        kept = (line.partition(b"\t") for line in lines)
        whole = (rest.decode() for digest, _, rest in kept if _digest(rest) == digest)
        return {key: text for key, _, text in (entry.partition("\t") for entry in whole)}

    def write(self, texts: Mapping[str, str]) -> None:
        """Replace the content by texts of one line each; if that fails, leave it as it is."""
        if self._path is None:
            return
        entries = [f"{key}\t{text}".encode() for key, text in texts.items()]
        content = b"\n".join([self._head, *(_digest(entry) + b"\t" + entry for entry in entries)])
        draft = self._path.with_name(f"{self._path.name}.{secrets.token_hex(4)}")
        with suppress(OSError):
            try:
                with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                    file.write(content)
                draft.replace(self._path)
            except BaseException:
                draft.unlink(missing_ok=True)
                raise

    def _content(self) -> bytes:
        if self._path is None:
            return b""
        try:
            with self._path.open("rb") as file:
                found = os.fstat(file.fileno())
                own = found.st_uid == os.getuid() and not found.st_mode & _OTHERS_WRITE
                return file.read() if own else b""
        except OSError:
            return b""


@cache
def code_version(packages: tuple[str, ...], distributions: tuple[str, ...]) -> str:
    """Return a text that changes whenever the code behind cached results changes.

    Args:
        packages: packages of Lagoa, or modules, that the results depend on; their source is hashed, so that no version
            number has to be raised by hand.
        distributions: other distributions that they depend on; their versions are hashed, and Python's.
    """
    from importlib.metadata import version

    digest = hashlib.sha256(sys.version.encode())
    for package in ("lagoa.domain", *packages):
        for file in sorted(Path(str(import_module(package).__file__)).parent.glob("*.py")):
            digest.update(file.read_bytes())
    for name in distributions:
        digest.update(f"{name} {version(name)}\n".encode())
    return digest.hexdigest()


def _digest(entry: bytes) -> bytes:
    return hashlib.sha256(entry).hexdigest().encode()
