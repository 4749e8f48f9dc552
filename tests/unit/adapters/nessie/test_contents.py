"""The contents of commits on a Nessie server: read whole, and as what differs from those that are known."""

from __future__ import annotations

import json
import random
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from lagoa.adapters.nessie.contents import IMPLIED, read_contents, read_contents_since
from lagoa.adapters.nessie.http import NessieHttp, NotThere

SMALL_PAGE = 7


class Answer(BaseHTTPRequestHandler):
    """Answers as a Nessie that has the contents of some commits, in pages of its own size."""

    commits: dict[str, dict[tuple[str, ...], dict]] = {}  # noqa: RUF012 - each test replaces it

    def do_GET(self):
        """Answer a request for entries or for a difference."""
        place = urlsplit(self.path)
        known = [unquote(part).removeprefix("@") for part in place.path.split("/trees/")[1].split("/")]
        if any(commit not in self.commits for commit in known[::2][: 2 if known[1] == "diff" else 1]):
            self._send(404, {"message": "no such commit"})
            return
        if known[1] == "diff":
            name, entries = "diffs", self._diff(self.commits[known[0]], self.commits[known[2]])
        else:
            name, entries = "entries", [self._entry(*each) for each in sorted(self.commits[known[0]].items())]
        begin = int(parse_qs(place.query).get("page-token", ["0"])[0])
        end = begin + SMALL_PAGE
        self._send(200, {name: entries[begin:end], "hasMore": end < len(entries), "token": str(end)})

    def _entry(self, key, content):
        return {
            "name": {"elements": key}, "type": content["type"], "contentId": content["id"], "content": content
        }  # fmt: skip

    def _diff(self, ours, theirs):
        keys = sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))
        return [{"key": {"elements": key}, "from": ours.get(key), "to": theirs.get(key)} for key in keys]

    def _send(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Print nothing."""


@pytest.fixture
def http():
    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        http = NessieHttp(f"http://127.0.0.1:{server.server_port}", None, timeout_s=10, patience_s=0)
        yield http
        http.close()
        server.shutdown()


def contents(chance: random.Random) -> dict[tuple[str, ...], dict]:
    """Return contents of which others have some keys, too, of another kind, or of another id."""
    found = {}
    for number in range(20):
        key = ("silver", f"t{number}") if number else ("silver",)
        own = {"id": f"{number}-{chance.randrange(2)}"}
        kinds = [
            None,
            {"type": "ICEBERG_TABLE", "metadataLocation": f"{chance.randrange(3)}.metadata.json"},
            {"type": "NAMESPACE", "properties": {"owner": chance.choice("ab")}},
            {"type": "NAMESPACE", "properties": {IMPLIED: "true"}},
            {"type": "ICEBERG_VIEW"},
        ]
        kind = chance.choices(kinds, [2, 5, 1, 1, 1])[0]
        if kind:
            found[key] = own | kind
    return found


@pytest.mark.parametrize("seed", range(10))
def test_what_differs_makes_the_same_contents(http, seed):
    chance = random.Random(seed)  # noqa: S311 - no secret
    Answer.commits = {"a": contents(chance), "b": contents(chance), "none": {}}
    for near in Answer.commits:
        for commit in Answer.commits:
            whole = read_contents(http, commit)
            assert read_contents_since(http, commit, read_contents(http, near), near) == whole
    assert read_contents(http, "a") != read_contents(http, "b")


@pytest.mark.parametrize(("near", "commit"), [("a", "gone"), ("gone", "a")])
def test_a_commit_that_is_gone_is_told(http, near, commit):
    Answer.commits = {"a": contents(random.Random(1))}  # noqa: S311 - no secret
    with pytest.raises(NotThere):
        read_contents_since(http, commit, read_contents(http, "a"), near)
