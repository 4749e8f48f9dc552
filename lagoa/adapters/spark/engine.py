"""Models and checks on Spark: it reads the lake's tables, and writes files that Lagoa commits."""

from __future__ import annotations

import re
from contextlib import contextmanager, suppress
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from lagoa.adapters.shared.engine_files import build_files, insert_sql
from lagoa.adapters.spark.session import SPARK, first_line, session_at, start
from lagoa.adapters.spark.workers import SparkWorkers
from lagoa.catalog.readable import files_size
from lagoa.domain.optional import extra
from lagoa.domain.sql_names import name_in_spark
from lagoa.errors import EngineUnavailable, QueryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from pyiceberg.table.metadata import TableMetadata
    from pyspark.sql import SparkSession

    from lagoa.adapters.shared.engine_files import LentBranch
    from lagoa.adapters.spark.session import SparkOptions
    from lagoa.adapters.spark.workers import OpenEngine
    from lagoa.domain.ports.catalog import Pointers
    from lagoa.domain.ports.engine import Asked
    from lagoa.storage.port import Storage

_T = TypeVar("_T")

_PARTITION_BYTES = 16 * 1024**2
"""Of data files: decompressed, about what Spark advises for a part."""

_FEWEST, _MOST = 4, 4096

_AWAY = re.compile(
    r"SparkContext (was|has been) (shut ?down|stopped)|stopped SparkContext|masters are unresponsive"
    r"|StatusCode.UNAVAILABLE|ServiceFailureException|ServiceUnavailableException|NotAuthorizedException|RESTException|SdkClientException"
)
"""In what Spark says when itself, Nessie or the object store fails, not the query."""


class SparkEngine:
    """A `ModelEngine` on Spark, which is started when the first model runs; threads may share one.

    Args:
        options: where Spark is.
        storage: opens the lake's files.
        lend: makes a branch that has exactly some tables.
        open_engine: opens the embedded engine in an executor.
        asked: is told each query that was run.

    Attributes:
        workers: the executors.
    """

    name: Literal["spark"] = "spark"

    def __init__(
        self,
        options: SparkOptions,
        storage: Storage,
        lend: Callable[[Pointers], AbstractContextManager[LentBranch]],
        open_engine: OpenEngine,
        asked: Asked,
    ) -> None:
        self._options, self._storage, self._lend, self._asked = options, storage, lend, asked
        self.workers = SparkWorkers(self, storage, open_engine)
        self._spark: SparkSession | None = None
        self._lock = Lock()

    def build(self, query: str, tables: Pointers, table: TableMetadata) -> str:
        """Run a query and write its rows as data files of a table; see `ModelEngine.build`."""
        statement = insert_sql(query, table, name_in_spark)
        insert = partial(self._in_session, lambda session: session.sql(statement), self._partitions(tables))
        built = build_files(self._storage, self._lend, tables, table, insert)
        self._asked(query, tables, None)
        return built

    @contextmanager
    def reading(self, tables: Pointers) -> Iterator[Callable[[str], list[tuple[Any, ...]]]]:
        """Yield a function that runs a SELECT over some tables; see `ModelEngine.reading`."""
        partitions = self._partitions(tables)

        def rows(query: str) -> list[tuple[Any, ...]]:
            found = self._in_session(partial(_rows, query), partitions, lent.branch)
            self._asked(query, tables, None)
            return found

        with self._lend(tables) as lent:
            yield rows

    def close(self) -> None:
        """End Spark, or the connection to it."""
        with self._lock:
            spark, self._spark = self._spark, None
        if spark is not None:
            spark.stop()

    def act(self, act: Callable[[SparkSession], _T]) -> _T:
        """Do something with Spark, which is started if it is not there; return what comes of it.

        Raises:
            QueryError: Spark refuses or fails to do it.
            EngineUnavailable: it is away.
        """
        spark = self._started()  # imports PySpark, which two threads must not do at a time
        with extra("spark", SPARK):
            from py4j.protocol import Py4JError, Py4JJavaError
            from pyspark.errors import PySparkException

        try:
            return act(spark)
        except (PySparkException, Py4JJavaError) as error:
            if _AWAY.search(str(error)):
                raise self._away(spark, error) from error
            raise QueryError(f"Spark: {first_line(error)}.", "Fix the query and run it again.") from error
        except (Py4JError, OSError) as error:  # the process is gone
            raise self._away(spark, error) from error

    def _in_session(self, do: Callable[[SparkSession], _T], partitions: int, branch: str) -> _T:
        """Do something in a session that has the tables of a branch; return what comes of it."""

        def act(spark: SparkSession) -> _T:
            with session_at(spark, self._options, branch) as session:
                session.conf.set("spark.sql.shuffle.partitions", str(partitions))
                return do(session)

        return self.act(act)

    def _partitions(self, tables: Pointers) -> int:
        """Return into how many parts rows of some tables are shuffled; Spark may join small ones."""
        size = sum(files_size(pointer, self._storage.read) for pointer in tables.values())
        return min(max(size // _PARTITION_BYTES, _FEWEST), _MOST)

    def _away(self, spark: SparkSession, error: Exception) -> EngineUnavailable:
        """Return the error, and have the next query start Spark again."""
        with self._lock:
            if self._spark is spark:
                self._spark = None
        with suppress(Exception):  # whatever is left of it
            spark.stop()
        return EngineUnavailable("Spark", f"failed while a query ran: {first_line(error)}")

    def _started(self) -> SparkSession:
        with self._lock:
            if self._spark is None:
                self._spark = start(self._options)
            return self._spark


def _rows(query: str, session: SparkSession) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in session.sql(query).collect()]
