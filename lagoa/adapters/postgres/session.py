"""One login's connection to a PostgreSQL database: time limits, retries, and its errors in Lagoa's words."""

from __future__ import annotations

import math
import os
import threading
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from lagoa.errors import CatalogBusy, LakeTooNew, NotAllowed, SettingsError, SignInFailed, TerminalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from psycopg.abc import PQGen

    from lagoa.adapters.postgres.lazy import Login
    from lagoa.errors import LagoaError

_T = TypeVar("_T")
_REFUSED = ("password authentication failed", "no password supplied", "no pg_hba.conf entry", "not permitted to log in")
_TRANSIENT = ("08", "40", "53", "55", "57", "58")  # classes of SQLSTATE: connection, conflict, resources, the system
_MISSING = ("3D", "3F", "42P01")  # database, schema, table
_START = "Look at `lagoa stack status`, then try again."

_inherited: list[psycopg.Connection[Any]] = []  # of a parent process, which goes on using them: not to be closed here


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection that does not wait for ever, also where the server hangs or the network swallows its answer."""

    limit_s = 15.0

    def wait(self, gen: PQGen[_T], interval: float = 0.1, timeout: float | None = None) -> _T:
        """Wait for an answer; a connection that gave none, or broke, is closed."""
        try:
            return super().wait(gen, interval, timeout or self.limit_s)
        except psycopg.OperationalError:
            self.close()
            raise


def connect(login: Login, settings: Mapping[str, str]) -> Connection:
    """Return a new connection, whose statements are transactions of their own.

    Args:
        login: who connects, and where.
        settings: of the server for this connection.

    Raises:
        psycopg.Error: there is none, as the server or the driver says it.
    """
    made = Connection.connect(
        login.url,
        user=login.name,
        password=login.password().get_secret_value(),
        application_name="lagoa",
        connect_timeout=math.ceil(login.timeout_s),
        gssencmode="disable",
        options=" ".join(f"-c {name}={value}" for name, value in settings.items()),
        autocommit=True,
    )
    made.limit_s = login.timeout_s
    return made


class PostgresSession:
    """A connection that is made when it is first needed, and again when it broke; threads take turns.

    Args:
        login: who connects, and where.
        greet: called with each connection before it is used.

    Attributes:
        place: what errors call the database.
    """

    def __init__(self, login: Login, greet: Callable[[Connection], None]) -> None:
        self._login = login
        self._greet = greet
        self.place = login.place
        self._start()

    def _start(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._connection: Connection | None = None

    def run(self, work: Callable[[Connection], _T]) -> _T:
        """Return what `work` returns; where the server fails for a moment, it is done again as a whole.

        So `work` must come to the same when it is done twice: a commit may have been carried out unanswered.

        Raises:
            CatalogBusy: no useful answer in time, after all retries.
            SignInFailed, NotAllowed: the server does not know the login, or does not let it do this.
            TerminalError: the database is not made ready; any other refusal.
        """
        for attempt in Retrying(
            retry=retry_if_exception_type(CatalogBusy),
            wait=wait_random_exponential(multiplier=0.05, max=2),
            stop=stop_after_delay(self._login.patience_s),
            reraise=True,
        ):
            with attempt:
                return self._once(work)
        raise AssertionError  # pragma: no cover - the loop returns or raises

    @contextmanager
    def one_state(self) -> Iterator[Connection]:
        """Yield a connection of its own that sees one state of the database, and writes nothing."""
        with self._translated(), closing(connect(self._login, {})) as db, db.transaction():
            db.execute("set transaction isolation level repeatable read, read only")
            self._greet(db)
            yield db

    def _once(self, work: Callable[[Connection], _T]) -> _T:
        if self._pid != os.getpid():  # a connection must not be shared with the parent process
            if self._connection is not None:
                _inherited.append(self._connection)
            self._start()
        with self._lock, self._translated():
            if self._connection is None or self._connection.closed:
                self._connection = self._connect()
            return work(self._connection)

    def _connect(self) -> Connection:
        limit = f"{math.ceil(self._login.timeout_s * 1000)}ms"
        # A receipt must outlive a power cut: main moves right after it.
        made = connect(self._login, {"statement_timeout": limit, "synchronous_commit": "on"})
        try:
            self._greet(made)
        except BaseException:
            made.close()
            raise
        return made

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise self._in_our_words(error) from error

    def _in_our_words(self, error: psycopg.Error) -> LagoaError:
        place, state = self._login.place, error.sqlstate or ""
        text = (error.diag.message_primary or str(error).partition("\n")[0]).rstrip(".")
        if state.startswith("28") or any(word in text for word in _REFUSED):
            return SignInFailed(place)
        if state == "42501":  # insufficient privilege, of a policy for rows too
            return NotAllowed(place, f"{self._login.name}: {text}")
        if state.startswith(_MISSING) or text.endswith(" does not exist"):
            return TerminalError(f"{place} is not made ready: {text}.", "Let `lagoa stack up` do it.")
        if state.startswith(_TRANSIENT) or (not state and isinstance(error, psycopg.OperationalError)):
            return CatalogBusy(f"{place} does not answer ({text}).", _START)
        if not state and isinstance(error, psycopg.ProgrammingError):  # before anything was sent
            return SettingsError(f"postgres_url: {text}.", "Fix the value.")
        return TerminalError(f"{place} refused: {text}.", "Look at its log.")

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._pid == os.getpid():
            with self._lock:
                if self._connection is not None:
                    self._connection.close()


def check_format(place: str, schema: str, known: int, connection: Connection) -> None:
    """Raise `LakeTooNew` if a newer Lagoa made the tables of a schema.

    Args:
        place: what errors call the database.
        schema: the schema.
        known: the newest format that is known.
        connection: to the database.
    """
    row = connection.execute(f"select version from {schema}.format").fetchone()  # noqa: S608 - one of ours
    found = row[0] if row else 0
    if found > known:
        raise LakeTooNew(place, found, known)
