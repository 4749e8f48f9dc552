"""Files of a table that workers read before it is their turn to be committed."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Self

from lagoa.ingest.load import file_load

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lagoa.context import LakeContext
    from lagoa.domain.ports.engine import Workers
    from lagoa.domain.tables import TableName
    from lagoa.ingest.load import Load
    from lagoa.ingest.results import IngestResult

_AT_ONCE = 64
"""Files that are in the hands of workers at a time, at most; how many they read at a time is theirs to say."""


class EarlyLoads:
    """The loads of a delivery on a branch; without workers none begins early.

    The first file of a table makes the table, or gives it the columns of its contract; the others are read meanwhile
    and after it, side by side, and committed in their order.

    Args:
        context: the lake.
        branch: a work branch.
        workers: processes that read the files; None if this one does.
    """

    def __init__(self, context: LakeContext, branch: str, workers: Workers | None) -> None:
        self._context, self._branch, self._workers = context, branch, workers
        self._begun: dict[tuple[TableName, Path], Future[Load]] = {}
        self._pool = ThreadPoolExecutor(_AT_ONCE, "early")

    def begin(self, table: TableName, paths: Sequence[Path]) -> None:
        """Begin to read files of a table that has been written."""
        if self._workers is not None:
            for path in paths:
                if (table, path) not in self._begun:
                    self._begun[table, path] = self._pool.submit(self._read, table, path)

    def load(self, table: TableName, path: Path) -> IngestResult:
        """Load a file, which may have been read; see `lagoa.ingest.load.ingest_file`."""
        begun = self._begun.get((table, path))
        load = begun.result() if begun else file_load(self._context, table, path, workers=self._workers)
        return load.commit(self._branch)

    def _read(self, table: TableName, path: Path) -> Load:
        load = file_load(self._context, table, path, workers=self._workers)
        load.read_early(self._branch)
        return load

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._pool.shutdown(cancel_futures=True)
