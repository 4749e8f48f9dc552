"""Superset."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lagoa.connect.target import Trino


def text(trino: Trino) -> str:
    """Return what is entered for a database."""
    parameters = {"connect_args": {"http_scheme": "https", "verify": str(trino.certificate)}}
    return f"""\
# Superset: Settings, Database connections, + Database, Trino. Its server needs the package trino and the certificate.
SQLAlchemy URI:    {trino.sqlalchemy}
Engine parameters: {json.dumps(parameters)}
"""
