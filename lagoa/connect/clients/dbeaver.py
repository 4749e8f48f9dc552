"""DBeaver."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lagoa.connect.target import Trino


def text(trino: Trino) -> str:
    """Return what is entered for a connection."""
    by_password = f"""\
# DBeaver: New connection, Trino, Connect by: URL. It fetches the driver itself.
URL:      {trino.jdbc}
Username: your user of Trino (lagoa stack user add)
Password: that user's
"""
    if not trino.in_browser:
        return by_password
    return f"""\
{by_password}
# Or, to sign in at Keycloak (--sign-in keycloak), with your Username and no password; a browser opens.
URL:      {trino.jdbc_in_browser}
"""
