"""Power BI: a data source file, over ODBC."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lagoa.connect.target import Trino


def text(trino: Trino) -> str:
    """Return a `.pbids`; Power BI asks for user and password. It needs an ODBC driver for Trino with a DSN."""
    details = {"protocol": "odbc", "address": {"options": {"dsn": f"Lagoa {trino.catalog}"}}}
    return json.dumps({"version": "0.1", "connections": [{"details": details, "mode": "Import"}]}, indent=2) + "\n"
