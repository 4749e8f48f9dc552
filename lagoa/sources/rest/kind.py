"""The kind `rest`, for the registry."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from lagoa.domain.optional import extra
from lagoa.sources.kind import Kind
from lagoa.sources.rest.options import RestSource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lagoa.sources.kind import Workplace
    from lagoa.sources.rest.resource import Pages


class Rest(Kind[RestSource]):
    """An API that answers in pages of JSON."""

    name = "rest"
    options = RestSource

    @contextmanager
    def open(self, source: str, declared: RestSource, place: Workplace) -> Iterator[Pages]:
        """Open the API; see `Kind.open`."""
        with extra("sources", "The kind of source `rest`"):
            from lagoa.sources.rest.client import Client
            from lagoa.sources.rest.resource import Pages

        with Client(source, declared.connection, place) as client:
            yield Pages(source, declared, client, place)
