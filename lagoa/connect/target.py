"""What a client connects to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Trino:
    """A catalog of the stack's Trino.

    Attributes:
        url: where it listens.
        certificate: file of the authority by which clients know it.
        catalog: `lake`, or that of a sandbox.
    """

    url: str
    certificate: Path
    catalog: str

    @property
    def address(self) -> str:
        """Host and port."""
        return urlsplit(self.url).netloc

    @property
    def jdbc(self) -> str:
        """The address for JDBC, without user and password."""
        return f"jdbc:trino://{self.address}/{self.catalog}/gold?SSL=true&SSLTrustStorePath={self.certificate}"

    @property
    def sqlalchemy(self) -> str:
        """The address for SQLAlchemy, with placeholders of user and password."""
        return f"trino://USER:PASSWORD@{self.address}/{self.catalog}/gold"

    @property
    def cli(self) -> str:
        """The command of the Trino CLI."""
        where = f"--server {self.url} --truststore-path {self.certificate}"
        return f"trino {where} --user USER --password --catalog {self.catalog} --schema gold"
