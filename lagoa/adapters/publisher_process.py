"""The publisher's own step: a process that runs no user code, and alone reads the publisher's credential."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any

from lagoa.errors import NotAllowed, PublisherFailed
from lagoa.publish.handover import read_answer
from lagoa.roles import PUBLISHER, roles_may, who_may_move
from lagoa.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lagoa.model import Publication
    from lagoa.roles import Role

_KEPT = ("PATH", "HOME", "TMPDIR", "TZ", "LANG", "LC_ALL", "LC_CTYPE", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""Variables of the system that the step is given; nothing that makes Python or the linker load code."""

_END_S = 30
"""How long a step that is told to end may take for putting its things away."""

_LAST = 1500


class PublisherProcess:
    """Hands a publication over to `python -I -m lagoa.publisher`, here or elsewhere, and waits for it.

    The request and the answer are JSON documents on its standard input and output. It ends when its input does: so also
    when this process dies.

    Args:
        settings: of the lake.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def publish(self, branch: str, message: str) -> Publication:
        """See the port `Publisher`."""
        self._check(f"publish {branch!r}.", who_may_move(branch))
        return self._ask(branch, {"publish": branch, "message": message})

    def rollback(self, to: str, *, hold: bool) -> Publication:
        """See the port `Publisher`."""
        self._check(f"roll main back to {to!r}.", ("engineer", PUBLISHER))
        return self._ask(to, {"rollback": to, "hold": hold})

    def _check(self, what: str, may: Sequence[Role]) -> None:
        role = self._settings.role
        if role not in may:
            raise NotAllowed("The publisher's step", what, role, roles_may(may))

    def _ask(self, what: str, request: dict[str, Any]) -> Publication:
        settings = self._settings
        request |= {"author": settings.author}
        with tempfile.TemporaryFile() as answer, tempfile.TemporaryFile() as log:
            try:
                step = subprocess.Popen(  # noqa: S603 - what the lake's settings say
                    self._command(),
                    stdin=subprocess.PIPE,
                    stdout=answer,
                    stderr=log,
                    cwd=settings.root,
                    env=self._environment(),
                )
            except OSError as error:
                raise PublisherFailed(what, f"could not be started: {error}.") from error
            try:
                code = _wait(step, request, settings.publisher_limit_s)
            except subprocess.TimeoutExpired:
                limit = settings.publisher_limit_s
                reason = f"did not end within {limit} s (`publisher_limit_s`), and was ended."
                raise PublisherFailed(what, reason) from None
            finally:
                _end(step)
            document, said = _read(answer), _read(log)
        try:
            return read_answer(document)
        except ValueError:
            reason = f"ended with {code} and no answer. What it said last:\n{said[-_LAST:].strip()}\n"
            raise PublisherFailed(what, reason) from None

    def _command(self) -> Sequence[str]:
        settings = self._settings
        if settings.publisher_command:
            return settings.publisher_command
        profile = ["--profile", settings.profile] if settings.profile else []
        return [sys.executable, "-I", "-m", "lagoa.publisher", "--lake", str(settings.root), *profile]

    def _environment(self) -> dict[str, str]:
        """Return the step's variables: a few of the system's, and settings; no credential of the caller's.

        One that is started by a command has its own settings.
        """
        own = () if self._settings.publisher_command else Settings.model_fields
        kept = {*_KEPT, *(f"LAGOA_{name.upper()}" for name in own)}
        return {name: value for name, value in os.environ.items() if name in kept}


def _wait(step: subprocess.Popen[bytes], request: dict[str, Any], limit_s: float) -> int:
    assert step.stdin is not None  # noqa: S101 - it was asked for
    with suppress(BrokenPipeError):  # it is gone already: its answer tells why
        step.stdin.write(json.dumps(request).encode() + b"\n")
        step.stdin.flush()
    return step.wait(limit_s)


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")


def _end(step: subprocess.Popen[bytes]) -> None:
    """Let a step that still runs put its things away, then end it."""
    if step.stdin is not None:
        with suppress(BrokenPipeError):
            step.stdin.close()
    try:
        step.wait(_END_S)
    except subprocess.TimeoutExpired:
        step.kill()
        step.wait()
