"""Nessie's API v2 over HTTP: time limits, retries, pages, and its errors in Lagoa's words.

Source: https://projectnessie.org/nessie-latest/api/ (OpenAPI), and what a server of 0.99.0 answers.
"""

from __future__ import annotations

import os
import time
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from lagoa.errors import CatalogBusy, NotAllowed, SignInFailed, TerminalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pydantic import SecretStr
    from tenacity import AttemptManager

    from lagoa.domain.ports.secrets import Tokens

PAGE = 250
"""Entries per request."""

_TRANSIENT = {408, 425, 429, 500, 502, 503, 504}


class NotThere(Exception):
    """404: no such reference, commit or content.

    Attributes:
        attempts: as those of `Conflict`.
    """

    def __init__(self, message: str, attempts: int = 1) -> None:
        super().__init__(message)
        self.attempts = attempts


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
        tokens: who sends the requests; None if the server has no sign-in.
        timeout_s: limit of one request.
        patience_s: how long a request that fails for a moment is tried again. After a server was away for all that
            time, it is asked once a request, until it answers: what is put away after a failure shall not wait as long
            again each time.
    """

    def __init__(self, endpoint: str, tokens: Tokens | None, *, timeout_s: float, patience_s: float) -> None:
        self.endpoint = endpoint.rstrip("/")
        self._tokens = tokens
        self._timeout_s = timeout_s
        self._patience_s = patience_s
        self._away = False
        self._open()

    def _open(self) -> None:
        self._pid = os.getpid()
        self._client = httpx.Client(base_url=f"{self.endpoint}/", timeout=self._timeout_s)

    def call(
        self, method: str, path: str, *, body: Any = None, params: Mapping[str, Any] | None = None, again: bool = True
    ) -> Any:
        """Send a request and return its answer.

        Args:
            method: of HTTP.
            path: below the endpoint.
            body: a JSON document.
            params: of the query.
            again: whether it may be sent more than once, where it is not known what came of it.

        Raises:
            NotThere, Conflict: for the caller to give a meaning to.
            CatalogBusy: no useful answer in time, after all retries.
            SignInFailed, NotAllowed: 401, 403.
            SignInUnavailable: no token can be obtained.
            TerminalError: any other refusal.
        """
        if self._pid != os.getpid():  # a connection must not be shared with the parent process
            self._open()
        if not again:
            return self._once(method, path, body, params, 1)
        attempts = 0
        for attempt in self.patiently():
            with attempt:
                attempts += 1
                return self._once(method, path, body, params, attempts)
        raise AssertionError  # pragma: no cover - the loop returns or raises

    def patiently(self) -> Iterator[AttemptManager]:
        """Yield tries, until one does not end in `CatalogBusy` or the time for them is over."""
        try:
            yield from Retrying(
                retry=retry_if_exception_type(CatalogBusy),
                wait=wait_random_exponential(multiplier=0.05, max=2),
                stop=stop_after_delay(0 if self._away else self._patience_s),
                reraise=True,
            )
        except CatalogBusy:
            self._away = True
            raise

    def _once(self, method: str, path: str, body: Any, params: Mapping[str, Any] | None, attempts: int) -> Any:
        request = partial(self._send, method, path, json=body, params=params)
        try:
            answer = _signed(request, self._tokens) if self._tokens else request()
        except httpx.TransportError as error:
            reason = f"{type(error).__name__}: {error}".rstrip(": ")
            message = f"Nessie at {self.endpoint} does not answer ({reason})."
            raise CatalogBusy(message, _START if method == "GET" else f"{_IN_DOUBT} {_START}") from error
        self._away = self._away and answer.status_code in _TRANSIENT
        if answer.is_success:
            return self._document(answer)
        message = _message(answer)
        match answer.status_code:
            case 404:
                raise NotThere(message, attempts)
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

    def _send(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Send a request; its whole answer must come in time, not only the next part of it."""
        deadline = time.monotonic() + self._timeout_s
        with self._client.stream(method, path, **request) as answer:
            parts = []
            for part in answer.iter_bytes():
                parts.append(part)
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout(f"its answer takes longer than {self._timeout_s:g} s")
        return httpx.Response(answer.status_code, content=b"".join(parts))

    def _document(self, answer: httpx.Response) -> Any:
        try:
            return answer.json() if answer.content else None
        except ValueError as error:
            raise TerminalError(f"What answers at {self.endpoint} is no Nessie.", "Check `nessie_url`.") from error

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


_IN_DOUBT = "It is not known whether the request was carried out: `lagoa log` shows it."
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
