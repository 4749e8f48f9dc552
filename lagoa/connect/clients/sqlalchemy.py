"""SQLAlchemy, and with it pandas and notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lagoa.connect.target import Trino


def text(trino: Trino) -> str:
    """Return Python code that reads user and password from variables."""
    return f"""\
# pip install 'lagoa[trino]'; LAGOA_TRINO_USER and LAGOA_TRINO_PASSWORD have who signs in.
import os

from sqlalchemy import URL, create_engine, text

url = URL.create(
    "trino",
    os.environ["LAGOA_TRINO_USER"],
    os.environ["LAGOA_TRINO_PASSWORD"],
    {trino.host!r},
    {trino.port},
    "{trino.catalog}/gold",
)
engine = create_engine(url, connect_args={{"http_scheme": "https", "verify": {str(trino.certificate)!r}}})
with engine.connect() as connection:
    print(connection.execute(text("SHOW TABLES")).all())
"""
