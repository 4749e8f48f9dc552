"""History on a Nessie server: commits with both parents, ancestry, and the nearest common ancestor."""

from __future__ import annotations

from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Any

from lagoa.adapters.nessie.http import NotThere, at
from lagoa.domain.cache import Cache
from lagoa.domain.commits import Commit
from lagoa.domain.tables import TableName
from lagoa.errors import RefNotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from lagoa.adapters.nessie.http import NessieHttp

    _Entry = tuple[Commit, datetime]

MERGED = "lagoa.merged"
"""Property of a commit: its second parent."""

_FIRST_PAGE, _FASTER, _LAST_PAGE = 10, 4, 1000
"""Commits of the first request of a walk, what each next one has more, and at most: a commit may have some kB."""

_KEPT, _KEPT_OPERATIONS = 20_000, 200
_AHEAD = 20
"""Who asks what a commit changed asks it of those behind it next, as a log does."""

_SKEW = timedelta(days=1)
"""A parent is never younger than its child by more than this, whatever happens to the server's clock."""

_LEFT, _RIGHT, _STALE = 1, 2, 4


class History:
    """Commits of one server. They never change, so those last used are kept."""

    def __init__(self, http: NessieHttp, no_ancestor: str) -> None:
        self._http = http
        self._no_ancestor = no_ancestor
        self._known: Cache[str, tuple[Commit, datetime]] = Cache(_KEPT)
        self._operations: Cache[str, Sequence[Mapping[str, Any]]] = Cache(_KEPT_OPERATIONS)

    def get(self, commit: str) -> Commit:
        """Return a commit by its full id; raises `RefNotFound`."""
        return self._entry(commit, 1)[0]

    def keep(self, commit: Commit, server_time: datetime) -> None:
        """Keep a commit that was just made."""
        self._known.keep(commit.id, (commit, server_time))

    def log(self, commit: str) -> Iterator[Commit]:
        """Yield a commit and its first parents, newest first; raises `RefNotFound`."""
        following: str | None = commit
        read = self._reader()
        while following is not None:
            found = read(following)[0]
            yield found
            following = found.parents[0] if found.parents else None

    def log_of(self, commit: str, table: TableName) -> Iterator[Commit]:
        """Yield of a commit and its first parents those that change a table, have two parents, or are first or last."""
        key = [*table.namespace, table.name]
        try:
            for page in self._http.pages(f"{at('', commit)}/history", "logEntries", fetch="ALL"):
                for entry in page:
                    found = self.commit_of(entry["commitMeta"])
                    changed = (each["key"]["elements"] for each in entry.get("operations") or ())
                    if found.id == commit or len(found.parents) != 1 or key in changed:
                        yield found
        except NotThere as error:
            raise RefNotFound(commit, "there is no such commit") from error

    def changed(self, commit: str, tables: Callable[[str], Collection[TableName]]) -> set[TableName]:
        """Return the tables that a commit changed; raises `RefNotFound`.

        Args:
            commit: its id.
            tables: returns the tables at a commit: what a commit removed may also have been something else.
        """
        operations = self._operations.get(commit)
        if operations is None:
            wanted = {"max-records": _AHEAD, "fetch": "ALL"}
            try:
                answer = self._http.call("GET", f"{at('', commit)}/history", params=wanted)
            except NotThere as error:
                raise RefNotFound(commit, "there is no such commit") from error
            for entry in answer["logEntries"]:
                self._operations.keep(entry["commitMeta"]["hash"], entry.get("operations") or ())
            operations = self._operations.get(commit) or ()
        put = {_table(each) for each in operations if each.get("content", {}).get("type") == "ICEBERG_TABLE"}
        removed = {_table(each) for each in operations if each["type"] == "DELETE"} - put
        if removed:
            before = self.get(commit).parents[:1]
            removed &= set(tables(before[0])) if before else set()
        return put | removed

    def back(self, commit: str, steps: int) -> str | None:
        """Return the id of the commit so many first parents back; None when history is shorter."""
        try:
            answer = self._http.call("GET", f"{at('', commit)}~{steps}/history", params={"max-records": 1})
        except NotThere:
            return None
        return str(answer["logEntries"][0]["commitMeta"]["hash"]) if answer["logEntries"] else None

    def is_ancestor(self, ancestor: str, of: str) -> bool:
        """Return whether one commit is the other or lies behind it, by any parent; raises `RefNotFound`."""
        oldest = self._entry(ancestor, 1)[1] - _SKEW
        return any(commit == ancestor for commit in self._behind(of, oldest))

    def beginning_with(self, prefix: str, head: str) -> list[str]:
        """Return the ids in the history of `head` that begin so."""
        return [commit for commit in self._behind(head, None) if commit.startswith(prefix)]

    def merge_base(self, a: str, b: str) -> str:
        """Return the nearest common ancestor by any parent: what both come from and nothing else that both do.

        The walk goes from the youngest commit back and ends when only ancestors of a common one are left (as git's
        `paint_down_to_common` does).
        """
        marks = {a: _LEFT}
        marks[b] = marks.get(b, 0) | _RIGHT
        read = self._reader()
        waiting = [(_age(read(commit)), commit) for commit in marks]
        heapify(waiting)
        common: list[str] = []
        while any(not marks[commit] & _STALE for _, commit in waiting):
            _, commit = heappop(waiting)
            mark = marks[commit] & (_LEFT | _RIGHT | _STALE)
            if mark == _LEFT | _RIGHT:
                if commit not in common:
                    common.append(commit)
                mark |= _STALE
            for parent in read(commit)[0].parents:
                if marks.get(parent, 0) & mark != mark:
                    marks[parent] = marks.get(parent, 0) | mark
                    heappush(waiting, (_age(read(parent)), parent))
        nearest = [each for each in common if not marks[each] & _STALE]
        if not nearest:
            raise RefNotFound(a, f"it has no history in common with {b}")
        best = nearest[0]
        for other in nearest[1:]:
            if self.is_ancestor(best, other):
                best = other
        return best

    def _behind(self, head: str, oldest: datetime | None) -> Iterator[str]:
        """Yield a commit and all behind it, the youngest first, as far back as `oldest`."""
        seen = {head}
        read = self._reader()
        waiting = [(_age(read(head)), head)]
        while waiting:
            _, commit = heappop(waiting)
            yield commit
            found, moment = read(commit)
            if oldest is not None and moment < oldest:
                continue
            for parent in found.parents:
                if parent not in seen:
                    seen.add(parent)
                    heappush(waiting, (_age(read(parent)), parent))

    def _reader(self) -> Callable[[str], _Entry]:
        """Return what reads the commits of one walk: the longer it is, the more with each request."""
        page = _FIRST_PAGE

        def read(commit: str) -> _Entry:
            nonlocal page
            found = self._known.get(commit)
            if found is None:
                found, page = self._entry(commit, page), min(page * _FASTER, _LAST_PAGE)
            return found

        return read

    def _entry(self, commit: str, page: int) -> _Entry:
        """Return a commit and the server's time of it; with the first parents behind it, as many as a page holds."""
        known = self._known.get(commit)
        if known is None:
            try:
                answer = self._http.call("GET", f"{at('', commit)}/history", params={"max-records": page})
            except NotThere as error:
                raise RefNotFound(commit, "there is no such commit") from error
            if not answer["logEntries"]:
                raise RefNotFound(commit, "there is no such commit")
            metas = [each["commitMeta"] for each in answer["logEntries"]]
            entries = [(self.commit_of(meta), _moment(meta["commitTime"])) for meta in metas]
            for entry in entries:
                self._known.keep(entry[0].id, entry)
            known = entries[0]
        return known

    def commit_of(self, meta: dict[str, Any]) -> Commit:
        """Return the commit that Nessie describes so."""
        properties = {name: values[0] for name, values in (meta.get("allProperties") or {}).items()}
        merged = properties.pop(MERGED, None)
        parents = [each for each in meta["parentCommitHashes"] if each != self._no_ancestor]
        if merged is not None:
            parents.append(merged)
        return Commit(
            id=meta["hash"],
            parents=tuple(parents),
            message=meta["message"],
            author=", ".join(meta["authors"]),
            committed_at=_moment(meta["authorTime"]),
            properties=properties,
        )


def _table(operation: Mapping[str, Any]) -> TableName:
    *namespace, name = operation["key"]["elements"]
    return TableName(tuple(namespace), name)


def _age(entry: _Entry) -> float:
    """Return what is least for the youngest commit."""
    return -entry[1].timestamp()


def _moment(text: str) -> datetime:
    """Return a time of Nessie's, which comes in nanoseconds, to the microsecond."""
    return datetime.fromisoformat(text)
