"""How requests to a lake's MLflow server are made: signed in as its role, and given up in bounded time.

MLflow's client takes neither as an argument. It asks whom `MLFLOW_TRACKING_AUTH` names for each request's sign-in
(`lagoa.mlflow.sign_in`), so that no password is in a URL or in the environment, which other processes inherit.
"""

from __future__ import annotations

import base64
import os
from contextlib import contextmanager
from dataclasses import dataclass
from threading import RLock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pydantic import SecretStr

SIGN_IN = "lagoa"
"""What `MLFLOW_TRACKING_AUTH` is for a lake's sign-in."""

_environment = RLock()
_known: dict[str, MlflowServer] = {}


@dataclass(frozen=True)
class MlflowServer:
    """A server, and who signs in to it.

    Attributes:
        url: its address, without user and password.
        user: who signs in.
        password: gives the password, None for a server that asks for none; called for each request.
        timeout_s: how long it may take to answer.
        patience_s: for about how long a request that fails for a moment is made again.
    """

    url: str
    user: str
    password: Callable[[], SecretStr | None]
    timeout_s: float = 15.0
    patience_s: float = 30.0

    @property
    def place(self) -> str:
        """What errors call it."""
        return f"MLflow at {self.url}"

    def remember(self) -> None:
        """Let requests to it be signed in from now on."""
        _known[self.url.rstrip("/")] = self

    @contextmanager
    def used(self) -> Iterator[None]:
        """Let MLflow's functions sign in to it meanwhile; threads take turns, as the environment is the process's."""
        self.remember()
        with _environment:
            before = {name: os.environ.get(name) for name in self._variables}
            os.environ.update(self._variables)
            try:
                yield
            finally:
                for name, value in before.items():
                    if value is None:
                        os.environ.pop(name, None)
                    else:
                        os.environ[name] = value

    @property
    def _variables(self) -> dict[str, str]:
        retries = max(0, int(self.patience_s).bit_length() - 1)  # waits of 1, 2, 4 … seconds
        return {
            "MLFLOW_TRACKING_AUTH": SIGN_IN,
            "MLFLOW_HTTP_REQUEST_TIMEOUT": str(max(1, round(self.timeout_s))),
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": str(min(10, retries)),
            "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
            "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
            "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        }


def is_known() -> bool:
    """Return whether there is a server that requests can be signed in to."""
    return bool(_known)


def sign_in(request: Any) -> Any:
    """Add the sign-in to a request of the library `requests`, if it goes to a server that is known here."""
    for url, server in _known.items():
        if request.url == url or request.url.startswith(f"{url}/"):
            password = server.password()
            if password is not None:
                pair = f"{server.user}:{password.get_secret_value()}".encode()
                request.headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    return request
