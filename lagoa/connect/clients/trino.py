"""The Trino CLI."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lagoa.connect.target import Trino


def text(trino: Trino) -> str:
    """Return the command."""
    by_password = f"""\
# io.trino:trino-cli:476:jar:executable of Maven Central, with Java 11 or later; TRINO_PASSWORD has the password.
{trino.cli}
"""
    if not trino.in_browser:
        return by_password
    return f"""\
{by_password}
# Or, to sign in at Keycloak (--sign-in keycloak); a browser opens.
{trino.cli_in_browser}
"""
