"""The contents of a commit on a Nessie server, and the operations that change it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from lagoa.adapters.nessie.http import NessieHttp, at
from lagoa.adapters.shared.states import Delta, State
from lagoa.catalog.table_facts import table_document
from lagoa.domain.tables import TableName

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Key = tuple[str, ...]

_PAGE = {"max-records": 1000}

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
    found = _Building(Contents())
    for page in http.pages(f"{at('', commit)}/entries", "entries", content="true", **_PAGE):
        for entry in page:
            found.put(tuple(entry["name"]["elements"]), entry["contentId"], entry["content"])
    return found.built()


def read_contents_since(http: NessieHttp, commit: str, before: Contents, before_at: str) -> Contents:
    """Return the contents of a commit, given those of another one: only what differs is read.

    Args:
        http: the server.
        commit: id of the commit.
        before: the contents of the other one.
        before_at: its id.

    Raises:
        NotThere: one of the commits is not there.
    """
    found = _Building(before)
    for page in http.pages(f"{at('', before_at)}/diff/{quote(f'@{commit}')}", "diffs", **_PAGE):
        for each in page:
            key = tuple(each["key"]["elements"])
            found.remove(key)
            if each.get("to"):
                found.put(key, each["to"]["id"], each["to"])
    return found.built()


class _Building:
    """Contents that are being put together, on top of others."""

    def __init__(self, before: Contents) -> None:
        self._tables = dict(before.state.tables)
        self._namespaces = dict(before.state.namespaces)
        self._ids = dict(before.ids)

    def put(self, key: Key, content_id: str, content: Mapping[str, Any]) -> None:
        self._ids[key] = content_id
        if content["type"] == "ICEBERG_TABLE":
            self._tables[TableName(key[:-1], key[-1])] = content["metadataLocation"]
        elif content["type"] == "NAMESPACE":
            properties = content.get("properties") or {}
            if IMPLIED not in properties:
                self._namespaces[key] = properties

    def remove(self, key: Key) -> None:
        self._ids.pop(key, None)
        self._tables.pop(TableName(key[:-1], key[-1]), None)
        self._namespaces.pop(key, None)

    def built(self) -> Contents:
        return Contents(State(self._tables, self._namespaces), self._ids)


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


NO_IDS = {"snapshotId": -1, "schemaId": 0, "specId": 0, "sortOrderId": 0}
"""Those that Nessie keeps of a table without a snapshot."""


def iceberg_ids(read: Callable[[str], bytes], pointer: str) -> dict[str, int]:
    """Return the ids that Nessie keeps of a table, from its metadata file (Iceberg specification, appendix C).

    Args:
        read: gives the bytes of a file.
        pointer: where the metadata file is.
    """
    document = table_document(pointer, read)
    snapshot = document.get("current-snapshot-id")
    return {
        "snapshotId": NO_IDS["snapshotId"] if snapshot is None else snapshot,
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
