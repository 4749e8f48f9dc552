"""Batches that were rolled back and are refused when they come again with the same content.

A hold is a property of the table's namespace, so it lands in the very commit that rolls the batch back, stands there
for tables which that commit removes, and leaves every table's pointer equal to the one that was audited.
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
"""Namespace property of a held batch: this, the table's own name, a dot and the batch's id; likewise."""


def with_holds(
    namespaces: Mapping[Namespace, Mapping[str, str]],
    hold: Iterable[tuple[TableName, Batch]],
    release: Iterable[tuple[TableName, Batch]],
) -> dict[Namespace, Mapping[str, str]]:
    """Return the namespaces that change, with their properties, when batches are held and others released."""
    changed: dict[Namespace, dict[str, str]] = {}
    for table, batch in hold:
        properties = changed.setdefault(table.namespace, dict(namespaces.get(table.namespace, {})))
        properties[_property(table, batch.id)] = batch.fingerprint
    for table, batch in release:
        properties = changed.get(table.namespace) or dict(namespaces.get(table.namespace, {}))
        if properties.pop(_property(table, batch.id), None) is not None:
            changed[table.namespace] = properties
    return dict(changed)


def held_fingerprint(catalog: VersionedCatalog, commit: str, table: TableName, batch: str) -> str | None:
    """Return the fingerprint of the content of a batch that is held at a commit; None where none is."""
    return catalog.namespaces(commit).get(table.namespace, {}).get(_property(table, batch))


def refuse_held_within(catalog: VersionedCatalog, commit: str, tables: Mapping[TableName, TableBatches]) -> None:
    """Let tables pass unless they hold a batch that is held at a commit.

    Raises:
        BatchHeld: the first such batch.
    """
    namespaces = catalog.namespaces(commit)
    for table, batches in tables.items():
        prefix = _property(table, "")
        for mark, fingerprint in namespaces.get(table.namespace, {}).items():
            if mark.startswith(prefix):
                batch = mark.removeprefix(prefix)
                there = batches.get(batch)
                if there is not None and same(fingerprint, there.fingerprint):
                    raise BatchHeld(table, batch)


def _property(table: TableName, batch: str) -> str:
    return f"{HELD}{table.name}.{batch}"
