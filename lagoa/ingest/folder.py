"""Loads a folder: every file that a contract names as its source."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from lagoa.errors import BatchHeld, SourceError
from lagoa.ingest.early import EarlyLoads
from lagoa.ingest.load import file_size
from lagoa.ingest.results import FolderResult, IngestResult
from lagoa.sql_models.engine_choice import workers_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from lagoa.context import LakeContext
    from lagoa.domain.tables import TableName
    from lagoa.ingest.delivery import Delivery


def ingest_folder(
    context: LakeContext,
    branch: str,
    delivery: Delivery,
    *,
    workers: int | None = None,
    on_done: Callable[[IngestResult], None] | None = None,
    on_table: Callable[[Sequence[IngestResult]], None] | None = None,
) -> FolderResult:
    """Load the files of a folder: those of one table in the order of their names, of several tables in parallel.

    Each file is a separate commit on the branch. Files that cannot be read, or whose batch is held, do not stop the
    others: their error is raised at the end. After any other error no further file is started, those in progress are
    finished, and the error is raised. What was loaded stays on the branch, and loading the folder again skips it.

    Args:
        context: the lake.
        branch: a work branch.
        delivery: the files.
        workers: tables loaded at a time; by default the setting `workers`. Where Spark reads the files, those of one
            table are read side by side, too.
        on_done: called in this thread with each result as soon as it is there.
        on_table: called in this thread with the results of each table when its last file was loaded.

    Returns:
        One result per file, by table and name.

    Raises:
        LagoaError: as `ingest_file` does.
    """
    at_once = workers or context.settings.workers
    run = _FolderRun(delivery, at_once, on_done, on_table)
    far = workers_of(context, sum(file_size(path) for paths in delivery.files.values() for path in paths))
    with (
        context.engine.shared(at_once),
        ThreadPoolExecutor(at_once, "ingest") as pool,
        EarlyLoads(context, branch, far) as loads,
    ):
        run.run(lambda table, path: pool.submit(loads.load, table, path), loads.begin)
    if run.failures:
        raise _error(delivery, run.failures)
    results = [result for table in sorted(run.results) for result in run.results[table]]
    return FolderResult(results, delivery)


class _FolderRun:
    """The loading of one delivery: which files are in progress, and the results so far."""

    def __init__(
        self,
        delivery: Delivery,
        at_once: int,
        on_done: Callable[[IngestResult], None] | None,
        on_table: Callable[[Sequence[IngestResult]], None] | None,
    ) -> None:
        self.results: dict[TableName, list[IngestResult]] = {table: [] for table in delivery.files}
        self.failures: list[SourceError] = []
        self._at_once = at_once
        self._on_done, self._on_table = on_done, on_table
        longest_last = sorted(delivery.files.items(), key=lambda item: sum(map(file_size, item[1])))
        self._tables = [(table, list(reversed(paths))) for table, paths in longest_last]

    def run(
        self,
        load: Callable[[TableName, Path], Future[IngestResult]],
        prepare: Callable[[TableName, Sequence[Path]], None],
    ) -> None:
        """Load every file; `load` starts one, and `prepare` gets the next ones of a table that has loaded one."""
        running: dict[Future[IngestResult], tuple[TableName, list[Path]]] = {}
        while self._tables or running:
            while self._tables and len(running) < self._at_once:
                table, paths = self._tables.pop()
                running[load(table, paths[-1])] = table, paths
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                table, paths = running.pop(done)
                self._keep(table, paths.pop(), done)
                if paths:
                    prepare(table, paths[::-1])
                    running[load(table, paths[-1])] = table, paths
                elif self._on_table and self.results[table]:
                    self._on_table(self.results[table])

    def _keep(self, table: TableName, path: Path, done: Future[IngestResult]) -> None:
        try:
            result = done.result()
        except SourceError as error:
            self.failures.append(error)
            return
        except BatchHeld as error:
            self.failures.append(SourceError(str(path), error.message, error.advice))
            return
        self.results[table].append(result)
        if self._on_done:
            self._on_done(result)


def _error(delivery: Delivery, failures: Sequence[SourceError]) -> SourceError:
    """Return the one error, or one that has the messages of all."""
    if len(failures) == 1:
        return failures[0]
    lines = "\n".join(f"  {each.message} {each.advice}" for each in sorted(failures, key=lambda each: each.source))
    message = f"{len(failures)} of its {delivery.found} files were not loaded:\n{lines}"
    return SourceError(
        str(delivery.folder), message, "The other files were loaded; loading the folder again skips them."
    )
