"""TPC-H: its 22 queries by Trino and Spark beside DuckDB, each asked as its users do, with the same rows.

The tables are those of one published commit on the stack. DuckDB is asked by `Lake.sql`; Trino as a reader with a
password, of the catalog `lake`; Spark in an application with the settings that `lagoa connect spark` prints. The SQL is
the same text, without Lagoa's rules for models: each engine divides and averages as it always does.
"""

from __future__ import annotations

import os
import re
import statistics
import time
import uuid
from collections import defaultdict
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from benchmarks.commands import extension, lagoa
from benchmarks.figures import Figure
from benchmarks.main_job import ROOT
from benchmarks.stack_servers import PROFILE
from benchmarks.tpch import TABLES
from lagoa.bootstrap import open_lake
from lagoa.connect import connect as settings_for
from lagoa.contracts import Contracts
from lagoa.domain.credentials import CREDENTIALS_FILE, read_credentials
from lagoa.formats import FORMATS
from lagoa.stack.servers.trino.rules import write_rules
from lagoa.stack.servers.trino.users import Users

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from benchmarks.stack_servers import Servers, Size
    from lagoa.lake import Lake

QUERIES = {int(file.stem): file.read_text("utf-8") for file in sorted(Path(__file__).parent.glob("tpch/queries/*.sql"))}
"""By number, with the parameters by which the specification validates answers."""

ROUNDS = 3
"""Times that each engine is asked everything; the first finds cold caches, so the median is of warm ones."""

_BRANCH = "run/load"

_CLOSE = 1e-6
"""How far floating-point numbers may differ, in proportion."""

_READ_AGAIN_S = 2.5
"""After this long Trino has read its rules again."""

_BACK_S = 180
"""So long an engine has to answer again after a query that ended its server."""

Row = tuple[Any, ...]


class TpchFigures:
    """Measures the queries.

    Args:
        servers: the stack.
        size: how much is measured.
    """

    def __init__(self, servers: Servers, size: Size) -> None:
        self._servers, self._scale = servers, size.tpch
        self._folder = servers.folder / "tpch"
        self._trino = servers.state / "trino"

    def measure(self) -> list[Figure]:
        """Return what all queries take on each engine; raises `RuntimeError` when one has other rows than DuckDB."""
        self._publish()
        with (
            open_lake(self._folder, PROFILE) as lake,
            self._asked_of_trino() as trino,
            self._asked_of_spark(lake) as spark,
        ):
            asked: dict[str, Callable[[str], list[Row]]] = {
                "DuckDB": lambda sql: lake.sql(sql).fetchall(),
                "Trino": trino,
                "Spark": spark,
            }
            seconds, failures = _timed(asked)
        return [_figure(name, self._scale, seconds, failures[name]) for name in asked]

    def _publish(self) -> None:
        """Load the eight tables from Parquet files, as a user does, and publish them; its people are nobody's."""
        delivery = self._servers.folder / "tpch-delivery"
        delivery.mkdir()
        with closing(duckdb.connect()) as connection:
            connection.execute(f"LOAD '{extension('tpch')}'; CALL dbgen(sf = {self._scale})")
            for table in TABLES:
                connection.execute(f"COPY {table} TO '{delivery / f'{table}.parquet'}'")
        self._folder.mkdir()
        (self._folder / "lagoa.toml").write_text(f'name = "tpch"\n{self._servers.profile("tpch")}', "utf-8")
        lagoa(self._folder, "contract", "infer", *sorted(delivery.iterdir()), "--layer", "gold")
        for contract in self._folder.glob("iceberg/gold/*.yaml"):  # else who asks Trino would see NULL for addresses
            text = re.sub(r"^ *classification: .*\n", "", contract.read_text("utf-8"), flags=re.MULTILINE)
            contract.write_text(text, "utf-8")
        self._servers.reset()
        for command in (
            ("branch", "create", _BRANCH),
            ("ingest", delivery, "--branch", _BRANCH),
            ("publish", _BRANCH),
        ):
            lagoa(self._folder, "--profile", PROFILE, *command)

    @contextmanager
    def _asked_of_trino(self) -> Iterator[Callable[[str], list[Row]]]:
        """Yield what asks Trino as a reader."""
        import requests
        from trino.auth import BasicAuthentication
        from trino.dbapi import connect

        users, name = Users(self._trino), f"tpch-{uuid.uuid4().hex[:6]}"
        password = users.add(name, "reader")
        write_rules(ROOT, self._trino, Contracts.load(self._folder / "iceberg", FORMATS))
        time.sleep(_READ_AGAIN_S)
        session = requests.Session()
        session.trust_env, session.verify = False, str(self._trino / "ca.pem")
        host, _, port = os.environ["LAGOA_TRINO_URL"].removeprefix("https://").partition(":")
        with closing(
            connect(  # type: ignore[no-untyped-call]
                host=host, port=int(port), http_scheme="https", user=name, catalog="lake", http_session=session,
                auth=BasicAuthentication(name, password), max_attempts=1,
            )
        ) as connection:  # fmt: skip
            try:
                yield lambda sql: [tuple(row) for row in connection.cursor().execute(sql).fetchall()]
            finally:
                users.remove(name)

    @contextmanager
    def _asked_of_spark(self, lake: Lake) -> Iterator[Callable[[str], list[Row]]]:
        """Yield what asks Spark on the stack's workers, as the role reader."""
        from pyspark.sql import SparkSession

        os.environ |= {"SPARK_CONF_DIR": os.environ["LAGOA_SPARK_CONF"], "SPARK_LOCAL_IP": "127.0.0.1"}
        builder: Any = SparkSession.builder.appName("tpch")
        for name, value in {"spark.log.level": "FATAL", "spark.ui.showConsoleProgress": "false"}.items():
            builder = builder.config(name, value)
        for line in settings_for(lake.context, "spark").splitlines():
            if not line.startswith("#"):
                builder = builder.config(*line.split(maxsplit=1))
        session = builder.getOrCreate()
        secret = read_credentials(self._servers.state / CREDENTIALS_FILE)["oidc-client-reader"]
        session.conf.set("spark.sql.catalog.lake.credential", f"lagoa-reader:{secret}")
        session.sql("USE lake")
        try:
            yield lambda sql: [tuple(row) for row in session.sql(sql).collect()]
        finally:
            session.stop()


Seconds = dict[tuple[str, int], list[float]]
Failures = dict[str, dict[int, str]]


def _timed(asked: Mapping[str, Callable[[str], list[Row]]]) -> tuple[Seconds, Failures]:
    """Return the seconds by engine and query, and why queries failed; what failed once is not asked again."""
    seconds: Seconds = defaultdict(list)
    failures: Failures = {name: {} for name in asked}
    wanted: dict[int, list[Row]] = {}
    for _ in range(ROUNDS):
        for name, ask in asked.items():
            for number, sql in QUERIES.items():
                if number in failures[name]:
                    continue
                began = time.perf_counter()
                try:
                    rows = ask(sql)
                except Exception as error:  # noqa: BLE001 - that an engine cannot answer is a result, too
                    failures[name][number] = str(getattr(error, "error_name", None) or type(error).__name__)
                    _wait(ask)
                    continue
                seconds[name, number].append(time.perf_counter() - began)
                check_rows(name, number, wanted.setdefault(number, rows), rows)
    return seconds, failures


def _wait(ask: Callable[[str], list[Row]]) -> None:
    """Wait until an engine answers again: the failure may have ended its server, which is then started anew."""
    deadline = time.monotonic() + _BACK_S
    while True:
        try:
            ask("SELECT count(*) FROM gold.region")
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)
        else:
            return


def check_rows(name: str, number: int, wanted: Sequence[Row], found: Sequence[Row]) -> None:
    """Raise `RuntimeError` when an engine has other rows than DuckDB, whatever their order."""
    pairs = list(zip(sorted(wanted, key=_key), sorted(found, key=_key), strict=False))
    other = [pair for pair in pairs if len(pair[0]) != len(pair[1]) or not all(map(_close, *pair))]
    if len(wanted) != len(found) or other:
        message = f"query {number} has {len(found)} rows on {name}, and {len(wanted)} on DuckDB; {len(other)} differ"
        raise RuntimeError(f"{message}: {other[:1]}")


def _key(row: Row) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Return by what a row is found again on another engine: first all that must be equal."""
    numbers = [float(each) for each in row if isinstance(each, float | Decimal)]
    return tuple(str(each) for each in row if not isinstance(each, float | Decimal)), tuple(numbers)


def _close(one: Any, other: Any) -> bool:
    """Return whether two values are the same: decimals to the digits that both have, other numbers nearly."""
    if not all(isinstance(each, int | float | Decimal) for each in (one, other)):
        return bool(one == other)
    digits = [-int(each.as_tuple().exponent) for each in (one, other) if isinstance(each, Decimal)]
    rounding = 0.51 * 10.0 ** -min(digits) if digits else 0.0
    return abs(float(one) - float(other)) <= max(rounding, _CLOSE * abs(float(one)))


def _figure(name: str, scale: float, seconds: Seconds, failed: Mapping[int, str]) -> Figure:
    times = {number: statistics.median(seconds[name, number]) for number in QUERIES if number not in failed}
    total, beside = sum(times.values()), sum(statistics.median(seconds["DuckDB", number]) for number in times)
    peer = "" if name == "DuckDB" else f"DuckDB, the same queries: {beside:.1f} s, {total / beside:.1f} x"
    parts = [", ".join(f"{number}: {each:.2f}" for number, each in times.items())]
    parts += [f"{number} fails: {why}" for number, why in failed.items()]
    which = "all 22 queries" if not failed else f"{len(times)} of the 22 queries"
    note = f"{'; '.join(parts)}; medians of {ROUNDS}"
    return Figure(f"TPC-H at scale {scale:g}, {which} on {name}", total, "s", peer=peer, note=note)
