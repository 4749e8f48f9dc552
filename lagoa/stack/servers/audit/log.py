"""Keeps a log of what the object store refused: the store reports requests by webhook only, and this is the receiver.

A server of its own, run by the supervisor, which rotates what it prints. MinIO sends each request as a line of JSON
(https://github.com/minio/minio/tree/master/docs/logging); of those that were refused each is printed as one.
"""

from __future__ import annotations

import hmac
import json
import os
import sys
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

TOKEN_VARIABLE = "LAGOA_AUDIT_TOKEN"  # noqa: S105 - the name of it
MAX_BYTES = 64 * 1024**2
"""Of one batch of requests."""

_REFUSED = {401, 403}


def noteworthy(batch: bytes) -> Iterator[dict[str, Any]]:
    """Yield who was refused what, from a batch of requests as MinIO sends them.

    Raises:
        ValueError: it is no lines of JSON objects.
    """
    for line in batch.splitlines():
        entry = json.loads(line)
        if not isinstance(entry, dict):
            raise TypeError(f"{type(entry).__name__} is no request")
        api = entry.get("api") or {}
        if api.get("statusCode") in _REFUSED:
            claims = entry.get("requestClaims") or {}
            yield {
                "time": entry.get("time"),
                "refused": api.get("name"),
                "bucket": api.get("bucket"),
                "object": api.get("object"),
                "status": api.get("statusCode"),
                "who": claims.get("preferred_username") or entry.get("parentUser") or entry.get("accessKey"),
                "from": entry.get("remotehost"),
                "request": entry.get("requestID"),
            }


def make_app(token: str) -> Starlette:
    """Return the server.

    Args:
        token: that requests must show.
    """

    async def take(request: Request) -> Response:
        if not hmac.compare_digest(request.headers.get("authorization", ""), f"Bearer {token}"):
            return Response(status_code=403)
        batch = bytearray()
        async for part in request.stream():
            batch += part
            if len(batch) > MAX_BYTES:
                return Response(status_code=413)
        try:
            lines = [json.dumps(entry, ensure_ascii=False) for entry in noteworthy(bytes(batch))]
        except (ValueError, TypeError) as error:
            return Response(f"{error}", status_code=400)
        if lines:
            sys.stdout.write("".join(f"{line}\n" for line in lines))
            sys.stdout.flush()
        return Response(status_code=204)

    async def health(_: Request) -> Response:
        return Response(status_code=200)

    return Starlette(routes=[Route("/", take, methods=["POST"]), Route("/health", health)])


def main(host: str, port: int) -> None:
    """Serve until ended; the token comes from the environment."""
    uvicorn.run(make_app(os.environ[TOKEN_VARIABLE]), host=host, port=port, log_level="warning")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
