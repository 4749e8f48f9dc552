"""Loads what a source has that its tables on a branch do not have yet: records, batches and position in one commit."""

from __future__ import annotations

import json
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from lagoa.catalog.table_facts import positions_of
from lagoa.domain.faults import fault_point
from lagoa.domain.tables import TableName
from lagoa.ingest.load import file_load, files_load
from lagoa.sources.bad_answers import quarantine_answer
from lagoa.sources.kind import Workplace
from lagoa.sources.registry import KINDS
from lagoa.write import begin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pydantic import SecretStr

    from lagoa.context import LakeContext
    from lagoa.ingest import IngestResult
    from lagoa.sources.declaration import Mode
    from lagoa.sources.kind import Connection, Extract, Position
    from lagoa.sources.reading import Source


@contextmanager
def connected(context: LakeContext, source: Source) -> Iterator[Connection]:
    """Open a source; raises `SourceError`, `SourceUnavailable`, and what the secrets raise."""
    scratch = context.settings.state_folder / "sources"
    scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f"{source.name}-", dir=scratch) as folder:
        place = Workplace(
            root=context.settings.root,
            folder=Path(folder),
            secret=partial(_secret, context),
            records_of=lambda table: getattr(context.contracts[TableName.parse(table)].source, "records", None),
            clock=context.clock,
        )
        with KINDS[source.declared.kind].open(source.name, source.declared, place) as connection:
            yield connection


def _secret(context: LakeContext, name: str) -> SecretStr:
    return context.secrets.get(name)  # opened when a source has one


def load_source(
    context: LakeContext,
    branch: str,
    source: Source,
    tables: Sequence[TableName] | None = None,
    *,
    on_done: Callable[[IngestResult], None] | None = None,
) -> list[IngestResult]:
    """Load what is new in a source, one table after the other.

    A killed load goes on where it was committed last: loading the source again gives what one load would have given.

    Args:
        context: the lake.
        branch: a work branch.
        source: the source.
        tables: some of its tables; by default all of them.
        on_done: called with each result as soon as it is committed.

    Returns:
        One result per file or page, in the order of loading.

    Raises:
        SourceError, SourceUnavailable: what was committed before stays on the branch.
        LagoaError: as `lagoa.ingest.ingest_file` does.
    """
    results: list[IngestResult] = []
    with connected(context, source) as connection:
        for table in source.tables if tables is None else tables:
            mode = source.declared.tables[str(table)].mode
            for extract in connection.read(table, position_of(context, branch, table, source.name)):
                for result in _load(context, branch, source.name, table, extract, mode):
                    results.append(result)
                    if on_done:
                        on_done(result)
    return results


def position_of(context: LakeContext, ref: str, table: TableName, source: str) -> Position | None:
    """Return how far a table at a ref has what a source has; None if it has nothing of it."""
    pointer = context.pointers(ref).get(table)
    if pointer is None:
        return None
    found: Position | None = positions_of(context.metadata.facts(pointer).properties).get(source)
    return found


def _load(
    context: LakeContext, branch: str, source: str, table: TableName, extract: Extract, mode: Mode
) -> Iterator[IngestResult]:
    """Load one extract as one commit; yield what became of its files, if it has any."""
    load = None
    if len(extract.files) == 1:
        load = file_load(context, table, extract.files[0], how=mode)
    elif extract.files:
        load = files_load(context, table, extract.files, mode)
    moved = extract.position is not None and extract.position != position_of(context, branch, table, source)
    with begin(context, branch, f"load {table} from {source}") as tx:
        result = load.write(tx) if load else None
        if moved:
            tx.note_position(table, source, json.dumps(extract.position, sort_keys=True))
        for answer in extract.bad:
            quarantine_answer(context, tx, table, answer)
        fault_point("source.written")
    if load and result:
        yield load.committed(result, tx)
