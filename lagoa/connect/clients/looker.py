"""Looker."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lagoa.connect.target import Trino


def text(trino: Trino) -> str:
    """Return what is entered for a connection."""
    return f"""\
# Looker: Admin, Connections, Add connection. Its servers must reach this address, and have the certificate.
Dialect:                    Trino
Host:                       {trino.host}
Port:                       {trino.port}
Database:                   {trino.catalog}
Schema:                     gold
SSL:                        yes, Verify SSL: yes
Additional JDBC parameters: SSLTrustStorePath={trino.certificate}
Username and password:      those of your user of Trino (lagoa stack user add)
"""
