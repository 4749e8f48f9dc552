"""A lake with champions to serve: `late` learned from columns and from features of shops that are online."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import uvicorn
from featured import SHOPS, apply
from pydantic import SecretStr
from trained import DEFINITION, FUNCTION, SELECT, TrainedLake, orders

from lagoa.serving.app import LOOPBACK, Server, app_of
from lagoa.serving.server import http_protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lagoa.lake import Lake
    from lagoa.serving.champions import Champions

TOKEN = "a-token-of-tests"  # noqa: S105
SHOP_NAMES = ("a", "b", "c", "d")
WORDS = {"a": "good", "b": "bad", "c": "good", "d": None}
COLUMNS = "id:long* placed_at:timestamp! known_at:timestamp late:boolean distance:double price:double state:string"
WITH_FEATURES = DEFINITION.replace("[distance, state]", "[distance, state]\nfeatures: [shops]")
ROW = {"id": 1, "placed_at": "2026-01-20T10:00:00", "distance": 0.5, "state": "SP", "shop": "a"}


class ServedLake(TrainedLake):
    """The files of the lake."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.contract("gold.orders", f"{COLUMNS} shop:string")
        self.contract("gold.shops", "shop:string!* at:timestamptz!* v:long w:string")
        self.model_files(WITH_FEATURES)

    def model_files(
        self,
        definition: str = WITH_FEATURES,
        function: str = FUNCTION,
        select: str = SELECT.replace(" from", ", shop from"),
    ) -> None:
        """Write the files of the model `late`."""
        super().model_files(definition, function, select)


def publish_served(lake: Lake, *, days: int = 100, values: int = 10) -> str:
    """Publish orders of four shops, and features of these that are known before all orders; return the commit."""
    table = orders(days)
    shops = [SHOP_NAMES[number % 4] for number in range(table.num_rows)]
    at = datetime(2025, 12, 1, tzinfo=UTC)
    features = [
        {"shop": shop, "at": at, "v": values + number, "w": WORDS[shop]} for number, shop in enumerate(SHOP_NAMES)
    ]
    schema = pa.schema(
        [("shop", pa.string()), ("at", pa.timestamp("us", "UTC")), ("v", pa.int64()), ("w", pa.string())]
    )
    with lake.run("load") as branch:
        branch.replace("gold.orders", table.append_column("shop", pa.array(shops)))
        branch.replace("gold.shops", pa.Table.from_pylist(features, schema))
        return branch.publish().commit


def online(lake: Lake, ttl_days: float = 0) -> None:
    """Apply the view of the shops, and put it online."""
    apply(lake, replace(SHOPS, ttl_s=ttl_days * 86_400))
    lake.materialize_features()


def champion(lake: Lake, model: str = "late", why: str = "the first") -> int:
    """Train a model, promote it, and return its version."""
    (run,) = lake.train([model])
    return lake.promote_model(run.id, why, uncompared=True).version


def ready(folder: TrainedLake) -> Lake:
    """Return the lake with its features online and a champion."""
    lake = folder.open_folder()
    publish_served(lake)
    online(lake)
    champion(lake)
    return lake


@contextmanager
def served(champions: Champions, *, local: bool = True, watch_s: float = 0.05) -> Iterator[int]:
    """Serve champions in a thread; yield the port."""
    with listening(app_of(Server(champions, SecretStr(TOKEN), local=local), champions, LOOPBACK, watch_s)) as port:
        yield port


@contextmanager
def listening(app: Any) -> Iterator[int]:
    """Serve an application in a thread; yield the port."""
    server = uvicorn.Server(uvicorn.Config(app, http=http_protocol(), host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until = time.monotonic() + 20
        while not server.started and time.monotonic() < until:
            time.sleep(0.01)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(30)


class Answer:
    """Status, headers and document of an answer."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def ask(port: int, path: str, body: Any = None, **headers: str) -> Answer:
    """Return the answer to a request with the token: POST where there is a body, which is JSON unless it is bytes."""
    sent = {"Authorization": f"Bearer {TOKEN}"} | {name.replace("_", "-"): value for name, value in headers.items()}
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET" if body is None else "POST", path, data, {k: v for k, v in sent.items() if v})
        answer = connection.getresponse()
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def score(port: int, body: Any = ROW, model: str = "late", query: str = "", **headers: str) -> Answer:
    """Return the answer to a request for scores."""
    return ask(port, f"/v1/models/{model}/score{query}", body, **headers)
