"""The stack's credentials: drawn at random at its first start, kept in a file that its owner alone can read."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pydantic import SecretStr

from lagoa.domain.credentials import read_credentials

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_LENGTH = 24


class Credentials:
    """Names and passwords by what they are for; one that is requested for the first time is generated and kept.

    Several may have one file open, in threads and in processes: none loses what another keeps.

    Args:
        path: the file, of mode 0600.

    Raises:
        StackError: others may read the file, or it is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept = read_credentials(path)

    def __contains__(self, name: str) -> bool:
        """Return whether there is one, without drawing it."""
        return name in self._kept

    def __getitem__(self, name: str) -> SecretStr:
        if name not in self._kept:
            with self._locked():
                if name not in self._kept:
                    self._write({name: secrets.token_urlsafe(_LENGTH)})
        return SecretStr(self._kept[name])

    def keep(self, drawn: Mapping[str, str]) -> None:
        """Keep credentials that a server has drawn itself, by name."""
        with self._locked():
            self._write(drawn)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Let nobody else write meanwhile; read what others have kept."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(self._path.with_suffix(".lock"), os.O_WRONLY | os.O_CREAT, 0o600), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._kept = read_credentials(self._path)
            yield

    def _write(self, new: Mapping[str, str]) -> None:
        kept = {**self._kept, **new}
        partial = self._path.with_name(f"{self._path.name}.partial")
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(kept, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self._path)
        self._kept = kept
