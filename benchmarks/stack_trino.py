"""SQL for BI: how soon a sandbox is there, what many of them hold, and what the rules cost a reader's query."""

from __future__ import annotations

import json
import os
import statistics
import time
import uuid
from contextlib import closing
from typing import TYPE_CHECKING

from benchmarks.commands import lagoa
from benchmarks.figures import Figure, median_ms
from benchmarks.main_job import ROOT, job, reference_lake
from benchmarks.stack_servers import PROFILE, variables
from flows.sources.olist import generate
from lagoa.bootstrap import open_lake
from lagoa.contracts import Contracts
from lagoa.domain.roles import ENGINEER
from lagoa.formats import FORMATS
from lagoa.stack.servers.trino.rules import FILE, write_rules
from lagoa.stack.servers.trino.users import Users

if TYPE_CHECKING:
    from trino.dbapi import Connection

    from benchmarks.stack_servers import Servers, Size
    from lagoa.lake import Lake

CREATE_LIMIT_S = 2.0
QUERY_LIMIT_S = 3.0
PRICE_LIMIT = 1.05
MANY = 50

QUERY = "SELECT state, count(*), max(order_number) FROM {catalog}.gold.dim_customer GROUP BY state"
"""Of a table that has masked columns."""

_TIMES = 4
"""As many pairs as elsewhere so often: a query varies by more than the rules cost."""

_READ_AGAIN_S = 2.5
"""After this long Trino has read its rules again."""

_EVERYTHING = {"catalogs": [{"allow": "all"}], "schemas": [{"owner": True}], "tables": [{"privileges": ["SELECT"]}]}


class TrinoFigures:
    """Measures sandboxes and rules on the published reference lake.

    Args:
        servers: the stack.
        size: how much is measured.
    """

    def __init__(self, servers: Servers, size: Size) -> None:
        self._servers = servers
        self._size = size
        self._folder = servers.folder / "bi"
        self._trino = servers.state / "trino"

    def measure(self) -> list[Figure]:
        """Return the figures; the sandboxes are gone afterwards."""
        data = self._servers.folder / "olist"
        if not data.exists():
            generate(data, scale=self._size.scale)
        reference_lake(self._folder, self._servers.profile("bi"))
        self._servers.reset()
        job(data, self._folder, PROFILE)
        users, name = Users(self._trino), f"bench-{uuid.uuid4().hex[:6]}"
        password = users.add(name, "reader")
        contracts = Contracts.load(ROOT / "iceberg", FORMATS)
        write_rules(ROOT, self._trino, contracts)
        time.sleep(_READ_AGAIN_S)
        try:
            with (
                closing(self._connect(name, password)) as connection,
                variables(LAGOA_ROLE=ENGINEER),
                open_lake(self._folder, PROFILE) as lake,
            ):
                for _ in range(self._size.rounds):  # Java compiles what is asked often
                    _rows(connection, "lake")
                figures = [*self._one(connection), self._price(connection), *self._many(lake)]
                for each in lake.sandboxes():
                    lake.delete_ref(each.branch)
                return figures
        finally:
            users.remove(name)

    def _one(self, connection: Connection) -> list[Figure]:
        """Return how long the command takes, and then the first query of the sandbox."""
        made, asked = [], []
        for number in range(self._size.rounds):
            name = f"one_{number}"
            began = time.perf_counter()
            lagoa(self._folder, "--profile", PROFILE, "sandbox", "create", name)
            made.append(time.perf_counter() - began)
            began = time.perf_counter()
            _rows(connection, f"sandbox_{name}")
            asked.append(time.perf_counter() - began)
        note = f"median of {len(made)}, slowest {max(made):.2f} s; the whole command, with the start of Python"
        return [
            Figure("create a sandbox with its catalog", statistics.median(made), "s", CREATE_LIMIT_S, note=note),
            Figure(
                "the first query of it", statistics.median(asked), "s", QUERY_LIMIT_S, f"slowest {max(asked):.2f} s"
            ),
        ]

    def _price(self, connection: Connection) -> Figure:
        """Return what the query takes with the rules to what it takes when everything is allowed, in pairs."""
        rules = self._trino / FILE
        text, everything = rules.read_text("utf-8"), json.dumps(_EVERYTHING)
        ratios, beside = [], []
        try:
            for number in range(_TIMES * self._size.pairs):
                times = {}
                for now in (text, everything) if number % 2 else (everything, text):  # Java becomes faster meanwhile
                    rules.write_text(now, "utf-8")
                    time.sleep(_READ_AGAIN_S)
                    times[now] = median_ms(lambda: _rows(connection, "lake"), self._size.rounds)
                ratios.append(times[text] / times[everything])
                beside.append(times[everything])
        finally:
            rules.write_text(text, "utf-8")
        peer = f"everything allowed: {statistics.median(beside):.0f} ms"
        note = f"median of {len(ratios)} pairs, {min(ratios):.2f} to {max(ratios):.2f}; a table with masked columns"
        name = "a reader's query under the rules, to one without"
        return Figure(name, statistics.median(ratios), "x", PRICE_LIMIT, peer, note)

    def _many(self, lake: Lake) -> list[Figure]:
        """Return how long so many sandboxes take to be made, one after the other, and what Trino grows by."""
        before, began = self._servers.memory()["trino"], time.perf_counter()
        for number in range(MANY):
            lake.create_sandbox(f"many_{number}")
        seconds, after = time.perf_counter() - began, self._servers.memory()["trino"]
        return [
            Figure(f"{MANY} sandboxes, each to make", seconds / MANY, "s", CREATE_LIMIT_S, note="by `Lake`"),
            Figure(f"memory of Trino with {MANY} sandboxes more", after, "MiB", peer=f"before: {before:,.0f} MiB"),
        ]

    def _connect(self, name: str, password: str) -> Connection:
        import requests
        from trino.auth import BasicAuthentication
        from trino.dbapi import connect

        session = requests.Session()
        session.trust_env = False
        session.verify = str(self._trino / "ca.pem")
        host, _, port = os.environ["LAGOA_TRINO_URL"].removeprefix("https://").partition(":")
        made: Connection = connect(  # type: ignore[no-untyped-call]
            host=host, port=int(port), http_scheme="https", user=name, auth=BasicAuthentication(name, password),
            http_session=session,
        )  # fmt: skip
        return made


def _rows(connection: Connection, catalog: str) -> list[list[object]]:
    return list(connection.cursor().execute(QUERY.format(catalog=catalog)).fetchall())
