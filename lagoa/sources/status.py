"""What is known of the declared sources: how far each table has what its source has, and since when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lagoa.catalog.table_facts import positions_of
from lagoa.sources.reading import read_sources

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lagoa.context import LakeContext
    from lagoa.domain.commits import LoadMode
    from lagoa.domain.tables import TableName
    from lagoa.sources.kind import Position
    from lagoa.sources.reading import Source


@dataclass(frozen=True, slots=True)
class SourceTableState:
    """One table of one source at a ref.

    Attributes:
        source: name of the source.
        kind: its kind.
        owner: who answers for it.
        table: the table.
        mode: how what was read gets into it.
        position: where the next read begins; None if nothing was loaded, or if batches say what is new.
        changed_at: when the table was written last (UTC); None if there is none yet.
    """

    source: str
    kind: str
    owner: str
    table: TableName
    mode: LoadMode
    position: Position | None
    changed_at: datetime | None


def lake_sources(context: LakeContext) -> tuple[Source, ...]:
    """Return the declared sources, by name.

    Raises:
        DeclarationError: a declaration cannot be used.
    """
    sources, faults = read_sources(context.settings.sources_folder, context.contracts)
    if faults:
        raise faults[0]
    return tuple(sources[name] for name in sorted(sources))


def source_states(context: LakeContext, ref: str) -> Sequence[SourceTableState]:
    """Return the state of each table of each source at a ref; raises as `lake_sources` does."""
    states, pointers = [], context.pointers(ref)
    for source in lake_sources(context):
        for table in source.tables:
            pointer = pointers.get(table)
            found = context.metadata.parsed(pointer) if pointer else None
            states.append(
                SourceTableState(
                    source=source.name,
                    kind=source.declared.kind,
                    owner=source.declared.owner,
                    table=table,
                    mode=source.declared.tables[str(table)].mode,
                    position=positions_of(found.properties).get(source.name) if found else None,
                    changed_at=datetime.fromtimestamp(found.last_updated_ms / 1000, UTC) if found else None,
                )
            )
    return states
