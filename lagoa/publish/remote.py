"""The publisher's own step: a process that runs no user code, and alone reads the publisher's credential."""

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

from lagoa.domain.checks import AuditReport
from lagoa.domain.receipts import Publication
from lagoa.domain.roles import PUBLISHER, roles_may, who_may_move
from lagoa.errors import NotAllowed, PublisherFailed
from lagoa.publish.handover import read_answer
from lagoa.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lagoa.domain.roles import Role
    from lagoa.domain.tables import TableName

_Result = TypeVar("_Result", AuditReport, Publication)

_KEPT = ("PATH", "HOME", "TMPDIR", "TZ", "LANG", "LC_ALL", "LC_CTYPE", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""Variables of the system that the step is given; nothing that makes Python or the linker load code."""

_END_S = 30
"""How long a step that is told to end may take for putting its things away."""

_LAST = 1500
"""Characters of what a step said last that its error tells."""

_CHUNK = 1 << 16


class PublisherProcess:
    """Hands publications over to `python -I -m lagoa.cli.publisher`, here or elsewhere, and waits for them.

    Args:
        settings: of the lake.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._kept = _KeptStep(settings)

    def publish(self, branch: str, message: str) -> Publication:
        """See the port `Publisher`."""
        _check(self._settings, f"publish {branch!r}.", who_may_move(branch))
        return self._kept.ask(branch, {"branch": branch, "message": message, "anew": True}, Publication)

    def rollback(self, to: str, *, hold: bool) -> Publication:
        """See the port `Publisher`."""
        _check(self._settings, f"roll main back to {to!r}.", ("engineer", PUBLISHER))
        return self._kept.ask(to, {"rollback": to, "hold": hold}, Publication)

    def accompany(self, branch: str) -> PublisherProcessRun:
        """See the port `Publisher`."""
        return PublisherProcessRun(self._settings, branch)

    def close(self) -> None:
        """See the port `Publisher`."""
        self._kept.close()


class PublisherProcessRun:
    """The step of one branch, which begins when there is first something to do. Threads may share one.

    Args:
        settings: of the lake.
        branch: the work branch.
    """

    def __init__(self, settings: Settings, branch: str) -> None:
        self._settings = settings
        self._branch = branch
        self._kept = _KeptStep(settings)

    def finished(self, table: TableName, commit: str | None) -> None:
        """See the port `PublisherRun`."""
        request = {"branch": self._branch, "finished": str(table), "commit": commit}
        self._kept.begun(self._branch).tell(request)

    def audit(self) -> AuditReport:
        """See the port `PublisherRun`."""
        return self._kept.ask(self._branch, {"branch": self._branch, "audit": True}, AuditReport)

    def publish(self, message: str) -> Publication:
        """See the port `PublisherRun`."""
        _check(self._settings, f"publish {self._branch!r}.", who_may_move(self._branch))
        return self._kept.ask(self._branch, {"branch": self._branch, "message": message}, Publication)

    def close(self) -> None:
        """See the port `PublisherRun`."""
        self._kept.close()


class _KeptStep:
    """One step, begun when it is first needed, and another one after it failed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._beginning, self._asking = Lock(), Lock()
        self._step: _Step | None = None

    def begun(self, what: str) -> _Step:
        """Return the step; `what` is to be published."""
        with self._beginning:
            if self._step is None:
                self._step = _Step(self._settings, what)
            return self._step

    def ask(self, what: str, request: dict[str, Any], kind: type[_Result]) -> _Result:
        """Ask it, one question at a time; see `_Step.ask`."""
        with self._asking:
            try:
                return self.begun(what).ask(what, request, kind)
            except PublisherFailed:
                self.close()
                raise

    def close(self) -> None:
        """End it."""
        with self._beginning:
            step, self._step = self._step, None
        if step is not None:
            step.close()


class _Step:
    """One process. It ends when its standard input does: so also when this process dies.

    Args:
        settings: of the lake.
        what: is to be published.
    """

    def __init__(self, settings: Settings, what: str) -> None:
        self._settings = settings
        self._lock = Lock()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        try:
            self._process = subprocess.Popen(  # noqa: S603 - what the lake's settings say
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

    def tell(self, request: Mapping[str, Any]) -> None:
        """Send a request."""
        line = json.dumps({**request, "author": self._settings.author}).encode() + b"\n"
        with self._lock, suppress(BrokenPipeError):  # it is gone already: what it says to the next question tells why
            _opened(self._process.stdin).write(line)
            _opened(self._process.stdin).flush()

    def ask(self, what: str, request: Mapping[str, Any], kind: type[_Result]) -> _Result:
        """Send a request about something, such as a branch, and return its answer.

        Raises:
            LagoaError: the answer is an error.
            PublisherFailed: there is no answer, or not in time.
        """
        self.tell(request)
        document = self._line(what)
        try:
            found = read_answer(document)
        except ValueError:
            found = None
        if isinstance(found, kind):
            return found
        code = self._end()
        self._log.seek(0)
        said = self._log.read().decode("utf-8", "replace")[-_LAST:].strip()
        raise PublisherFailed(what, f"ended with {code} and no answer. What it said last:\n{said}\n")

    def close(self) -> None:
        """Let it put its things away, and end it."""
        self._end()
        self._log.close()

    def _line(self, what: str) -> str:
        """Return the next line that it writes, or what it wrote before it ended."""
        limit = self._settings.publisher_limit_s
        deadline = time.monotonic() + limit
        answers = _opened(self._process.stdout).fileno()
        found = b""
        while not found.endswith(b"\n"):
            if not select.select([answers], [], [], max(0, deadline - time.monotonic()))[0]:
                self._end()
                raise PublisherFailed(what, f"did not end within {limit} s (`publisher_limit_s`), and was ended.")
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


def _check(settings: Settings, what: str, may: Sequence[Role]) -> None:
    if settings.role not in may:
        raise NotAllowed("The publisher's step", what, settings.role, roles_may(may))


def _command(settings: Settings) -> Sequence[str]:
    if settings.publisher_command:
        return settings.publisher_command
    profile = ["--profile", settings.profile] if settings.profile else []
    return [sys.executable, "-I", "-m", "lagoa.cli.publisher", "--lake", str(settings.root), *profile]


def _environment(settings: Settings) -> dict[str, str]:
    """Return the step's variables: a few of the system's, and settings; no credential of the caller's.

    One that is started by a command has its own settings.
    """
    own = () if settings.publisher_command else Settings.model_fields
    kept = {*_KEPT, *(f"LAGOA_{name.upper()}" for name in own)}
    return {name: value for name, value in os.environ.items() if name in kept}


def _opened(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None  # noqa: S101 - it was asked for
    return pipe
