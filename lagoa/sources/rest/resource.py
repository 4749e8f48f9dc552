"""Reads a resource of an API from its first page to its last, and keeps each page as it was received."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from lagoa.errors import SourceError
from lagoa.sources.kind import BadAnswer, Extract
from lagoa.sources.rest.client import document
from lagoa.sources.rest.paging import Page, first_state, next_state, params_of, value_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lagoa.domain.tables import TableName
    from lagoa.sources.kind import Position, Workplace
    from lagoa.sources.rest.client import Answer, Client
    from lagoa.sources.rest.options import Cursor, RestSource, RestTable
    from lagoa.sources.rest.paging import State

_DAY = re.compile(r"\d{4}-\d\d-\d\d")


class Pages:
    """An API; see `Connection`."""

    def __init__(self, source: str, declared: RestSource, client: Client, place: Workplace) -> None:
        self._source, self._declared, self._client, self._place = source, declared, client, place

    def check(self) -> None:
        """Ask for the first page of each resource; see `Connection`."""
        for name, said in self._declared.tables.items():
            sweep = _Sweep(self, name, said, None)
            sweep.page(sweep.state)
            if sweep.bad:
                raise SourceError(self._source, f"{name}: {sweep.bad.reason}.", "Look at the declaration.")

    def read(self, table: TableName, position: Position | None) -> Iterator[Extract]:
        """Yield the pages, some at a time; see `Connection`.

        Where records are asked for from a value on, or update others, what was read is committed every `commit_mb`,
        and a read that broke off goes on at its page. What replaces all rows is committed as a whole.
        """
        sweep = _Sweep(self, str(table), self._declared.tables[str(table)], position)
        yield from sweep.extracts()


class _Sweep:
    """One read of all pages of a resource, from a position on."""

    def __init__(self, api: Pages, table: str, said: RestTable, position: Position | None) -> None:
        self._source, self._client, self._place = api._source, api._client, api._place
        self._url = f"{api._declared.connection.url.rstrip('/')}/{said.path.lstrip('/')}".rstrip("/")
        self._table, self._said = table, said
        self._position = position or {}
        self._records = self._place.records_of(table)
        self._since = self._position.get("since")
        self._alone = said.mode == "replace" and said.paging is None
        self._seen = self._position.get("seen")
        self.state: State = self._position.get("next") or first_state(said.paging)
        self.bad: BadAnswer | None = None
        self._number = 0

    def extracts(self) -> Iterator[Extract]:
        said, whole = self._said, self._said.mode == "replace"
        files: list[Path] = []
        size, digest = 0, hashlib.sha256()
        last, tags = b"", set[str]()
        state: State | None = self.state
        while state is not None:
            if self._number >= said.max_pages:
                message = f"{self._table}: there are more than {said.max_pages:,} pages (`max_pages`)."
                raise SourceError(self._source, message, "Raise it if there are that many, else look at `paging`.")
            answer, page = self.page(state)
            if not answer.changed:
                return
            if self.bad is not None:
                yield Extract(tuple(files), None if whole else self._at(state), (self.bad,))
                message = f"{self._table}: {self.bad.reason}. Its answer is in quarantine."
                raise SourceError(self._source, message, "Look at it: `lagoa quarantine show " + self._table + "`.")
            content = hashlib.sha256(answer.body).digest()
            following = next_state(said.paging, state, page)
            self._refuse_repeated(state, following, content == last and page.records > 0, tags)
            last = content
            digest.update(content)
            size += len(answer.body)
            if page.records:
                files.append(self._keep(answer.body))
            state = following
            if not whole and (state is None or size >= said.commit_mb * 2**20):
                yield Extract(tuple(files), self._at(state))
                for file in files:
                    file.unlink()
                files, size = [], 0
        if whole:
            tag = answer.headers.get("etag") if self._alone else None
            found = {"sha256": digest.hexdigest(), **({"tag": tag} if tag else {})}
            if found["sha256"] != self._position.get("sha256"):
                yield Extract(tuple(files), found)

    def page(self, state: State) -> tuple[Answer, Page]:
        """Return a page; `bad` says if it is none."""
        said = self._said
        if "url" in state:
            answer = self._client.ask(self._client.absolute(str(state["url"]), self._url), {}, said.body)
        else:
            params = {**said.params, **params_of(said.paging, state), **self._from()}
            if said.body is None:
                answer = self._client.ask(self._url, params, tag=self._position.get("tag") if self._alone else None)
            else:
                answer = self._client.ask(self._url, {}, {**said.body, **params})
        self._number += 1
        if not answer.changed:
            return answer, Page(None, answer.headers, 0)
        try:
            found = document(answer.body)
        except (ValueError, RecursionError):
            kind = answer.headers.get("content-type", "no type").partition(";")[0]
            return self._no_page(answer, f"an answer is no JSON ({kind})")
        records = value_at(found, self._records) if self._records else found
        if not isinstance(records, list):
            where = f"has no list at {self._records!r}" if self._records else "is no list"
            return self._no_page(answer, f"an answer {where}")
        if said.cursor:
            self._see(said.cursor, records)
        return answer, Page(found, answer.headers, len(records))

    def _from(self) -> dict[str, Any]:
        """Return the parameter that asks for new records only."""
        cursor = self._said.cursor
        if cursor is None:
            return {}
        return {cursor.param: cursor.first if self._since is None else _earlier(self._since, cursor.overlap_s)}

    def _no_page(self, answer: Answer, reason: str) -> tuple[Answer, Page]:
        self.bad = BadAnswer(f"{self._table}-{self._number:05}", answer.body, reason)
        return answer, Page(None, answer.headers, 0)

    def _keep(self, body: bytes) -> Path:
        name = self._table.partition(".")[2]
        path = self._place.folder / f"{name}-{self._number:05}.json"
        path.write_bytes(body)
        return path

    def _at(self, state: State | None) -> Position:
        """Return the position behind what was read: at a page, or where the next read begins."""
        if state is not None:
            since = {"since": self._since, "seen": self._seen} if self._said.cursor else {}
            return {**since, "next": state}
        if self._said.cursor is None:
            return {}
        if self._seen is None:
            return {"since": self._since}
        return {"since": _not_later(self._seen, self._place.clock())}

    def _see(self, cursor: Cursor, records: list[Any]) -> None:
        """Remember the greatest value of the cursor."""
        values = [value_at(each, cursor.field) for each in records]
        if records and not any(isinstance(each, dict) and cursor.field.partition(".")[0] in each for each in records):
            message = f"{self._table}: no record has {cursor.field!r} (`cursor`)."
            raise SourceError(self._source, message, "Fix `field`.")
        for value in values:
            if value is not None and (self._seen is None or _order(value) > _order(self._seen)):
                self._seen = str(value) if isinstance(value, Decimal) else value

    def _refuse_repeated(self, state: State, following: State | None, same: bool, tags: set[str]) -> None:
        """Refuse pages that lead to each other in a circle, or that are the same."""
        if following is None:
            return
        tag = str(sorted(following.items()))
        if same or tag in tags:
            what = f"{state} is the same page as the one before" if same else f"{following} comes again"
            message = f"{self._table}: the pages have no end: {what}."
            raise SourceError(self._source, message, "Look at `paging`: the API may not know the parameter.")
        tags.add(tag)


def _order(value: Any) -> tuple[int, Any]:
    """Return by what values of a cursor are compared: as numbers, as times, or as text."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return 0, Decimal(value)
    moment = _moment(str(value))
    if moment is not None:
        return 1, moment
    try:
        return 0, Decimal(str(value))
    except ArithmeticError:
        return 2, str(value)


def _moment(text: str) -> datetime | None:
    """Return a time in ISO 8601, of UTC if it has no zone."""
    if not _DAY.match(text):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _earlier(value: Any, seconds: int) -> Any:
    """Return a time so many seconds earlier, in the form that it has; another value as it is."""
    text = str(value)
    if not seconds or _moment(text) is None:
        return value
    found = datetime.fromisoformat(text) - timedelta(seconds=seconds)
    return (
        found.date().isoformat()
        if _DAY.fullmatch(text)
        else found.isoformat().replace("+00:00", "Z" if text.endswith("Z") else "+00:00")
    )


def _not_later(value: Any, now: datetime) -> Any:
    """Return a time, but no later one than now: the source's clock may be ahead, and records come that are earlier."""
    moment = _moment(str(value))
    if moment is None or moment <= now:
        return value
    return now.date().isoformat() if _DAY.fullmatch(str(value)) else now.isoformat()
