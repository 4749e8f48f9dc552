"""Who signs in to Trino: by a password, of which only the hash is kept, or at Keycloak, which knows their roles."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING, get_args

from lagoa.domain.optional import extra
from lagoa.domain.roles import ENGINEER, SqlRole
from lagoa.errors import InvalidName, StackError
from lagoa.stack.servers.server import replace_private
from lagoa.stack.servers.trino.catalogs import ADMIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

USERS, PASSWORDS, GROUPS, OWN = "users", "passwords", "groups", "own"
"""A folder and its files: a name and a hash a line, a role and its users a line, and the hash of Lagoa's own user."""

_PEOPLE = "people"
"""There, a role and the people who were added with it at Keycloak a line; Trino does not read it."""

NAME = "[a-z][a-z0-9._-]{0,62}"
"""The form of a user's name, in which Lagoa's own user has none."""
_RULE = "lower-case letters, digits, '.', '_' and '-', starting with a letter, at most 63 characters: `ana.souza`"
_LENGTH = 24

_ROUNDS = 8
"""The least that Trino accepts."""


class Users:
    """The users of a Trino, which reads their files again each second.

    Args:
        folder: of the server.
        changed: called for an engineer who is added, before they can sign in; writes the rules, which name engineers.
    """

    def __init__(self, folder: Path, changed: Callable[[], None] = lambda: None) -> None:
        self._folder = folder / USERS
        self._changed = changed

    def prepare(self, password: str) -> None:
        """Make the files that are not there, without which Trino does not start, and let in Lagoa's own user.

        Args:
            password: of that user, who makes the catalogs of sandboxes.
        """
        with self._locked():
            if not self._lets_in(password):
                self._write(OWN, f"{ADMIN}:{_hash(password)}\n")
            for name in (PASSWORDS, GROUPS):
                if not (self._folder / name).exists():
                    self._write(name, "")

    def engineers(self) -> list[str]:
        """Return who owns sandboxes, by name, with one who is just being added."""
        return sorted(name for name, role in self._everybody().items() if role == ENGINEER)

    def all(self) -> dict[str, str]:
        """Return the role of each user with a password, by name; empty for one in no role, who may do nothing."""
        roles = self._roles(GROUPS)
        return {name: roles.get(name, "") for name in sorted(self._hashes())}

    def add(self, name: str, role: SqlRole) -> str:
        """Make a user; return the password, which is kept nowhere.

        Raises:
            InvalidName: it cannot be a user's.
            StackError: there is one of that name.
        """
        with self._locked():
            self._check(name, role)
            password = secrets.token_urlsafe(_LENGTH)
            self._write_roles(GROUPS, {**self._roles(GROUPS), name: role})  # first: nobody signs in without a role
            if role == ENGINEER:
                self._changed()
            self._write_passwords({**self._hashes(), name: _hash(password)})
        return password

    def add_person(self, name: str, role: SqlRole, make: Callable[[], str]) -> str:
        """Let somebody in who signs in at Keycloak, which knows the role; return what `make` returns.

        Args:
            name: theirs.
            role: that they are given there.
            make: makes them there; if it fails, nothing was changed here.

        Raises:
            InvalidName: it cannot be a user's.
            StackError: there is one of that name.
        """
        with self._locked():
            self._check(name, role)
            people = self._roles(_PEOPLE)
            self._write_roles(_PEOPLE, {**people, name: role})
            try:
                if role == ENGINEER:
                    self._changed()
                return make()
            except BaseException:
                self._write_roles(_PEOPLE, people)
                raise

    def remove_person(self, name: str, drop: Callable[[], bool]) -> None:
        """Forget somebody who signs in at Keycloak.

        Args:
            name: theirs.
            drop: removes them there, and returns whether there was anybody of that name.

        Raises:
            StackError: there is nobody of that name, here or there.
        """
        with self._locked():
            people = self._roles(_PEOPLE)
            if not drop() and name not in people:
                advice = "`lagoa stack user list --sign-in keycloak` has all who sign in there."
                raise StackError("keycloak", f"there is no user {name!r}.", advice)
            self._write_roles(_PEOPLE, {key: value for key, value in people.items() if key != name})

    def remove(self, name: str) -> None:
        """Remove a user; raises `StackError` when there is none of that name."""
        with self._locked():
            hashes, roles = self._hashes(), self._roles(GROUPS)
            if name not in hashes:
                raise StackError("trino", f"there is no user {name!r}.", "`lagoa stack user list` has all users.")
            self._write_passwords({key: value for key, value in hashes.items() if key != name})
            self._write_roles(GROUPS, {key: value for key, value in roles.items() if key != name})

    def _check(self, name: str, role: SqlRole) -> None:
        """Raise if this cannot be the name of a new user of a role: one name is one person, however they sign in."""
        if not re.fullmatch(NAME, name):
            raise InvalidName("user", name, _RULE)
        hashes, people = self._hashes(), self._roles(_PEOPLE)
        if name in hashes or name in people:
            advice = f"`lagoa stack user remove {name}{'' if name in hashes else ' --sign-in keycloak'}` first."
            raise StackError("trino", f"there is a user {name!r}.", f"For another password or role, {advice}")
        if role == ENGINEER:
            everybody = self._everybody().items()
            there = [other for other, own in everybody if own == ENGINEER and (other in hashes or other in people)]
            _check_sandboxes(name, there)

    def _lets_in(self, password: str) -> bool:
        """Return whether Lagoa's own user signs in with this password already."""
        with extra("stack", "`lagoa stack`"):
            import bcrypt

        _, _, hashed = next(iter(self._lines(OWN)), "").partition(":")
        return bool(hashed) and bcrypt.checkpw(password.encode(), hashed.encode())

    def _hashes(self) -> dict[str, str]:
        pairs = (line.partition(":") for line in self._lines(PASSWORDS))
        return {name: hashed for name, _, hashed in pairs}

    def _everybody(self) -> dict[str, str]:
        return self._roles(_PEOPLE) | self._roles(GROUPS)

    def _roles(self, file: str) -> dict[str, str]:
        found = (line.partition(":") for line in self._lines(file))
        return {name: role for role, _, names in found for name in names.split(",") if name}

    def _lines(self, name: str) -> list[str]:
        path = self._folder / name
        return path.read_text("utf-8").split() if path.exists() else []

    def _write_passwords(self, hashes: Mapping[str, str]) -> None:
        self._write(PASSWORDS, "".join(f"{name}:{hashed}\n" for name, hashed in hashes.items()))

    def _write_roles(self, file: str, roles: Mapping[str, str]) -> None:
        members = {role: [name for name, own in roles.items() if own == role] for role in get_args(SqlRole)}
        self._write(file, "".join(f"{role}:{','.join(names)}\n" for role, names in members.items() if names))

    def _write(self, name: str, text: str) -> None:
        replace_private(self._folder / name, text)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Let nobody else write meanwhile."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(self._folder / "lock", os.O_WRONLY | os.O_CREAT, 0o600), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def sandbox_of(user: str) -> str:
    """Return the name that the sandboxes of an engineer begin with; more may follow after `_`."""
    return re.sub(r"[.-]", "_", user)


def _check_sandboxes(name: str, others: Sequence[str]) -> None:
    """Raise `StackError` for a user whose sandboxes would be another's, too."""
    mine = f"{sandbox_of(name)}_"
    for other in others:
        theirs = f"{sandbox_of(other)}_"
        if mine.startswith(theirs) or theirs.startswith(mine):
            message = f"sandboxes of {name!r} would be those of {other!r}, too: they begin with the name and '_'."
            raise StackError("trino", message, "Take a name that neither begins with the other.")


def _hash(password: str) -> str:
    with extra("stack", "`lagoa stack`"):
        import bcrypt

    # Trino knows this form by the name 2y alone, and computes it often; a random password needs no more rounds.
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(_ROUNDS)).decode().replace("$2b$", "$2y$", 1)
