"""The stack's credentials: drawn at random at its first start, kept in a file that its owner alone can read."""

from __future__ import annotations

import json
import os
import secrets
from typing import TYPE_CHECKING

from pydantic import SecretStr

from lagoa.errors import StackError

if TYPE_CHECKING:
    from pathlib import Path

_LENGTH = 24


class Credentials:
    """Names and passwords by what they are for; one that is asked for the first time is drawn and kept.

    Args:
        path: the file, of mode 0600.

    Raises:
        StackError: others may read the file, or it is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept: dict[str, str] = {}
        if path.exists():
            if path.stat().st_mode & 0o077:
                raise StackError("credentials", f"{path} can be read by others.", f"Run `chmod 600 {path}`.")
            try:
                self._kept = json.loads(path.read_text("utf-8"))
            except ValueError as error:
                message = f"{path} is damaged: {error}."
                raise StackError(
                    "credentials", message, "Put it back from a backup: the servers know what it said."
                ) from error

    def __getitem__(self, name: str) -> SecretStr:
        if name not in self._kept:
            self._kept[name] = secrets.token_urlsafe(_LENGTH)
            self._write()
        return SecretStr(self._kept[name])

    def _write(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(self._kept, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self._path)
