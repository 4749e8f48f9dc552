"""Asks an API: with credentials, again if it is overloaded or broken, within limits, and no other host."""

from __future__ import annotations

import json
import logging
import ssl
import time
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from urllib.parse import urljoin, urlsplit

import httpx
import stamina

from lagoa.errors import SourceError, SourceUnavailable
from lagoa.sources.rest.auth import proof_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lagoa.sources.kind import Workplace
    from lagoa.sources.rest.options import Api

_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses after which the same request may succeed."""

_LONGEST_WAIT_S = 300
_REDIRECTS = 5
_SHOWN = 200
_NO_ACCESS = frozenset({401, 403})
_NOT_CHANGED = 304

logging.getLogger("httpx").setLevel(logging.WARNING)  # below that it logs addresses, in which keys may stand


class Answer(NamedTuple):
    """What an API answered.

    Attributes:
        body: the bytes, unpacked.
        headers: the headers.
        changed: whether it is another one than that of the tag that was sent along.
    """

    body: bytes
    headers: Mapping[str, str]
    changed: bool = True


class _Busy(Exception):
    """A status after which the same request may succeed, and in how many seconds, if the answer says so."""

    def __init__(self, status: int, after_s: float | None) -> None:
        super().__init__(f"it answers {status}")
        self.after_s = after_s


class _Budget:
    """How many requests a host gets from this process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._next: dict[str, float] = {}

    def wait(self, host: str, a_minute: int | None) -> None:
        """Wait until a request may be sent."""
        if a_minute is None:
            return
        with self._lock:
            now = time.monotonic()
            at = max(now, self._next.get(host, 0.0))
            self._next[host] = at + 60 / a_minute
        time.sleep(at - now)


_BUDGET = _Budget()


class Client:
    """Asks one API; one thread uses it. It raises `SourceError` and `SourceUnavailable`, without what is secret.

    Args:
        source: name of the source, for errors.
        api: how it is asked.
        place: gives the secrets.
    """

    def __init__(self, source: str, api: Api, place: Workplace) -> None:
        self._source, self._api = source, api
        trust = ssl.create_default_context()
        if api.ca_file:
            try:
                trust.load_verify_locations(place.root / api.ca_file)
            except (OSError, ssl.SSLError) as error:
                message = f"its `ca_file` {api.ca_file} cannot be read ({error})."
                raise SourceError(source, message, "Name a file of certificates in PEM.") from None
        self._proof = proof_of(source, api, place, trust)
        self._http = httpx.Client(timeout=api.timeout_s, verify=trust, headers=dict(api.headers))

    def ask(
        self, url: str, params: Mapping[str, Any], body: Mapping[str, Any] | None = None, tag: str | None = None
    ) -> Answer:
        """Return the answer to a request.

        Args:
            url: the address.
            params: parameters that are added to those of the address.
            body: sent as JSON, by POST.
            tag: the entity tag of an earlier answer; then nothing is sent again that did not change.
        """
        renewed = False
        while True:
            try:
                for attempt in stamina.retry_context(
                    on=_wait, attempts=self._api.tries, timeout=None, wait_initial=0.2, wait_max=30
                ):
                    with attempt:
                        return self._send(url, params, body, tag)
            except _Refused as refused:
                if renewed or not self._proof.renew():
                    message = f"it refuses the credentials ({refused.status} at {refused.shown})."
                    raise SourceError(self._source, message, "Look at `auth` and at its secrets.") from None
                renewed = True  # a token may have died before its time
            except _Busy as error:
                said = f"; it wants to be asked again in {error.after_s:,.0f} s" if error.after_s else ""
                raise SourceUnavailable(self._source, f"{error} at {_shown(url)}{said}") from None
            except httpx.TransportError as error:
                raise self._unreachable(url, error) from None

    def absolute(self, url: str, base: str = "") -> str:
        """Return an address that an answer names; one of another host would get the credentials, and is refused."""
        found = urljoin(base or self._api.url, url)
        if _host(found) != _host(self._api.url):
            message = f"it leads to another host, {urlsplit(found).hostname}, which gets no credentials."
            raise SourceError(self._source, message, "If that is right, write its address as `url`.")
        return found

    def _send(self, url: str, params: Mapping[str, Any], body: Mapping[str, Any] | None, tag: str | None) -> Answer:
        for _ in range(_REDIRECTS):
            _BUDGET.wait(_host(url), self._api.requests_a_minute)
            request = self._http.build_request(
                "GET" if body is None else "POST",
                httpx.URL(url).copy_merge_params({**params, **self._proof.params()}),
                headers={**self._proof.headers(), **({"If-None-Match": tag} if tag else {})},
                json=body,
            )
            response = self._http.send(request, stream=True)
            try:
                if response.is_redirect and "location" in response.headers:
                    url, params = self.absolute(response.headers["location"], url), {}
                    continue
                return self._answer(response, url)
            finally:
                response.close()
        raise SourceError(self._source, f"{_shown(url)} redirects without end.", "Look at the address.")

    def _answer(self, response: httpx.Response, url: str) -> Answer:
        status = response.status_code
        if status == _NOT_CHANGED:
            return Answer(b"", response.headers, changed=False)
        if status in _BUSY:
            raise _Busy(status, _after(response.headers.get("retry-after")))
        if status in _NO_ACCESS:
            raise _Refused(status, _shown(url))
        content = self._read(response, url)
        if response.is_success:
            return Answer(content, response.headers)
        said = " ".join(content.decode("utf-8", "replace").split())[:_SHOWN]
        raise SourceError(self._source, f"{_shown(url)} answers {status}: {said}", "Look at the declaration.")

    def _read(self, response: httpx.Response, url: str) -> bytes:
        """Return the body; it may neither be too large, unpacked, nor take too long."""
        parts, size, until = [], 0, time.monotonic() + self._api.timeout_s
        for part in response.iter_bytes():
            size += len(part)
            if size > self._api.page_mb * 2**20:
                message = f"an answer of {_shown(url)} is larger than {self._api.page_mb} MiB."
                raise SourceError(self._source, message, "Ask for smaller pages, or raise `page_mb`.")
            if time.monotonic() > until:
                raise httpx.ReadTimeout("the answer takes too long")
            parts.append(part)
        return b"".join(parts)

    def _unreachable(self, url: str, error: httpx.TransportError) -> SourceError | SourceUnavailable:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, ssl.SSLCertVerificationError):
                message = f"its certificate is not trusted ({cause.verify_message})."
                return SourceError(self._source, message, "Name the file of its authority as `ca_file`.")
            cause = cause.__cause__ or cause.__context__
        if isinstance(error, httpx.TimeoutException):
            return SourceUnavailable(self._source, f"{_shown(url)} does not answer within {self._api.timeout_s:g} s")
        return SourceUnavailable(self._source, f"{_shown(url)} cannot be reached ({type(error).__name__})")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()


class _Refused(Exception):
    """The credentials are refused."""

    def __init__(self, status: int, shown: str) -> None:
        super().__init__(status)
        self.status, self.shown = status, shown


def _wait(error: Exception) -> bool | float:
    """Return whether a request is sent again, or in how many seconds."""
    if isinstance(error, _Busy):
        if error.after_s is None:
            return True
        return error.after_s if error.after_s <= _LONGEST_WAIT_S else False
    return isinstance(error, httpx.TransportError) and not isinstance(error, httpx.UnsupportedProtocol)


def _after(header: str | None) -> float | None:
    """Return the seconds that `Retry-After` says, which is a number or a date."""
    if not header:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except ValueError:
        return None


def _host(url: str) -> str:
    place = urlsplit(url)
    return f"{place.scheme}://{place.netloc}".lower()


def _shown(url: str) -> str:
    """Return an address without its parameters, in which keys may stand."""
    return url.partition("?")[0]


def document(body: bytes) -> Any:
    """Return a body as JSON; raises `ValueError`."""
    from decimal import Decimal

    return json.loads(body, parse_float=Decimal)
