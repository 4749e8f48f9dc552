"""The HTTP server: answers, refusals, metrics, and what it does not let in."""

from __future__ import annotations

import json
import logging
import socket
import time

import pytest
from served import ROW, TOKEN, ask, score, served

from lagoa.serving.app import MOST_BYTES, document_of
from lagoa.serving.champions import Champions
from lagoa.serving.rows import MOST_ROWS, to_json

SCORE = "/v1/models/late/score"
HEAD = f"POST {SCORE} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"


@pytest.fixture(scope="module")
def port(shared_lake):
    """Return the port of a server."""
    with served(Champions(shared_lake.context)) as found:
        yield found


@pytest.fixture(scope="module")
def scorer(shared_lake):
    return shared_lake.scorer("late@champion")


def expected(scorer, rows, *, many):
    """Return what the server answers to rows."""
    body = json.dumps(rows).encode()
    return json.loads(to_json(document_of(scorer.answer(scorer.rows.read(body), 5), many=many)))


def test_one_row_gets_one_answer(port, scorer):
    answer = score(port)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.document == expected(scorer, ROW, many=False)
    assert list(answer.document) == [
        "model", "version", "model_commit", "features_commit", "key", "probability", "training_rank",
        "base", "reasons", "fallbacks", "known",
    ]  # fmt: skip
    assert set(answer.document["reasons"][0]) == {"feature", "value", "contribution"}


def test_a_list_gets_a_list_also_of_one_and_of_many(port, scorer):
    for count in (1, 3, 200, MOST_ROWS):
        rows = [{**ROW, "id": number, "distance": number / 100, "shop": "abcdx"[number % 5]} for number in range(count)]
        assert score(port, rows).document == expected(scorer, rows, many=True)


def test_reasons_are_as_many_as_wanted(port):
    assert len(score(port, query="?reasons=1").document["reasons"]) == 1
    assert score(port, query="?reasons=0").document["base"] is None
    assert len(score(port, query="?reasons=100").document["reasons"]) == 4
    for query in ("?reasons=101", "?reasons=-1", "?reasons=%C2%B2", "?reasons=", "?reason=1", "?reasons=1&x=1"):
        answer = score(port, query=query)
        assert (answer.status, answer.document["detail"][0]["loc"]) == (422, ["query", "reasons"])


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({**ROW, "distance": "far"}, ["body", "distance"]),
        ({**ROW, "colour": "red"}, ["body", "colour"]),
        ({name: ROW[name] for name in ("id", "placed_at", "distance", "state")}, ["body", "shop"]),
        ([ROW, {**ROW, "state": 5}], ["body", 1, "state"]),
        (b'{"id": 1, "distance": NaN}', ["body", "placed_at"]),
        (b"not JSON", ["body"]),
        ([], ["body"]),
        ([ROW] * (MOST_ROWS + 1), ["body"]),
    ],
)
def test_what_does_not_fit_is_refused_by_name(port, body, place):
    answer = score(port, body)
    assert answer.status == 422
    assert place in [each["loc"] for each in answer.document["detail"]]
    assert "far" not in answer.body.decode()


def test_what_is_missing_is_answered_counted_and_logged_without_the_key(shared_lake, caplog):
    with served(Champions(shared_lake.context)) as port, caplog.at_level(logging.INFO, "lagoa.serving"):
        answer = score(port, [{**ROW, "shop": "nobody"}, {**ROW, "state": "XX"}, ROW])
        causes = [[each["cause"] for each in row["fallbacks"]] for row in answer.document["scores"]]
        assert causes == [["no row", "no row"], ["unknown category"], []]
        score(port, {**ROW, "shop": "nobody"})
        figures = ask(port, "/metrics").body.decode()
    assert 'lagoa_fallbacks_total{cause="no row",feature="shops:v",model="late"} 2.0' in figures
    assert 'lagoa_scored_rows_total{model="late",version="1"} 4.0' in figures
    assert 'lagoa_requests_total{model="late",status="200"} 2.0' in figures
    assert 'lagoa_request_seconds_count{model="late"} 2.0' in figures
    assert 'lagoa_training_rank_count{model="late"} 4.0' in figures
    said = [each.getMessage() for each in caplog.records if "was missing" in each.getMessage()]
    assert said == [
        "late: shops:v was missing 1 times (no row).",
        "late: shops:word was missing 1 times (no row).",
        "late: state was missing 1 times (unknown category).",
    ]
    assert "nobody" not in caplog.text
    assert TOKEN not in caplog.text


def test_health_readiness_and_the_page_need_no_token(port):
    assert ask(port, "/health", Authorization="").document == {"status": "up"}
    ready = ask(port, "/ready", Authorization="")
    state = {"state": "served", "version": 1, "champion": 1, "missing": {}}
    assert (ready.status, ready.document) == (200, {"ready": True, "watching": True, "models": {"late": state}})
    assert b"swagger" in ask(port, "/docs", Authorization="").body
    assert ask(port, "/redoc").status == 404


def test_the_description_has_the_fields_of_the_model(port):
    document = ask(port, "/openapi.json", Authorization="").document
    operation = document["paths"]["/v1/models/late/score"]["post"]
    row, many = operation["requestBody"]["content"]["application/json"]["schema"]["anyOf"]
    assert set(row["properties"]) == set(ROW)
    assert many["maxItems"] == MOST_ROWS
    one = operation["responses"]["200"]["content"]["application/json"]["schema"]["anyOf"][0]
    assert set(one["properties"]) == set(score(port).document)


def test_models_are_listed_with_commits(port, shared_lake):
    (found,) = ask(port, "/v1/models").document
    assert (found["model"], found["version"]) == ("late", 1)
    assert found["model_commit"] == shared_lake.trained_run("late@champion").commit
    assert found["features_commit"] == shared_lake.feature_status().online


@pytest.mark.parametrize(
    "given",
    ["", "Bearer", "Bearer ", f"bearer {TOKEN}", TOKEN, f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Basic é"],
)
def test_without_the_token_there_is_nothing(port, given):
    for path, body in ((SCORE, ROW), ("/v1/models/none/score", ROW), ("/v1/models", None), ("/metrics", None)):
        answer = ask(port, path, body, Authorization=given)
        assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert TOKEN not in answer.body.decode()


@pytest.mark.parametrize("host", ["models.example", "127.0.0.1.example", "localhost.example:80", ""])
def test_requests_to_another_name_are_refused(port, host):
    for line in (f"POST {SCORE}", "GET /ready", "GET /openapi.json"):
        assert raw(port, f"{line} HTTP/1.1\r\nHost: {host}\r\n\r\n").startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    "name",
    [
        "nothing", "LATE", "late%00", "..%2f..%2flate", "%2e%2e", "late%20", "l%C3%A4te", "x" * 5000, "%ff%fe",
        "late;a=1", "{model}",
    ],
)  # fmt: skip
def test_odd_names_of_models_are_none(port, name):
    answer = score(port, model=name)
    assert answer.status == 404
    assert "xxxx" not in answer.body.decode()


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_other_methods_are_refused(port, method):
    head = f"{method} /v1/models/late/score HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    assert raw(port, head).startswith(b"HTTP/1.1 405")


def test_huge_bodies_are_refused_before_they_are_read(port):
    assert raw(port, f"{HEAD}Content-Length: {MOST_BYTES + 1}\r\n\r\n").startswith(b"HTTP/1.1 413")
    assert raw(port, f"{HEAD}Content-Length: {10**30}\r\n\r\n")[:12] in {b"HTTP/1.1 413", b"HTTP/1.1 400"}
    chunk = b"100000\r\n" + b" " * 2**20 + b"\r\n"
    answer = raw(port, f"{HEAD}Transfer-Encoding: chunked\r\n\r\n", *[chunk] * 3, b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413")
    assert score(port, [{**ROW, "state": "x" * 500}] * 1000).status == 200  # as large as rows can be
    assert score(port).status == 200


def test_a_body_of_two_lengths_is_refused(port):
    for said in ("Content-Length: 5\r\nTransfer-Encoding: chunked", "Content-Length: 5\r\nContent-Length: 6"):
        assert raw(port, f"{HEAD}{said}\r\n\r\n0\r\n\r\n").startswith(b"HTTP/1.1 400")


def test_long_heads_are_refused(port):
    for start in (f"POST /{'x' * 2**20}", f"GET /ready HTTP/1.1\r\nHost: localhost\r\nX: {'x' * 2**20}"):
        assert raw(port, start)[:12] in {b"HTTP/1.1 400", b""}
    several = "".join(f"X-{number}: {'x' * 1000}\r\n" for number in range(2000))
    assert raw(port, f"{HEAD}{several}")[:12] in {b"HTTP/1.1 400", b""}
    assert ask(port, "/ready", X="x" * 30_000).status == 200


def test_deep_and_strange_documents_do_no_harm(port):
    for body in (b"[" * 100_000, b'{"a":' * 100_000, b"\x00" * 1000, b'{"id":' + b"9" * 4_000 + b"}", b"\xff" * 10):
        assert score(port, body).status == 422
    assert score(port).status == 200


def test_a_body_that_does_not_come_holds_nobody_up(port):
    with socket.create_connection(("127.0.0.1", port)) as slow:
        slow.sendall(f"{HEAD}Content-Length: 100\r\n\r\n{{".encode())
        assert score(port).status == 200
    assert score(port).status == 200


def test_a_store_that_fails_is_told(lake):
    # Nobody looks at the file while it is damaged: who opens it when it is empty makes a new store of it.
    with served(Champions(lake.context), local=False, watch_s=60) as port:
        assert score(port).status == 200
        lake.context.online.close()
        file = lake.settings.state_folder / "features.db"
        assert list(file.parent.glob("features.db*")) == [file]
        file.write_bytes(b"no database" * 1000)
        answer = score(port)
        assert (answer.status, answer.headers["retry-after"]) == (503, "1"), answer.body
        assert str(file.parent) not in answer.body.decode()


def raw(port, head, *rest):
    """Return the answer to bytes, such as no client sends them."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(head.encode())
        found = b""
        try:
            for part in rest:
                connection.sendall(part)
            until = time.monotonic() + 20
            while b"\r\n\r\n" not in found and time.monotonic() < until:
                part = connection.recv(65536)
                if not part:
                    break
                found += part
        except ConnectionError:
            found += connection.recv(65536) if not found else b""
        return found
