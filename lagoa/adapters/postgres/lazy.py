"""A login, and its session, which is opened when it is first needed: the driver takes a while to import."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lagoa.domain.optional import extra

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import SecretStr

    from lagoa.adapters.postgres.session import PostgresSession


def login_of(role: str) -> str:
    """Return the login of a role."""
    return f"lagoa_{role}"


@dataclass(frozen=True)
class Login:
    """Who connects, and where.

    Attributes:
        url: of the database, without user and password.
        role: whose login is used.
        password: gives its password; called for each connection.
        timeout_s: how long the server may take to be reached, and for an answer.
        patience_s: how long a call that fails for a moment is made again.
    """

    url: str
    role: str
    password: Callable[[], SecretStr]
    timeout_s: float = 15.0
    patience_s: float = 30.0

    @property
    def name(self) -> str:
        """Who connects."""
        return login_of(self.role)

    @property
    def place(self) -> str:
        """What errors call the database."""
        parts = urlsplit(self.url)
        return f"PostgreSQL at {parts.netloc}{parts.path}"


class LazySession:
    """A login's session, and the check of the schema that it uses.

    Args:
        login: who connects, and where.
        schema: the schema.
        known: the newest format of it that is known.
        setting: what asks for PostgreSQL, for who lacks the driver.
    """

    def __init__(self, login: Login, schema: str, known: int, setting: str) -> None:
        self._login = login
        self._schema = (schema, known)
        self._setting = setting
        self._lock = Lock()
        self._opened: PostgresSession | None = None

    def get(self) -> PostgresSession:
        """Return the session."""
        with extra("stack", f"PostgreSQL (`{self._setting}`)"):
            from lagoa.adapters.postgres.session import PostgresSession, check_format

        with self._lock:
            if self._opened is None:
                greet = partial(check_format, self._login.place, *self._schema)
                self._opened = PostgresSession(self._login, greet)
            return self._opened

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._opened is not None:
            self._opened.close()
