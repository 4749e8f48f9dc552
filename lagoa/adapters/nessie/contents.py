"""The contents of a commit on a Nessie server, and the operations that change it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lagoa.adapters.nessie.http import NessieHttp, at
from lagoa.adapters.shared.states import Delta, State
from lagoa.catalog.table_facts import table_document
from lagoa.domain.tables import TableName

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Key = tuple[str, ...]

IMPLIED = "lagoa.implied"
"""Property of a namespace that exists only because Nessie wants one above another."""


@dataclass(frozen=True, slots=True)
class Contents:
    """Tables and namespaces at a commit, with the ids that Nessie gave them.

    Attributes:
        state: what Lagoa sees.
        ids: the content id of every key, implied namespaces included.
    """

    state: State = field(default_factory=State)
    ids: Mapping[Key, str] = field(default_factory=dict)


def read_contents(http: NessieHttp, commit: str) -> Contents:
    """Return the contents of a commit; views and other contents that are no Iceberg tables are left out.

    Raises:
        NotThere: no such commit.
    """
    tables, namespaces, ids = {}, {}, {}
    for page in http.pages(f"{at('', commit)}/entries", "entries", content="true"):
        for entry in page:
            key: Key = tuple(entry["name"]["elements"])
            ids[key] = entry["contentId"]
            if entry["type"] == "ICEBERG_TABLE":
                tables[TableName(key[:-1], key[-1])] = entry["content"]["metadataLocation"]
            elif entry["type"] == "NAMESPACE":
                properties = entry["content"].get("properties") or {}
                if IMPLIED not in properties:
                    namespaces[key] = properties
    return Contents(State(tables, namespaces), ids)


def delta_operations(before: Contents, delta: Delta, ids: Callable[[str], Mapping[str, int]]) -> list[dict[str, Any]]:
    """Return the operations of a commit that makes `delta` of `before`."""
    operations: list[dict[str, Any]] = []
    after = before.state.changed(delta).namespaces
    for namespace, properties in delta.namespaces.items():
        if properties is not None:
            operations.append(_put(before, namespace, _namespace(namespace, properties)))
        elif namespace in before.ids:
            operations.append(_delete(namespace))
    made = {name for name in delta.namespaces if name in after}
    above = {name[:length] for name in made for length in range(1, len(name))} - made - before.ids.keys()
    operations += [_put(before, name, _namespace(name, {IMPLIED: "true"})) for name in sorted(above)]
    for table, pointer in delta.tables.items():
        key = (*table.namespace, table.name)
        if pointer is not None:
            content = {"type": "ICEBERG_TABLE", "metadataLocation": pointer, **ids(pointer)}
            operations.append(_put(before, key, content))
        elif key in before.ids:
            operations.append(_delete(key))
    return operations


def keys_of(answer: Mapping[str, Any]) -> dict[Key, str]:
    """Return the ids of the contents that a commit added."""
    return {tuple(each["key"]["elements"]): each["contentId"] for each in answer.get("addedContents") or []}


def iceberg_ids(read: Callable[[str], bytes], pointer: str) -> dict[str, int]:
    """Return the ids that Nessie keeps of a table, from its metadata file (Iceberg specification, appendix C).

    Args:
        read: gives the bytes of a file.
        pointer: where the metadata file is.
    """
    document = table_document(pointer, read)
    snapshot = document.get("current-snapshot-id")
    return {
        "snapshotId": -1 if snapshot is None else snapshot,
        "schemaId": document.get("current-schema-id", 0),
        "specId": document.get("default-spec-id", 0),
        "sortOrderId": document.get("default-sort-order-id", 0),
    }


def _namespace(name: Key, properties: Mapping[str, str]) -> dict[str, Any]:
    return {"type": "NAMESPACE", "elements": list(name), "properties": dict(properties)}


def _put(before: Contents, key: Key, content: dict[str, Any]) -> dict[str, Any]:
    if key in before.ids:
        content = {**content, "id": before.ids[key]}
    return {"type": "PUT", "key": {"elements": list(key)}, "content": content}


def _delete(key: Key) -> dict[str, Any]:
    return {"type": "DELETE", "key": {"elements": list(key)}}
