"""Reads the whole history of a Nessie server, with what each commit changes."""

from __future__ import annotations

from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any

from lagoa.adapters.nessie.contents import IMPLIED, read_contents
from lagoa.adapters.nessie.http import NotThere, at
from lagoa.domain.saved import SavedCommit
from lagoa.domain.tables import TableName
from lagoa.errors import RefNotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from lagoa.adapters.nessie.http import NessieHttp
    from lagoa.domain.commits import Commit

_PAGE = 100

Key = tuple[str, ...]


def commits_behind(
    http: NessieHttp, heads: Iterable[str], commit_of: Callable[[dict[str, Any]], Commit]
) -> Iterator[SavedCommit]:
    """Yield every commit behind some heads by any parent, parents before their children.

    Views and other contents that are no Iceberg tables are left out.

    Args:
        http: the server.
        heads: ids of commits.
        commit_of: returns the commit that Nessie describes so.

    Raises:
        RefNotFound: there is no such commit.
    """
    found: dict[str, tuple[Commit, list[dict[str, Any]]]] = {}
    waiting = list(heads)
    while waiting:
        head = waiting.pop()
        if head in found:
            continue
        for entry in _line(http, head):
            commit = commit_of(entry["commitMeta"])
            if commit.id in found:
                break
            found[commit.id] = commit, entry.get("operations") or []
            waiting += commit.parents[1:]
    tables = {_key(each) for _, operations in found.values() for each in operations if _is(each, "ICEBERG_TABLE")}
    namespaces = {_key(each) for _, operations in found.values() for each in operations if _is(each, "NAMESPACE")}
    both = tables & namespaces
    order = TopologicalSorter({id_: [p for p in commit.parents if p in found] for id_, (commit, _) in found.items()})
    for id_ in order.static_order():
        commit, operations = found[id_]
        removed_tables = tables - both
        if both and any(each["type"] == "DELETE" and _key(each) in both for each in operations):
            before = read_contents(http, commit.parents[0]).state.tables if commit.parents else {}
            removed_tables = {(*table.namespace, table.name) for table in before}
        yield _saved(commit, operations, removed_tables)


def pointers_behind(
    http: NessieHttp,
    heads: Iterable[str],
    no_ancestor: str,
    commit_of: Callable[[dict[str, Any]], Commit],
    since: datetime | None,
) -> Iterator[str]:
    """Yield every pointer that a commit behind some heads has set, by any parent; of each head the latest first.

    Args:
        http: the server.
        heads: ids of commits.
        no_ancestor: the hash that means "no commit".
        commit_of: returns the commit that Nessie describes so.
        since: commits before this time, and those behind them, are left out; none if None.
    """
    seen, waiting = {no_ancestor}, list(heads)
    while waiting:
        head = waiting.pop()
        for entry in _line(http, head) if head not in seen else ():
            commit = commit_of(entry["commitMeta"])
            if commit.id in seen or (since is not None and commit.committed_at < since):
                break
            seen.add(commit.id)
            waiting += commit.parents[1:]
            for each in entry.get("operations") or ():
                if _is(each, "ICEBERG_TABLE"):
                    yield each["content"]["metadataLocation"]


def _line(http: NessieHttp, head: str) -> Iterator[dict[str, Any]]:
    """Yield the entries of a commit and its first parents, with their operations."""
    wanted: dict[str, Any] = {"max-records": _PAGE, "fetch": "ALL"}
    try:
        for page in http.pages(f"{at('', head)}/history", "logEntries", **wanted):
            yield from page
    except NotThere as error:
        raise RefNotFound(head, "there is no such commit") from error


def _saved(commit: Commit, operations: Iterable[dict[str, Any]], removed_tables: set[Key]) -> SavedCommit:
    tables: dict[TableName, str | None] = {}
    namespaces: dict[Key, dict[str, str] | None] = {}
    for each in operations:
        key = _key(each)
        if _is(each, "ICEBERG_TABLE"):
            tables[TableName(key[:-1], key[-1])] = each["content"]["metadataLocation"]
        elif _is(each, "NAMESPACE"):
            properties = each["content"].get("properties") or {}
            if IMPLIED not in properties:
                namespaces[key] = properties
        elif each["type"] == "DELETE" and key in removed_tables:
            tables[TableName(key[:-1], key[-1])] = None
        elif each["type"] == "DELETE":
            namespaces[key] = None
    return SavedCommit(commit, tables, namespaces)


def _is(operation: dict[str, Any], kind: str) -> bool:
    return bool(operation["type"] == "PUT" and operation["content"]["type"] == kind)


def _key(operation: dict[str, Any]) -> Key:
    return tuple(operation["key"]["elements"])
