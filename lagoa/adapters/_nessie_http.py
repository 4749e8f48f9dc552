"""Nessie's API v2 over HTTP: time limits, retries, pages, and its errors in Lagoa's words.

Source: https://projectnessie.org/nessie-latest/api/ (OpenAPI), and what a server of 0.99.0 answers.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from lagoa.errors import CatalogBusy, NotAllowed, SignInFailed, TerminalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pydantic import SecretStr

    from lagoa.ports import Tokens

PAGE = 250
"""Entries asked for at a time."""

_TRANSIENT = {408, 425, 429, 500, 502, 503, 504}


class NotThere(Exception):
    """404: no such reference, commit or content."""


class Conflict(Exception):
    """409: a reference is not where it was expected, or is there already.

    Attributes:
        attempts: how often the request was sent; after the first, an earlier one may have been carried out unanswered.
    """

    def __init__(self, message: str, attempts: int) -> None:
        super().__init__(message)
        self.attempts = attempts


class NessieHttp:
    """One server.

    Args:
        endpoint: such as `http://127.0.0.1:19120/api/v2`.
        tokens: who asks; None when the server lets everybody in.
        timeout_s: limit of one request.
        patience_s: how long a request that fails for a moment is tried again.
    """

    def __init__(self, endpoint: str, tokens: Tokens | None, *, timeout_s: float, patience_s: float) -> None:
        self.endpoint = endpoint.rstrip("/")
        self._tokens = tokens
        self._timeout_s = timeout_s
        self._patience_s = patience_s
        self._open()

    def _open(self) -> None:
        self._pid = os.getpid()
        self._client = httpx.Client(base_url=f"{self.endpoint}/", timeout=self._timeout_s)

    def call(self, method: str, path: str, *, body: Any = None, params: Mapping[str, Any] | None = None) -> Any:
        """Send a request and return its answer.

        Raises:
            NotThere, Conflict: for the caller to give a meaning to.
            CatalogBusy: no useful answer in time, however often it was asked.
            SignInFailed, NotAllowed: 401, 403.
            SignInUnavailable: there is no token to be had.
            TerminalError: any other refusal.
        """
        if self._pid != os.getpid():  # a connection must not be shared with the parent process
            self._open()
        attempts = 0
        for attempt in Retrying(
            retry=retry_if_exception_type(CatalogBusy),
            wait=wait_random_exponential(multiplier=0.05, max=2),
            stop=stop_after_delay(self._patience_s),
            reraise=True,
        ):
            with attempt:
                attempts += 1
                return self._once(method, path, body, params, attempts)
        raise AssertionError  # pragma: no cover - the loop returns or raises

    def _once(self, method: str, path: str, body: Any, params: Mapping[str, Any] | None, attempts: int) -> Any:
        request = partial(self._client.request, method, path, json=body, params=params)
        try:
            answer = _signed(request, self._tokens) if self._tokens else request()
        except httpx.TransportError as error:
            reason = f"{type(error).__name__}: {error}".rstrip(": ")
            raise CatalogBusy(f"Nessie at {self.endpoint} does not answer ({reason}).", _START) from error
        if answer.is_success:
            return answer.json() if answer.content else None
        message = _message(answer)
        match answer.status_code:
            case 404:
                raise NotThere(message)
            case 409:
                raise Conflict(message, attempts)
            case 401:
                raise SignInFailed(f"Nessie at {self.endpoint}")
            case 403:
                raise NotAllowed(f"Nessie at {self.endpoint}", message, self._tokens.role if self._tokens else "")
            case status if status in _TRANSIENT:
                raise CatalogBusy(f"Nessie at {self.endpoint} answered {status}: {message}.", _START)
            case status:
                raise TerminalError(f"Nessie at {self.endpoint} refused {method} {path} ({status}): {message}")

    def pages(self, path: str, key: str, **params: Any) -> Iterator[list[Any]]:
        """Yield the entries of a listing page by page."""
        wanted = {"max-records": PAGE, **params}
        while True:
            answer = self.call("GET", path, params=wanted)
            yield answer[key]
            if not answer["hasMore"]:
                return
            wanted["page-token"] = answer["token"]

    def close(self) -> None:
        """Close the connections."""
        if self._pid == os.getpid():
            self._client.close()


_START = "Look at `lagoa stack status`, then try again."


def at(name: str = "", commit: str = "") -> str:
    """Return the path of a reference: by name, by name at a commit, or of a commit alone."""
    return f"trees/{quote(name, safe='')}{f'@{commit}' if commit else ''}"


def _signed(request: Callable[..., httpx.Response], tokens: Tokens) -> httpx.Response:
    """Send a request with a token; once more with another one where the server does not take the first."""
    token = tokens()
    answer = request(headers=_bearer(token))
    if answer.status_code == httpx.codes.UNAUTHORIZED:  # it was revoked, or the clocks of two servers differ
        tokens.forget(token)
        answer = request(headers=_bearer(tokens()))
    return answer


def _bearer(token: SecretStr) -> dict[str, str]:
    return {"Authorization": f"Bearer {token.get_secret_value()}"}


def _message(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return answer.reason_phrase or "no reason given"
