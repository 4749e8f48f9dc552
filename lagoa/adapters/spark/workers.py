"""Work of Lagoa in the Python processes of Spark's executors, each with a session of the embedded engine."""

from __future__ import annotations

import pickle
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Condition
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from lagoa.domain.faults import fault_point
from lagoa.domain.handover import of_error, read_answer
from lagoa.errors import LagoaError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import pyarrow as pa
    from pyspark.sql import SparkSession

    from lagoa.adapters.spark.engine import SparkEngine
    from lagoa.domain.ports.engine import SqlEngine, SqlSession
    from lagoa.storage.port import Storage

_T = TypeVar("_T")

OpenEngine: TypeAlias = "Callable[[Storage, Path], SqlEngine]"
"""Opens the embedded engine, given the lake's files and a folder for what it spills; it can be pickled."""

_OF_CONNECT = 8
"""Tasks at a time where a server of Spark Connect does not say how many cores there are."""

_WAIT_S = 1.0


class SparkWorkers:
    """`Workers` that are Spark's executors: one task of one partition each.

    Args:
        engine: runs Spark.
        storage: opens the lake's files.
        open_engine: see `OpenEngine`.
    """

    def __init__(self, engine: SparkEngine, storage: Storage, open_engine: OpenEngine) -> None:
        self._engine, self._storage, self._open_engine = engine, storage, open_engine
        self._running = 0
        self._changed = Condition()

    def run(self, task: Callable[[SqlSession], _T]) -> _T:
        """Run a function on an executor; see `Workers.run`."""

        def submit(spark: SparkSession) -> bytes:
            with self._turn(spark):
                # Within its turn: the keys in it do not grow old while others run.
                work = pickle.dumps((task, self._storage.for_worker(), self._open_engine))
                (row,) = spark.range(0, 1, 1, 1).mapInArrow(_mapped(work), "answer binary").collect()
                return bytes(row.answer)

        fault_point("engine.asked")
        answer, error = pickle.loads(self._engine.act(submit))  # noqa: S301 - from this lake's own cluster
        if error:
            read_answer(error)
        fault_point("engine.done")
        result: _T = answer
        return result

    @contextmanager
    def _turn(self, spark: SparkSession) -> Iterator[None]:
        """Wait until a core is free, or will be soon; tasks that wait make Spark start executors, if it may."""
        with self._changed:
            while self._running >= 2 * _cores(spark):
                self._changed.wait(_WAIT_S)
            self._running += 1
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify()


def _cores(spark: SparkSession) -> int:
    # Only a session of this process has the attribute.
    context: Any = spark.__dict__.get("_sc")
    return context.defaultParallelism if context is not None else _OF_CONNECT


def _mapped(work: bytes) -> Callable[[Iterable[pa.RecordBatch]], Iterable[pa.RecordBatch]]:
    def mapped(nothing: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        list(nothing)  # a Python process whose input was not read to its end is not used again
        yield pa.RecordBatch.from_pydict({"answer": pa.array([_done(work)], pa.binary())})

    return mapped


def _done(work: bytes) -> bytes:
    """Do the work, in an executor; return the pickled result, or its error as a document: errors cannot be pickled."""
    task, storage, open_engine = pickle.loads(work)  # noqa: S301 - from the process that this one works for
    with (
        TemporaryDirectory(prefix="lagoa-") as folder,
        closing(open_engine(storage, Path(folder))) as engine,
        engine.session({}) as session,
    ):
        try:
            return pickle.dumps((task(session), None))
        except LagoaError as error:
            return pickle.dumps((None, of_error(error)))
