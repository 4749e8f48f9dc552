"""Loads what a source has that its tables on a branch do not have yet: records, batches and position in one commit."""

from __future__ import annotations

import json
import shutil
import time
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from lagoa.catalog.table_facts import positions_of
from lagoa.domain.faults import fault_point
from lagoa.domain.tables import TableName
from lagoa.errors import SourceError
from lagoa.ingest.load import file_load, files_load
from lagoa.sources.bad_answers import quarantine_answer
from lagoa.sources.kind import Workplace
from lagoa.sources.raw import Facts, RawLayer
from lagoa.sources.registry import KINDS
from lagoa.write import begin

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from pydantic import SecretStr

    from lagoa.context import LakeContext
    from lagoa.domain.commits import LoadMode
    from lagoa.ingest import IngestResult
    from lagoa.ingest.load import Load
    from lagoa.sources.kind import BadAnswer, Connection, Extract, Position
    from lagoa.sources.raw import RawExtract
    from lagoa.sources.reading import Source


_LEFT_S = 86_400
"""Files that are not kept and were left so long ago are nobody's."""


@contextmanager
def connected(context: LakeContext, source: Source) -> Iterator[Connection]:
    """Open a source; raises `SourceError`, `SourceUnavailable`, and what the secrets raise."""
    with TemporaryDirectory(prefix=f"{source.name}-", dir=_scratch(context)) as folder:
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
    context: LakeContext, branch: str, source: Source, tables: Sequence[TableName]
) -> Iterator[IngestResult]:
    """Load what is new in a source, one table after the other; yield each result as soon as it is committed.

    A killed load goes on where it was committed last: loading the source again gives what one load would have given.

    Args:
        context: the lake.
        branch: a work branch.
        source: the source.
        tables: some of its tables.

    Raises:
        SourceError, SourceUnavailable: what was committed before stays on the branch.
        LagoaError: as `lagoa.ingest.ingest_file` does.
    """
    with connected(context, source) as connection:
        for table in tables:
            for extract in connection.read(table, position_of(context, branch, table, source.name)):
                if result := _load(context, branch, source, table, extract):
                    yield result


def position_of(context: LakeContext, ref: str, table: TableName, source: str) -> Position | None:
    """Return how far a table at a ref has what a source has; None if it has nothing of it."""
    pointer = context.pointers(ref).get(table)
    if pointer is None:
        return None
    found: Position | None = positions_of(context.metadata.facts(pointer).properties).get(source)
    return found


def rebuild_from_raw(
    context: LakeContext, branch: str, source: Source, tables: Sequence[TableName]
) -> Iterator[IngestResult]:
    """Make tables again from what the raw layer has of a source; yield each result as soon as it is committed.

    The source is not asked, and the rows are the same. Of a table that is there, what is loaded is what it contains; of
    another one, all that was kept. Records that were accepted from quarantine wait there again.

    Args:
        context: the lake.
        branch: a work branch.
        source: the source.
        tables: some of its tables.

    Raises:
        SourceError: nothing was kept, or a file is missing or was changed.
        LagoaError: as `lagoa.ingest.ingest_file` does.
    """
    layer = RawLayer(context.storage, source.name)
    for table in tables:
        extracts = _of_table(context, branch, source.name, table, layer.extracts(table))
        if not extracts:
            advice = "Write `raw: true` in its declaration: what is loaded from then on is kept."
            raise SourceError(source.name, f"the raw layer has nothing of {table}.", advice)
        if table in context.pointers(branch):
            with begin(context, branch, f"make {table} again from raw") as tx:
                tx.drop(table)
        for extract in extracts:
            with TemporaryDirectory(prefix=f"{source.name}-", dir=_scratch(context)) as folder:
                files = layer.fetch(extract, Path(folder))
                load = _load_of(context, table, files, extract.facts.mode, extract.facts.moment)
                result = _commit(context, branch, source.name, table, load, extract.facts.position)
            if result:
                yield result


def _of_table(
    context: LakeContext, branch: str, source: str, table: TableName, extracts: Sequence[RawExtract]
) -> Sequence[RawExtract]:
    """Return the extracts that a table contains; all of them if it is not there, the last one if each replaces all."""
    pointer = context.pointers(branch).get(table)
    replaced = [each for each in extracts if each.facts.mode == "replace"]
    if pointer is None:
        return replaced[-1:] or extracts
    facts = context.metadata.facts(pointer)
    if replaced:
        position = positions_of(facts.properties).get(source)
        return [each for each in replaced if each.facts.position == position][-1:]
    known = context.batches.of(facts.properties).all()
    return [each for each in extracts if each.facts.batch in known]


def _load(context: LakeContext, branch: str, source: Source, table: TableName, extract: Extract) -> IngestResult | None:
    """Load one extract as one commit; return what became of its files, if it has any."""
    mode, moment = source.declared.tables[str(table)].mode, context.clock()
    load = _load_of(context, table, extract.files, mode, moment) if extract.files else None
    known = load.known(branch) if load else None
    if known is not None and extract.position is None:  # there is nothing to commit
        return known
    if load is not None and source.declared.raw and known is None:
        facts = Facts(load.batch, moment, mode, extract.position)
        RawLayer(context.storage, source.name).keep(table, extract.files, facts)
        fault_point("source.kept")
    return _commit(context, branch, source.name, table, load, extract.position, extract.bad)


def _load_of(context: LakeContext, table: TableName, files: Sequence[Path], mode: LoadMode, moment: datetime) -> Load:
    if len(files) == 1:
        return file_load(context, table, files[0], how=mode, moment=moment)
    return files_load(context, table, files, mode, moment)


def _commit(  # noqa: PLR0913, PLR0917 - the parts of one commit
    context: LakeContext,
    branch: str,
    source: str,
    table: TableName,
    load: Load | None,
    position: Position | None,
    bad: Sequence[BadAnswer] = (),
) -> IngestResult | None:
    """Commit rows, refused records, bad answers and position together; return what became of the rows."""
    with begin(context, branch, f"load {table} from {source}") as tx:
        result = load.write(tx) if load else None
        if position is not None:
            tx.note_position(table, source, json.dumps(position, sort_keys=True))
        for answer in bad:
            quarantine_answer(context, tx, table, answer)
        fault_point("source.written")
    return load.committed(result, tx) if load and result else None


def _scratch(context: LakeContext) -> Path:
    """Return the folder for files that are not kept; what processes left there that were killed is removed."""
    folder = context.settings.state_folder / "sources"
    folder.mkdir(parents=True, exist_ok=True)
    oldest = time.time() - _LEFT_S
    for left in folder.iterdir():
        with suppress(OSError):  # another process removes it, too
            if left.stat().st_mtime < oldest:
                shutil.rmtree(left)
    return folder
