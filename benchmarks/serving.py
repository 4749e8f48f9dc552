"""Trained models that answer over HTTP: `lagoa serve ml`, beside the same without HTTP, and HTTP without a model."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

import lagoa
from benchmarks.commands import command
from benchmarks.commands import lagoa as run_lagoa
from benchmarks.demo import LAKE
from benchmarks.figures import Figure
from flows.sources.olist import generate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).parents[1]
MODELS = ("late_delivery", "days_to_delivery")
CLIENTS, SECONDS, ORDERS, AT_ONCE = 4, 10, 500, 100
_A_SECOND = 1_500
_READY = 200


def run() -> list[Figure]:
    """Measure all of it; takes about three minutes."""
    with tempfile.TemporaryDirectory(prefix="lagoa-bench-") as name:
        folder = Path(name)
        orders = _lake(folder)
        figures = [_without_http(folder, model, orders[model]) for model in MODELS]
        began = time.perf_counter()
        with _serving(folder) as (port, memory):
            started = time.perf_counter() - began
            token = (folder / ".lagoa/serving-token").read_text("utf-8")
            for model in MODELS:
                figures += _over_http(port, token, model, orders[model])
            path = f"/v1/models/{MODELS[0]}/score"
            rows = orders[MODELS[0]]
            lists = [rows[start : start + AT_ONCE] for start in range(0, ORDERS, AT_ONCE)]
            taken = sorted(_asked(port, token, path, lists))
            said = f"orders a second by {MODELS[0]}, lists of {AT_ONCE}"
            figures.append(Figure(said, len(taken) * AT_ONCE / SECONDS, "", note=f"p99 {_at(taken, 99):.3g} ms a list"))
            echo = len(_asked(port, token, "/health", []))
            figures.append(Figure("requests a second without a model (`/health`)", echo / SECONDS, ""))
            figures.append(Figure("memory of the server", memory(), "MiB", 600))
        return [*figures, Figure("the server's start, until it is ready", started, "s", 10)]


def _lake(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Make a lake like the reference lake with champions; return the last orders, as each model takes them."""
    for name in LAKE:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    generate(folder / "data")
    with lagoa.open_lake(folder) as lake, lake.run("load") as branch:
        branch.ingest_folder(folder / "data")
        branch.transform()
        branch.publish()
    run_lagoa(folder, "feature", "apply")
    run_lagoa(folder, "feature", "materialize")
    run_lagoa(folder, "ml", "train", *MODELS)
    for model in MODELS:
        run_lagoa(folder, "ml", "promote", model, "--why", "To be measured")
    with lagoa.open_lake(folder) as lake:
        last = f"SELECT * FROM ({_select(folder)}) ORDER BY approved_at DESC LIMIT {ORDERS}"
        rows = lake.sql(last).arrow().to_pylist()
        columns = {model: lake.scorer(model).rows.columns for model in MODELS}
    return {model: [{name: _plain(row[name]) for name in columns[model]} for row in rows] for model in MODELS}


def _select(folder: Path) -> str:
    return (folder / "ml/approved_orders.sql").read_text("utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if hasattr(value, "isoformat") else value


def _without_http(folder: Path, model: str, orders: Sequence[dict[str, Any]]) -> Figure:
    with lagoa.open_lake(folder) as lake:
        scorer = lake.scorer(f"{model}@champion")
        bodies = [json.dumps(each).encode() for each in orders]
        began = time.perf_counter()
        for body in bodies:
            scorer.answer(scorer.rows.read(body), 5)
        seconds = (time.perf_counter() - began) / len(bodies) * 1000
    return Figure(f"one order by {model} without HTTP", seconds, "ms", note="read, features online, score, reasons")


def _over_http(port: int, token: str, model: str, orders: Sequence[dict[str, Any]]) -> list[Figure]:
    taken = sorted(_asked(port, token, f"/v1/models/{model}/score", orders))
    rate = len(taken) / SECONDS
    said = f"{CLIENTS} clients on the same cores, an order a request, features online, reasons"
    return [
        Figure(f"{_A_SECOND:,} orders by {model} over HTTP", _A_SECOND / rate, "s", 1, f"{rate:,.0f} a second", said),
        Figure(f"one order by {model} over HTTP, median", _at(taken, 50), "ms"),
        Figure(f"one order by {model} over HTTP, 99 %", _at(taken, 99), "ms", 20),
    ]


def _at(taken: Sequence[float], percent: int) -> float:
    return taken[len(taken) * percent // 100]


def _asked(port: int, token: str, path: str, bodies: Sequence[Any]) -> list[float]:
    """Return how long each answer took in ms, to clients that are processes of their own; GET without bodies."""
    line = [sys.executable, "-m", "benchmarks.serving_job", str(port), path, str(SECONDS)]

    def client(number: int) -> list[float]:
        own = [json.dumps(each) for each in (*bodies[number:], *bodies[:number])] or [""]
        text = "\n".join([token, *own]) + "\n"
        done = subprocess.run(line, input=text, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        found: list[float] = json.loads(done.stdout)
        return found

    with ThreadPoolExecutor(CLIENTS) as pool:
        return [each for taken in pool.map(client, range(CLIENTS)) for each in taken]


@contextmanager
def _serving(folder: Path) -> Iterator[tuple[int, Any]]:
    """Run the server; yield its port, and what returns its memory in MiB."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with subprocess.Popen(command("serve", "ml", "--port", port), cwd=folder, stderr=subprocess.DEVNULL) as server:
        try:
            while not _is_ready(port):
                time.sleep(0.05)
            yield port, lambda: psutil.Process(server.pid).memory_info().rss / 2**20
        finally:
            server.terminate()


def _is_ready(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port)
    try:
        connection.request("GET", "/ready")
        return connection.getresponse().status == _READY
    except ConnectionError:
        return False
    finally:
        connection.close()
