"""What a client connects to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from pathlib import Path

USER, PASSWORD = "USER", "PASSWORD"
"""Placeholders: nothing that is printed or written has a name or a secret of anybody."""


@dataclass(frozen=True, slots=True)
class Trino:
    """A catalog of the stack's Trino.

    Attributes:
        url: where it listens.
        certificate: file of the authority by which clients know it.
        catalog: `lake`, or that of a sandbox.
        in_browser: whether people sign in at Keycloak, too; only clients on their own machine open a browser.
    """

    url: str
    certificate: Path
    catalog: str
    in_browser: bool = False

    @property
    def host(self) -> str:
        """Where it listens, without the port."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The port there."""
        return urlsplit(self.url).port or 443

    @property
    def jdbc(self) -> str:
        """The address for JDBC, without user and password."""
        trusted = quote(str(self.certificate))
        return f"jdbc:trino://{self.host}:{self.port}/{self.catalog}/gold?SSL=true&SSLTrustStorePath={trusted}"

    @property
    def jdbc_in_browser(self) -> str:
        """The address for JDBC of who signs in at Keycloak: the driver opens a browser, and takes no password."""
        return f"{self.jdbc}&externalAuthentication=true"

    @property
    def sqlalchemy(self) -> str:
        """The address for SQLAlchemy."""
        return f"trino://{USER}:{PASSWORD}@{self.host}:{self.port}/{self.catalog}/gold"

    @property
    def cli(self) -> str:
        """The command of the Trino CLI."""
        return self._cli(f"--user {USER} --password")

    @property
    def cli_in_browser(self) -> str:
        """That of who signs in at Keycloak."""
        return self._cli(f"--user {USER} --external-authentication")

    def _cli(self, sign_in: str) -> str:
        where = f"--server {self.url} --truststore-path {self.certificate}"
        return f"trino {where} {sign_in} --catalog {self.catalog} --schema gold"


@dataclass(frozen=True, slots=True)
class Iceberg:
    """Iceberg's REST catalog of the stack's Nessie, at a ref.

    Attributes:
        uri: of the ref.
        tokens: where programs sign in; empty where nobody does.
    """

    uri: str
    tokens: str


@dataclass(frozen=True, slots=True)
class Target:
    """A lake at a ref.

    Attributes:
        folder: the lake's.
        ref: `main`, or what a sandbox shows.
        trino: its catalog over SQL; None where there is none.
        iceberg: its catalog of tables for programs; None where there is none.
    """

    folder: Path
    ref: str
    trino: Trino | None
    iceberg: Iceberg | None
