"""Collection beside as many objects as a large lake has: a store that lists them, page by page, and has few of them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pyarrow as pa
import pytest
from lakes import LakeFolder

pytest.importorskip("minio", reason="the extra `stack` is not installed")

import lagoa
from lagoa.settings import load_settings
from tests.integration.storage import test_other_store as other

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.nightly

endpoint, as_user, folder = other.endpoint, other.as_user, other.folder

GIB = 2**30
PAGE = 1000
TABLE = re.compile(r".+/bronze/log-[0-9a-f-]{36}/")

COLLECT = """
import json, resource, sys
from pathlib import Path
import lagoa
from lagoa.settings import load_settings

settings = load_settings(Path(sys.argv[1]), "stack").model_copy(update={"role": "maintainer"})
with lagoa.open_lake(settings) as lake:
    done = lake.collect()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"listed": done.listed, "waiting": done.waiting, "garbage": done.garbage, "peak": peak}))
"""

ENTRY = (
    "<Contents><Key>{key}</Key><LastModified>2020-01-01T00:00:00.000Z</LastModified><ETag>&quot;0&quot;</ETag>"
    "<Size>1048576</Size><StorageClass>STANDARD</StorageClass></Contents>"
)
LISTED = (
    '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    "<Name>{bucket}</Name><Prefix>{prefix}</Prefix><KeyCount>{count}</KeyCount><MaxKeys>1000</MaxKeys>"
    "<IsTruncated>{more}</IsTruncated>{next}{entries}</ListBucketResult>"
)


class Crowded(BaseHTTPRequestHandler):
    """Another store, in which the folder of the table lists objects more, behind its own."""

    protocol_version = "HTTP/1.1"
    store = ""
    more = 0

    def do_GET(self) -> None:
        """Answer with a page of objects that are only listed, or as the store does."""
        url = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        if asked.get("list-type") == "2" and TABLE.fullmatch(asked.get("prefix", "")):
            page = int(asked.get("continuation-token", "more-0").removeprefix("more-"))
            self._answer(200, {"Content-Type": "application/xml"}, self._page(url.path, asked["prefix"], page))
        else:
            self._forward()

    def _page(self, path: str, prefix: str, page: int) -> bytes:
        """Return a page: the first one with the objects that the store has, too."""
        numbers = range(page * PAGE, min((page + 1) * PAGE, self.more))
        entries = "".join(ENTRY.format(key=f"{prefix}data/{number:032x}/f.parquet") for number in numbers)
        if page == 0:
            _, _, text = self._asked()
            entries = "".join(re.findall(r"<Contents>.*?</Contents>", text.decode(), re.DOTALL)) + entries
        following = numbers.stop < self.more
        more = f"<NextContinuationToken>more-{page + 1}</NextContinuationToken>" if following else ""
        facts = {"bucket": path.strip("/"), "prefix": prefix, "count": len(numbers), "next": more}
        return LISTED.format(**facts, more=str(following).lower(), entries=entries).encode()

    def _asked(self) -> tuple[int, dict[str, str], bytes]:
        """Ask the store the same; return status, headers and content."""
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        store = HTTPConnection(self.store)
        try:
            store.request(self.command, self.path, content, dict(self.headers))
            answer = store.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            store.close()

    def _forward(self) -> None:
        self._answer(*self._asked())

    def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in {"content-length", "transfer-encoding", "connection", "date", "server"}:
                self.send_header(name, value)
        length = headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(content))
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(content)

    do_PUT = do_POST = do_DELETE = do_HEAD = _forward  # noqa: N815 - named by what it serves

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@contextmanager
def crowded(endpoint: str, more: int) -> Iterator[str]:
    """Serve a store with objects that are only listed; yield its address."""
    handler = type("_Crowded", (Crowded,), {"store": endpoint.removeprefix("http://"), "more": more})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    "count",
    [25_500, pytest.param(10_000_000, marks=pytest.mark.timeout(7200))],
    ids=["few", "ten million"],
)
def test_a_collection_lists_ten_million_objects_within_a_gibibyte(folder, endpoint, count):
    lake = LakeFolder(folder)
    lake.contract("bronze.log", "n:long* v:string")
    with lagoa.open_lake(load_settings(folder, "stack")) as opened, opened.run("load") as run:
        run.append("bronze.log", pa.table({"n": [1], "v": ["a"]}))
        run.publish()
    with crowded(endpoint, count) as address:
        text = (folder / "lagoa.toml").read_text()
        (folder / "lagoa.toml").write_text(text.replace(endpoint, address))
        told = subprocess.run(
            [sys.executable, "-c", COLLECT, str(folder)], stdout=subprocess.PIPE, text=True, check=True
        )
    done = json.loads(told.stdout)
    assert (done["waiting"], done["garbage"]) == (count, 0)
    assert done["listed"] > count
    assert done["peak"] < GIB, done
