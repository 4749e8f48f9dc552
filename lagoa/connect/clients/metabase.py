"""Metabase."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lagoa.connect.target import Trino


def text(trino: Trino) -> str:
    """Return what is entered for a database."""
    return f"""\
# Metabase: Admin, Databases, Add a database, Starburst (its driver for Trino, a plugin).
Host:     {trino.host}
Port:     {trino.port}
Catalog:  {trino.catalog}
Schema:   gold
Username: your user of Trino (lagoa stack user add)
Password: that user's
Use a secure connection (SSL): yes
Additional JDBC options: SSLTrustStorePath={trino.certificate}
"""
