"""How one page of an API leads to the next: what is sent for a page is its state, which can be kept as JSON."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from lagoa.sources.rest.options import ByCursor, ByOData, ByOffset, ByPage, ByUrl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lagoa.sources.rest.options import Paging

State: TypeAlias = "dict[str, Any]"
"""A page: `{"page": 3}`, `{"offset": 200}`, `{"cursor": "x"}`, `{"url": "…"}`; empty for the first one of a chain."""

_LINK = re.compile(r"<([^>]*)>([^<]*)")
_NEXT = re.compile(r";\s*rel\s*=\s*\"?(?:[^\";]*\s)?next(?:\s[^\";]*)?\"?\s*(?:;|,|$)", re.IGNORECASE)
_ODATA = ("@odata.nextLink", "odata.nextLink")


class Page(NamedTuple):
    """What a page says that is not its records.

    Attributes:
        document: its JSON.
        headers: its headers.
        records: how many records it has.
    """

    document: Any
    headers: Mapping[str, str]
    records: int


def first_state(paging: Paging | None) -> State:
    """Return the first page."""
    match paging:
        case ByPage(first=first):
            return {"page": first}
        case ByOffset():
            return {"offset": 0}
    return {}


def params_of(paging: Paging | None, state: State) -> dict[str, Any]:
    """Return the parameters that ask for a page."""
    match paging:
        case ByPage() as by:
            size = {by.size_param: by.size} if by.size_param and by.size else {}
            return {by.param: state["page"], **size}
        case ByOffset() as by:
            return {by.param: state["offset"], by.size_param: by.size}
        case ByCursor() as by:
            return {by.param: state["cursor"]} if state else {}
    return {}


def next_state(paging: Paging | None, state: State, page: Page) -> State | None:
    """Return the page behind another one; None if that was the last."""
    match paging:
        case ByPage() as by:
            full = page.records > 0 and (by.size is None or page.records >= by.size)
            return {"page": state["page"] + 1} if full else None
        case ByOffset() as by:
            return {"offset": state["offset"] + by.size - by.overlap} if page.records >= by.size else None
        case ByCursor() as by:
            found = value_at(page.document, by.at)
            return {"cursor": found} if found not in {None, ""} else None
        case ByUrl() as by:
            url = value_at(page.document, by.at) if by.at else linked(page.headers.get("link", ""))
            return {"url": url} if url else None
        case ByOData():
            named = page.document if isinstance(page.document, dict) else {}
            url = next((named[name] for name in _ODATA if named.get(name)), None)
            return {"url": url} if url else None
    return None


def value_at(document: Any, path: str) -> Any:
    """Return the value that keys lead to; None if a key is missing. A key may have dots in it."""
    if not isinstance(document, dict):
        return None
    if path in document:
        return document[path]
    first, _, rest = path.partition(".")
    return value_at(document.get(first), rest) if rest else None


def linked(header: str) -> str | None:
    """Return the address of the next page that a header `Link` has."""
    return next((url for url, said in _LINK.findall(header) if _NEXT.search(said)), None)
