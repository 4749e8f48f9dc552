"""Histories of many commits on a Nessie server: how often it is asked."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from lagoa.adapters.nessie.history import History
from lagoa.adapters.nessie.http import NessieHttp
from lagoa.domain.tables import TableName

COMMITS = 5_000
ROOT, HEAD, MAIN = (f"{number:064x}" for number in (1, COMMITS, 10 * COMMITS))
NONE = "f" * 64
A, B = TableName.parse("silver.a"), TableName.parse("silver.b")


class Answer(BaseHTTPRequestHandler):
    """Answers as a Nessie on which a branch has very many commits since it left main, whose last one is `MAIN`."""

    asked = 0

    def do_GET(self):
        """Answer a request for a history."""
        Answer.asked += 1
        place = urlsplit(self.path)
        wanted = {name: values[0] for name, values in parse_qs(place.query).items()}
        first = int(unquote(place.path).split("@")[1].split("/")[0], 16)
        numbers = [first, 1] if first > COMMITS else range(first, 0, -1)
        begin, size = int(wanted.get("page-token", 0)), int(wanted["max-records"])
        page = numbers[begin : begin + size]
        more = begin + size < len(numbers)
        entries = [self._entry(each, "fetch" in wanted) for each in page]
        body = json.dumps({"logEntries": entries, "hasMore": more, "token": str(begin + size)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _entry(self, number, whole):
        at = (datetime(2026, 11, 30, tzinfo=UTC) + timedelta(seconds=number)).isoformat()
        parent = NONE if number == 1 else f"{(number - 1 if number <= COMMITS else 1):064x}"
        meta = {"hash": f"{number:064x}", "parentCommitHashes": [parent], "message": str(number), "authors": ["ana"]}
        key = A if number == COMMITS // 2 else B
        operations = [{"type": "PUT", "key": {"elements": [*key.namespace, key.name]}}]
        return {"commitMeta": meta | {"commitTime": at, "authorTime": at}} | (
            {"operations": operations} if whole else {}
        )

    def log_message(self, *_):
        """Print nothing."""


@pytest.fixture
def history():
    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        http = NessieHttp(f"http://127.0.0.1:{server.server_port}", None, timeout_s=10, patience_s=0)
        Answer.asked = 0
        yield History(http, NONE)
        http.close()
        server.shutdown()


def test_the_longer_a_walk_the_more_commits_are_read_at_once(history):
    log = list(history.log(HEAD))
    assert (len(log), log[-1].id, log[-1].parents) == (COMMITS, ROOT, ())
    assert Answer.asked < 10


def test_where_a_long_branch_left_main_is_found_with_few_requests(history):
    assert history.merge_base(MAIN, HEAD) == ROOT
    assert history.is_ancestor(ROOT, HEAD)
    assert not history.is_ancestor(MAIN, HEAD)
    assert Answer.asked < 20


def test_the_commits_of_one_table_are_read_with_what_they_changed(history):
    assert [each.id for each in history.log_of(HEAD, A)] == [HEAD, f"{COMMITS // 2:064x}", ROOT]
    assert Answer.asked <= COMMITS // 250 + 1
