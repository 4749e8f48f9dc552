"""What clients need to connect to a lake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.connect.target import Trino

if TYPE_CHECKING:
    from lagoa.context import LakeContext


def trino_of(context: LakeContext, catalog: str) -> Trino | None:
    """Return a catalog on the Trino of a lake's stack; None if there is none."""
    server = context.sql_catalogs
    return Trino(server.url, server.certificate, catalog) if server is not None else None
