"""Holds: batches that were rolled back and are refused if they are loaded again with the same content.

A hold is a property of the table's namespace. So it is part of the commit that rolls the batch back, exists also for
tables which that commit removes, and leaves every table's pointer equal to the audited one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.errors import BatchHeld
from lagoa.write.fingerprints import same

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lagoa.catalog.batches import TableBatches
    from lagoa.domain.commits import Batch
    from lagoa.domain.ports.catalog import Namespace, VersionedCatalog
    from lagoa.domain.tables import TableName

HELD = "lagoa.held."
"""Prefix of the namespace property of a held batch, followed by the table's name, a dot and the batch's id."""


def with_holds(
    namespaces: Mapping[Namespace, Mapping[str, str]],
    hold: Iterable[tuple[TableName, Batch]],
    release: Iterable[tuple[TableName, Batch]],
) -> dict[Namespace, Mapping[str, str]]:
    """Return the changed namespaces, with their properties, after batches are held and others released."""
    changed: dict[Namespace, dict[str, str]] = {}
    for table, batch in hold:
        properties = changed.setdefault(table.namespace, dict(namespaces.get(table.namespace, {})))
        properties[_property(table, batch.id)] = batch.fingerprint
    for table, batch in release:
        properties = changed.get(table.namespace) or dict(namespaces.get(table.namespace, {}))
        if properties.pop(_property(table, batch.id), None) is not None:
            changed[table.namespace] = properties
    return dict(changed)


def held_batches(catalog: VersionedCatalog, commit: str, table: TableName) -> dict[str, str]:
    """Return the fingerprint of each batch of a table that is held at a commit, by the batch's id."""
    prefix = _property(table, "")
    properties = catalog.namespaces(commit).get(table.namespace, {})
    return {name.removeprefix(prefix): value for name, value in properties.items() if name.startswith(prefix)}


def refuse_held_within(
    catalog: VersionedCatalog, commit: str, tables: Mapping[TableName, tuple[TableBatches, TableBatches]]
) -> None:
    """Refuse tables with a batch that is held at a commit, under whatever id its content was loaded.

    Args:
        catalog: the catalog.
        commit: the commit with the holds.
        tables: by table, its batches there, and those that it will have.

    Raises:
        BatchHeld: with the first such batch.
    """
    for table, (before, after) in tables.items():
        for held, fingerprint in held_batches(catalog, commit, table).items():
            if any(same(fingerprint, each.fingerprint) for each in after.missing_from(before).values()):
                raise BatchHeld(table, held)


def _property(table: TableName, batch: str) -> str:
    return f"{HELD}{table.name}.{batch}"
