"""Loads a folder: every file that a contract names as its source."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING

from lagoa.errors import SourceError
from lagoa.ingest.load import ingest_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lagoa.context import LakeContext
    from lagoa.domain.tables import TableName
    from lagoa.ingest.results import IngestResult


def source_files(context: LakeContext, folder: Path) -> dict[TableName, Path]:
    """Return the files of a folder that contracts name as their sources, by table.

    Raises:
        SourceError: there is no such folder, it may not be read, or no contract names a file in it.
    """
    named = {each.table: each.source.file for each in context.contracts if each.source and each.source.file}
    try:
        if not folder.is_dir():
            raise SourceError(str(folder), "there is no such folder.", "Check the path.")
        found = {table: folder / name for table, name in named.items() if (folder / name).is_file()}
    except OSError as error:
        raise SourceError(
            str(folder), f"it cannot be read: {error.strerror}.", "Give this user the right to read it."
        ) from error
    if not found:
        raise SourceError(
            str(folder),
            f"no contract names a file in it; they name {', '.join(sorted(set(named.values()))) or 'none'}.",
            "Add `file: NAME` to `lagoa.source` of a contract, or load one file with `lagoa ingest FILE --into TABLE`.",
        )
    return found


def ingest_folder(
    context: LakeContext,
    branch: str,
    folder: Path,
    *,
    workers: int | None = None,
    on_done: Callable[[IngestResult], None] | None = None,
) -> list[IngestResult]:
    """Load every file of a folder that a contract names as its source, in parallel, the largest first.

    Each file is a separate commit on the branch. If one fails, no other is started, those in progress are finished,
    and its error is raised; what was loaded stays on the branch, and loading the folder again skips it.

    Args:
        context: the lake.
        branch: a work branch.
        folder: where the files are.
        workers: files loaded at a time; by default the setting `workers`.
        on_done: called in this thread with each result as soon as it is there.

    Returns:
        One result per file, by table.

    Raises:
        LagoaError: as `ingest_file` does.
    """
    files = source_files(context, folder)
    longest_first = sorted(files, key=lambda table: files[table].stat().st_size, reverse=True)
    at_once = workers or context.settings.workers
    results = []
    with context.engine.shared(at_once), ThreadPoolExecutor(at_once, "ingest") as pool:
        tasks = [pool.submit(ingest_file, context, branch, table, files[table]) for table in longest_first]
        try:
            for task in as_completed(tasks):
                results.append(task.result())
                if on_done:
                    on_done(results[-1])
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return sorted(results, key=lambda result: result.table)
