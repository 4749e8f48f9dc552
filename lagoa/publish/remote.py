"""The publisher process: it runs no user code, and only it reads the publisher's credentials."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from threading import Lock
from typing import IO, TYPE_CHECKING, Any, TypeVar

from lagoa.domain.approvals import Approval
from lagoa.domain.checks import AuditReport
from lagoa.domain.handover import read_answer
from lagoa.domain.receipts import Publication
from lagoa.domain.roles import WHO_ROLLS_BACK, roles_may, who_may_move
from lagoa.errors import NotAllowed, PublisherFailed
from lagoa.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import SecretStr

    from lagoa.domain.results import StoredParts
    from lagoa.domain.roles import Role
    from lagoa.domain.tables import TableName

_Result = TypeVar("_Result", Approval, AuditReport, Publication)

_KEPT = ("PATH", "HOME", "TMPDIR", "TZ", "LANG", "LC_ALL", "LC_CTYPE", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""System variables that the process receives; none that make Python or the linker load code."""

_END_S = 30
"""How long the process may take to clean up when it is ended."""

_LAST = 1500
"""Number of characters of the process's last output that are quoted in the error."""

_CHUNK = 1 << 16


class PublisherProcess:
    """Publishes by `python -I -m lagoa.cli.publisher`, here or on another machine, and waits for the result.

    Args:
        settings: settings of the lake.
        parts: reads the results of checks that answers only name.
    """

    def __init__(self, settings: Settings, parts: StoredParts) -> None:
        self._settings = settings
        self._parts = parts
        self._process = _RestartedProcess(settings, parts)

    def publish(self, branch: str, message: str, *, in_turn: bool = False) -> Publication:
        """See the port `Publisher`."""
        check_caller(self._settings.role, f"publish {branch!r}.", who_may_move(branch))
        request = {"branch": branch, "message": message, "in_turn": in_turn, "refresh": True}
        return self._process.request(branch, request, Publication)

    def rollback(self, to: str, *, hold: bool) -> Publication:
        """See the port `Publisher`."""
        check_caller(self._settings.role, f"roll main back to {to!r}.", WHO_ROLLS_BACK)
        return self._process.request(to, {"rollback": to, "hold": hold}, Publication)

    def approve(self, branch: str, commit: str, message: str, token: SecretStr | None) -> Approval:
        """See the port `Publisher`."""
        proof = token.get_secret_value() if token else None  # by its standard input, which nobody else reads
        request = {"approve": branch, "commit": commit, "message": message, "token": proof}
        return self._process.request(branch, request, Approval)

    def accompany(self, branch: str) -> PublisherProcessRun:
        """See the port `Publisher`."""
        return PublisherProcessRun(self._settings, branch, self._parts)

    def close(self) -> None:
        """See the port `Publisher`."""
        self._process.close()


class PublisherProcessRun:
    """The publisher process of one branch, started on first use. Threads may share one.

    Args:
        settings: settings of the lake.
        branch: the work branch.
        parts: as of `PublisherProcess`.
    """

    def __init__(self, settings: Settings, branch: str, parts: StoredParts) -> None:
        self._settings = settings
        self._branch = branch
        self._process = _RestartedProcess(settings, parts)

    def finished(self, table: TableName, commit: str | None) -> None:
        """See the port `PublisherRun`."""
        request = {"branch": self._branch, "finished": str(table), "commit": commit}
        self._process.started(self._branch).send(request)

    def audit(self) -> AuditReport:
        """See the port `PublisherRun`."""
        return self._process.request(self._branch, {"branch": self._branch, "audit": True}, AuditReport)

    def publish(self, message: str, *, in_turn: bool = False) -> Publication:
        """See the port `PublisherRun`."""
        check_caller(self._settings.role, f"publish {self._branch!r}.", who_may_move(self._branch))
        request = {"branch": self._branch, "message": message, "in_turn": in_turn}
        return self._process.request(self._branch, request, Publication)

    def close(self) -> None:
        """See the port `PublisherRun`."""
        self._process.close()


class _RestartedProcess:
    """The publisher process, started on first use, and started again after it failed."""

    def __init__(self, settings: Settings, parts: StoredParts) -> None:
        self._settings = settings
        self._parts = parts
        self._starting, self._requesting = Lock(), Lock()
        self._process: _Process | None = None

    def started(self, what: str) -> _Process:
        """Return the process; `what` is to be published."""
        with self._starting:
            if self._process is None:
                self._process = _Process(self._settings, what, self._parts)
            return self._process

    def request(self, what: str, request: dict[str, Any], kind: type[_Result]) -> _Result:
        """Send a request, one at a time, and return its answer; see `_Process.request`."""
        with self._requesting:
            try:
                return self.started(what).request(what, request, kind)
            except PublisherFailed:
                self.close()
                raise

    def close(self) -> None:
        """End the process."""
        with self._starting:
            process, self._process = self._process, None
        if process is not None:
            process.close()


class _Process:
    """One publisher process. It ends at the end of its standard input, also if this process dies.

    Args:
        settings: settings of the lake.
        what: what is to be published, for errors.
        parts: as of `PublisherProcess`.
    """

    def __init__(self, settings: Settings, what: str, parts: StoredParts) -> None:
        self._settings = settings
        self._parts = parts
        self._lock = Lock()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        try:
            self._process = subprocess.Popen(  # noqa: S603 - from the lake's settings
                _command(settings),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                cwd=settings.root,
                env=_environment(settings),
            )
        except OSError as error:
            self._log.close()
            raise PublisherFailed(what, f"could not be started: {error}.") from error

    def send(self, request: Mapping[str, Any]) -> None:
        """Send a request."""
        # Without a command of its own the publisher has the same store of receipts, in PostgreSQL in any case.
        same_store = self._settings.receipts == "postgres" or not self._settings.publisher_command
        whole = {**request, "author": self._settings.author, "by_reference": same_store}
        line = json.dumps(whole).encode() + b"\n"
        with self._lock, suppress(BrokenPipeError):  # it has ended: the next request reports why
            _opened(self._process.stdin).write(line)
            _opened(self._process.stdin).flush()

    def request(self, what: str, request: Mapping[str, Any], kind: type[_Result]) -> _Result:
        """Send a request about `what`, such as a branch, and return its answer.

        Raises:
            LagoaError: the answer is an error.
            PublisherFailed: there is no answer in time.
        """
        self.send(request)
        document = self._line(what)
        try:
            found = read_answer(document, self._parts)
        except ValueError:
            found = None
        if isinstance(found, kind):
            return found
        code = self._end()
        self._log.seek(0)
        output = self._log.read().decode("utf-8", "replace")[-_LAST:].strip()
        raise PublisherFailed(what, f"ended with {code} and no answer. Its last output:\n{output}\n")

    def close(self) -> None:
        """End the process after it has cleaned up."""
        self._end()
        self._log.close()

    def _line(self, what: str) -> str:
        """Return the next line of its output, or the rest if it ended."""
        limit = self._settings.publisher_limit_s
        deadline = time.monotonic() + limit
        answers = _opened(self._process.stdout).fileno()
        found = b""
        while not found.endswith(b"\n"):
            if not select.select([answers], [], [], max(0, deadline - time.monotonic()))[0]:
                self._end()
                raise PublisherFailed(what, f"did not finish within {limit} s (`publisher_limit_s`), and was stopped.")
            part = os.read(answers, _CHUNK)
            if not part:
                break
            found += part
        return found.decode("utf-8", "replace")

    def _end(self) -> int:
        with self._lock, suppress(BrokenPipeError):
            _opened(self._process.stdin).close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        _opened(self._process.stdout).close()
        return self._process.returncode


def check_caller(role: Role, what: str, may: Sequence[Role]) -> None:
    """Raise an error unless a role may have something done by the publisher.

    Raises:
        NotAllowed: it may not.
    """
    if role not in may:
        raise NotAllowed("The publisher", what, role, roles_may(may))


def _command(settings: Settings) -> Sequence[str]:
    if settings.publisher_command:
        return settings.publisher_command
    profile = ["--profile", settings.profile] if settings.profile else []
    return [sys.executable, "-I", "-m", "lagoa.cli.publisher", "--lake", str(settings.root), *profile]


def _environment(settings: Settings) -> dict[str, str]:
    """Return the process's environment: some system variables, and settings; none of the caller's credentials.

    A process that is started by a command has its own settings.
    """
    # What asks for an approval is what the file says: a variable of who asks does not change it.
    own = () if settings.publisher_command else Settings.model_fields.keys() - {"approval"}
    kept = {*_KEPT, *(f"LAGOA_{name.upper()}" for name in own)}
    return {name: value for name, value in os.environ.items() if name in kept}


def _opened(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None  # noqa: S101 - opened as a pipe
    return pipe
