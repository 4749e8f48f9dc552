"""Batches that were rolled back and are refused when they come again with the same content.

A hold is a property of the table's namespace, so it lands in the very commit that rolls the batch back, stands there
for tables which that commit removes, and leaves every table's pointer equal to the one that was audited.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.domain.commits import Batch
from lagoa.errors import BatchHeld

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lagoa.domain.ports.catalog import Namespace, VersionedCatalog
    from lagoa.domain.tables import TableName

BATCH = "lagoa.batch."
"""Table property of a batch that the table holds: this and the batch's id; its value is the fingerprint."""

RECEIVED = "lagoa.received."
"""Table property of a batch that came as a file: this and the batch's id; its value is the number of its records."""

HELD = "lagoa.held."
"""Namespace property of a held batch: this, the table's own name, a dot and the batch's id; likewise."""


def batches_of(properties: Mapping[str, str]) -> dict[str, str]:
    """Return the fingerprint of each batch that a table holds, from its properties."""
    return {key.removeprefix(BATCH): value for key, value in properties.items() if key.startswith(BATCH)}


def with_holds(
    namespaces: Mapping[Namespace, Mapping[str, str]],
    hold: Iterable[tuple[TableName, Batch]],
    release: Iterable[tuple[TableName, Batch]],
) -> dict[Namespace, Mapping[str, str]]:
    """Return the namespaces that change, with their properties, when batches are held and others released."""
    changed: dict[Namespace, dict[str, str]] = {}
    for table, batch in hold:
        properties = changed.setdefault(table.namespace, dict(namespaces.get(table.namespace, {})))
        properties[_property(table, batch)] = batch.fingerprint
    for table, batch in release:
        properties = changed.get(table.namespace) or dict(namespaces.get(table.namespace, {}))
        if properties.pop(_property(table, batch), None) is not None:
            changed[table.namespace] = properties
    return dict(changed)


def refuse_held(catalog: VersionedCatalog, commit: str, table: TableName, batch: Batch) -> None:
    """Let a batch pass unless it is held at a commit.

    Raises:
        BatchHeld: this content of the batch was rolled back and held. Other content under the same id passes.
    """
    _refuse(catalog.namespaces(commit).get(table.namespace, {}), table, batch)


def refuse_held_within(catalog: VersionedCatalog, commit: str, tables: Mapping[TableName, Mapping[str, str]]) -> None:
    """Let tables pass, given by their properties, unless they hold a batch that is held at a commit.

    Raises:
        BatchHeld: the first such batch.
    """
    namespaces = catalog.namespaces(commit)
    for table, properties in tables.items():
        marks = namespaces.get(table.namespace, {})
        if any(name.startswith(HELD) for name in marks):
            for name, fingerprint in batches_of(properties).items():
                _refuse(marks, table, Batch(name, fingerprint))


def _refuse(marks: Mapping[str, str], table: TableName, batch: Batch) -> None:
    if marks.get(_property(table, batch)) == batch.fingerprint:
        raise BatchHeld(table, batch.id)


def _property(table: TableName, batch: Batch) -> str:
    return f"{HELD}{table.name}.{batch.id}"
