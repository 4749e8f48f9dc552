"""The log of what the object store refused: who, what, when; nothing else is kept, and nobody else may write to it."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from lagoa.stack.servers.audit.log import MAX_BYTES, make_app

TOKEN = {"Authorization": "Bearer of-the-store"}


def entry(status, **more):
    api = {"name": "PutObject", "bucket": "lagoa", "object": "warehouse/a", "statusCode": status}
    return json.dumps({"time": "2026-11-21T08:00:00Z", "api": api, "remotehost": "127.0.0.1", "requestID": "R"} | more)


def send(batch, headers):
    """Send a batch as the store does, and return the status."""

    async def post():
        transport = httpx.ASGITransport(make_app("of-the-store"))
        async with httpx.AsyncClient(transport=transport, base_url="http://audit") as client:
            return await client.post("/", content=batch, headers=headers)

    return asyncio.run(post()).status_code


def test_what_was_refused_is_kept(capsys):
    who = {"requestClaims": {"preferred_username": "service-account-lagoa-ingest"}}
    batch = "\n".join([entry(200), entry(403, **who), entry(401, accessKey="AKIA"), entry(404)])
    assert send(batch, TOKEN) == 204
    kept = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(each["status"], each["who"]) for each in kept] == [(403, "service-account-lagoa-ingest"), (401, "AKIA")]
    assert kept[0]["refused"] == "PutObject"
    assert (kept[0]["bucket"], kept[0]["object"], kept[0]["from"]) == ("lagoa", "warehouse/a", "127.0.0.1")


def test_a_name_cannot_break_a_line(capsys):
    assert send(entry(403, accessKey="a\n{}"), TOKEN) == 204
    assert len(capsys.readouterr().out.splitlines()) == 1


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer another"}, {"Authorization": "of-the-store"}])
def test_nobody_else_writes_to_it(capsys, headers):
    assert send(entry(403), headers) == 403
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("batch", [b"{", b"[]", b"\xff"])
def test_what_is_no_request_is_refused(capsys, batch):
    assert send(batch, TOKEN) == 400
    assert capsys.readouterr().out == ""


def test_a_batch_is_bounded():
    assert send(b" " * (MAX_BYTES + 1), TOKEN) == 413
