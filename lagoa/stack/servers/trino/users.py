"""The people and programs that sign in to Trino: a name, a role, a password of which only the hash is kept."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING, get_args

from lagoa.domain.optional import extra
from lagoa.domain.roles import SqlRole
from lagoa.errors import InvalidName, StackError
from lagoa.stack.servers.server import replace_private

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

USERS, PASSWORDS, GROUPS = "users", "passwords", "groups"
"""A folder and its files: a name and a hash a line, a role and its users a line."""

_NAME = re.compile(r"[a-z][a-z0-9._-]{0,62}")
_RULE = "lower-case letters, digits, '.', '_' and '-', starting with a letter, at most 63 characters: `ana.souza`"
_LENGTH = 24

_ROUNDS = 8
"""The least that Trino accepts."""


class Users:
    """The users of a Trino, which reads their files again each second.

    Args:
        folder: of the server.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / USERS

    def prepare(self) -> None:
        """Make the files that are not there; without them Trino does not start."""
        with self._locked():
            for name in (PASSWORDS, GROUPS):
                if not (self._folder / name).exists():
                    self._write(name, "")

    def all(self) -> dict[str, str]:
        """Return the role of each user, by name; empty for one that is in no role, who may do nothing."""
        roles = self._roles()
        return {name: roles.get(name, "") for name in sorted(self._hashes())}

    def add(self, name: str, role: SqlRole) -> str:
        """Make a user; return the password, which is kept nowhere.

        Raises:
            InvalidName: it cannot be a user's.
            StackError: there is one of that name.
        """
        if not _NAME.fullmatch(name):
            raise InvalidName("user", name, _RULE)
        with extra("stack", "`lagoa stack`"):
            import bcrypt

        with self._locked():
            hashes = self._hashes()
            if name in hashes:
                advice = f"For another password, `lagoa stack user remove {name}` first."
                raise StackError("trino", f"there is a user {name!r}.", advice)
            password = secrets.token_urlsafe(_LENGTH)
            # Trino knows this form by the name 2y alone, and computes it often; a random password needs no more rounds.
            hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(_ROUNDS)).decode().replace("$2b$", "$2y$", 1)
            self._write_groups({**self._roles(), name: role})  # first, so that nobody signs in before they have a role
            self._write_passwords({**hashes, name: hashed})
        return password

    def remove(self, name: str) -> None:
        """Remove a user; raises `StackError` when there is none of that name."""
        with self._locked():
            hashes, roles = self._hashes(), self._roles()
            if name not in hashes:
                raise StackError("trino", f"there is no user {name!r}.", "`lagoa stack user list` has all users.")
            self._write_passwords({key: value for key, value in hashes.items() if key != name})
            self._write_groups({key: value for key, value in roles.items() if key != name})

    def _hashes(self) -> dict[str, str]:
        pairs = (line.partition(":") for line in self._lines(PASSWORDS))
        return {name: hashed for name, _, hashed in pairs}

    def _roles(self) -> dict[str, str]:
        found = (line.partition(":") for line in self._lines(GROUPS))
        return {name: role for role, _, names in found for name in names.split(",") if name}

    def _lines(self, name: str) -> list[str]:
        path = self._folder / name
        return path.read_text("utf-8").split() if path.exists() else []

    def _write_passwords(self, hashes: Mapping[str, str]) -> None:
        self._write(PASSWORDS, "".join(f"{name}:{hashed}\n" for name, hashed in hashes.items()))

    def _write_groups(self, roles: Mapping[str, str]) -> None:
        members = {role: [name for name, own in roles.items() if own == role] for role in get_args(SqlRole)}
        self._write(GROUPS, "".join(f"{role}:{','.join(names)}\n" for role, names in members.items() if names))

    def _write(self, name: str, text: str) -> None:
        replace_private(self._folder / name, text)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Let nobody else write meanwhile."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(self._folder / "lock", os.O_WRONLY | os.O_CREAT, 0o600), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
