"""The HTTP server of champions."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from lagoa.errors import TransientError
from lagoa.serving.metrics import Metrics
from lagoa.serving.openapi import described
from lagoa.serving.rows import Refused, is_list, to_json
from lagoa.serving.scorer import REASONS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from pydantic import SecretStr

    from lagoa.serving.champions import Champions, Served
    from lagoa.serving.scorer import ScoredRow, ScoredRows

log = logging.getLogger("lagoa.serving")

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
MOST_BYTES = 2 * 1024**2
"""Of a request's body."""
_BODY_S = 10.0
_LOG_S = 60.0
_MOST_REASONS = 100
_QUICK_ROWS = 4
"""Up to so many rows are answered at once, where the online features are in a file: a thread would take longer."""

_JSON = "application/json"
_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


class _Failed(Exception):
    """A request that is answered by an error."""

    def __init__(self, status: int, detail: Any, **headers: str) -> None:
        super().__init__(status)
        self.status = status
        self.detail = detail
        self.headers = headers


class Server:
    """Answers requests.

    Args:
        champions: what answers.
        token: that a request must carry.
        local: whether reading online features waits for no other machine.
    """

    def __init__(self, champions: Champions, token: SecretStr, *, local: bool) -> None:
        self._champions = champions
        self._token = f"Bearer {token.get_secret_value()}".encode()
        self._local = local
        self._told = _FallbackLog()
        self.metrics = Metrics(champions)

    async def health(self, request: Request) -> Response:
        """Say that the process answers."""
        del request
        return _answer({"status": "up"})

    async def ready(self, request: Request) -> Response:
        """Say which models answer; 503 if one that has a champion does not, or none does."""
        del request
        found = self._champions.all()
        states = {each.state for each in found}
        ready = "failed" not in states and bool(states & {"served", "behind"})
        document = {
            "ready": ready,
            "watching": not self._champions.unreadable,
            "models": {each.model: _state(each) for each in found},
        }
        return _answer(document, 200 if ready else 503)

    async def figures(self, request: Request) -> Response:
        """Return the metrics."""
        try:
            self._check_token(request)
        except _Failed as error:
            return _failure(error)
        return Response(self.metrics.text(), media_type=_PROMETHEUS)

    async def models(self, request: Request) -> Response:
        """Return the models with what answers for them."""
        try:
            self._check_token(request)
        except _Failed as error:
            return _failure(error)
        return _answer([_about(each) for each in self._champions.all()])

    async def score(self, request: Request) -> Response:
        """Score a row, or a list of rows."""
        began = time.perf_counter()
        name, scored = "", None
        try:
            self._check_token(request)
            served = self._served(request.path_params["model"])
            name = served.model
            reasons = _reasons(request)
            body = await _body(request)
            scored = await self._scored(served, body, reasons)
            self._told.add(name, scored.rows)
            response = _answer(document_of(scored, many=is_list(body)))
        except _Failed as error:
            response = _failure(error)
        self.metrics.answered(name, response.status_code, time.perf_counter() - began, scored)
        return response

    async def _scored(self, served: Served, body: bytes, reasons: int) -> ScoredRows:
        scorer = served.scorer
        if scorer is None:
            raise _not_served(served)
        try:
            rows = scorer.rows.read(body)
            if self._local and scorer.quick and len(rows) <= _QUICK_ROWS:
                return scorer.answer(rows, reasons)
            return await run_in_threadpool(scorer.answer, rows, reasons)
        except Refused as error:
            detail = [{"loc": ["body", *each.place], "msg": each.message} for each in error.faults]
            raise _Failed(422, detail) from None
        except TransientError as error:
            log.warning("%s: %s", served.model, error)
            raise _Failed(503, "The online features cannot be read now. Try again.", **{"Retry-After": "1"}) from None
        except Exception as error:
            log.exception("%s %d failed.", served.model, scorer.run.version)
            raise _Failed(500, "The model failed; the server's log says how.") from error

    def _check_token(self, request: Request) -> None:
        given = request.headers.get("authorization", "")
        if not secrets.compare_digest(given.encode("latin-1"), self._token):
            raise _Failed(401, "Send the server's token: `Authorization: Bearer …`.", **{"WWW-Authenticate": "Bearer"})

    def _served(self, model: str) -> Served:
        served = self._champions.get(model)
        if served is None:
            names = ", ".join(each.model for each in self._champions.all())
            raise _Failed(404, f"There is no model of this name here. There are: {names or 'none'}.")
        return served


def app_of(server: Server, champions: Champions, hosts: Sequence[str], watch_s: float = 1.0) -> FastAPI:
    """Return the application.

    Args:
        server: what answers.
        champions: watched while the application runs.
        hosts: the names by which requests may call it; others come from pages of other sites.
        watch_s: how often promotions and the state of online features are looked up.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        del app
        champions.watch(watch_s)
        yield
        champions.close()

    routes: list[BaseRoute] = [
        Route("/v1/models/{model}/score", server.score, methods=["POST"]),  # the first that is looked at
        Route("/v1/models", server.models, methods=["GET"]),
        Route("/health", server.health, methods=["GET"]),
        Route("/ready", server.ready, methods=["GET"]),
        Route("/metrics", server.figures, methods=["GET"]),
    ]
    app = FastAPI(title="Lagoa: trained models", lifespan=lifespan, redoc_url=None, routes=routes)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False)
    app.openapi = lambda: described(app.title, champions)  # type: ignore[method-assign] # models come and go
    return app


def document_of(scored: ScoredRows, *, many: bool) -> dict[str, Any]:
    """Return an answer as JSON has it: with the list `scores` if a list was asked for."""
    head = {
        "model": scored.model,
        "version": scored.version,
        "model_commit": scored.model_commit,
        "features_commit": scored.features_commit,
    }
    if many:
        return {**head, "scores": [_row(each) for each in scored.rows]}
    return head | _row(scored.rows[0])


def _row(row: ScoredRow) -> dict[str, Any]:
    return {
        "key": row.key,
        **row.predicted,
        "training_rank": row.training_rank,
        "base": row.base,
        "reasons": row.reasons,
        "fallbacks": row.fallbacks,
        "known": row.known,
    }


class _FallbackLog:
    """Logs what is missing once a minute for each feature and cause, with how often: no keys, and no floods."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, str], int] = {}
        self._at = -_LOG_S

    def add(self, model: str, rows: Sequence[ScoredRow]) -> None:
        for row in rows:
            for each in row.fallbacks:
                name = (model, each.feature, each.cause)
                self._counts[name] = self._counts.get(name, 0) + 1
        if self._counts and time.monotonic() >= self._at + _LOG_S:
            self._at = time.monotonic()
            counts, self._counts = self._counts, {}
            for (of, feature, cause), count in sorted(counts.items()):
                log.warning("%s: %s was missing %d times (%s).", of, feature, count, cause)


async def _body(request: Request) -> bytes:
    """Return the body of a request, of a size and a time that are bounded."""
    too_large = _Failed(413, f"A request may have {MOST_BYTES} bytes at most: send fewer rows.", Connection="close")
    said = request.headers.get("content-length", "0")
    if not said.isascii() or not said.isdigit() or int(said[:20]) > MOST_BYTES:
        raise too_large
    parts, size = [], 0
    try:
        async with asyncio.timeout(_BODY_S):
            async for part in request.stream():
                size += len(part)
                if size > MOST_BYTES:
                    raise too_large
                parts.append(part)
    except TimeoutError:
        raise _Failed(408, f"The body did not come within {_BODY_S:g} s.", Connection="close") from None
    except ClientDisconnect:
        raise _Failed(400, "The client went away.") from None
    return b"".join(parts)


def _reasons(request: Request) -> int:
    """Return how many reasons are wanted."""
    if not request.url.query:
        return REASONS
    wanted = dict(request.query_params)
    given = wanted.pop("reasons", str(REASONS))
    if wanted or not given.isascii() or not given.isdigit() or len(given) > 3 or int(given) > _MOST_REASONS:  # noqa: PLR2004
        raise _Failed(
            422, [{"loc": ["query", "reasons"], "msg": f"Only reasons=0 to reasons={_MOST_REASONS} is known"}]
        )
    return int(given)


def _not_served(served: Served) -> _Failed:
    if served.state == "failed":
        return _Failed(
            503, f"The champion {served.model} {served.champion} cannot be loaded; the server's log says why."
        )
    advice = f"`lagoa ml promote {served.model} --why …` makes a version the champion."
    return _Failed(503, f"{served.model} has no champion. {advice}")


def _state(served: Served) -> dict[str, Any]:
    return {
        "state": served.state,
        "version": served.scorer.run.version if served.scorer else None,
        "champion": served.champion or None,
        "missing": served.scorer.online.missing() if served.scorer else {},
    }


def _about(served: Served) -> dict[str, Any]:
    scorer = served.scorer
    found = {"model": served.model, **_state(served), "model_commit": None, "features_commit": None}
    if scorer is not None:
        found |= {"model_commit": scorer.run.commit, "features_commit": scorer.online.commit}
    return found


def _answer(document: Any, status: int = 200) -> Response:
    return Response(to_json(document), status, media_type=_JSON)


def _failure(error: _Failed) -> Response:
    return Response(to_json({"detail": error.detail}), error.status, error.headers, _JSON)
