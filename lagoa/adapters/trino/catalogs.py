"""Sandboxes as catalogs of the stack's Trino (https://trino.io/docs/current/sql/create-catalog.html)."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from lagoa.domain.credentials import CREDENTIALS_FILE, read_credentials
from lagoa.domain.optional import extra
from lagoa.domain.ports.sql_catalogs import ACCESS_FILE, PASSWORD, PINNED, catalog_of
from lagoa.domain.refs import MAIN
from lagoa.domain.sql_names import name_in_sql, text_in_sql
from lagoa.errors import SqlServerUnavailable, StackError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_FOLDER, _TIMEOUT_S = "trino", 30


@dataclass(frozen=True, slots=True)
class Access:
    """What `lagoa stack up` has written for whoever makes catalogs.

    Attributes:
        url: of Trino.
        user: as whom catalogs are made.
        iceberg: the address of Iceberg's REST catalog, to which the ref of a catalog is added.
        writable: properties of a catalog that its owner writes to; secrets in them are names of variables.
        read_only: those of one that nobody does.
    """

    url: str
    user: str
    iceberg: str
    writable: Mapping[str, str]
    read_only: Mapping[str, str]


def access_of(stack: Path, nessie_url: str) -> Access | None:
    """Return how the catalogs of a lake are made; None if no Trino of its stack shows what its Nessie has.

    Args:
        stack: the stack's state folder.
        nessie_url: of the lake's Nessie.
    """
    file = stack / _FOLDER / ACCESS_FILE
    if not file.exists():
        return None
    access = Access(**json.loads(file.read_text("utf-8")))
    return access if urlsplit(access.iceberg).netloc == urlsplit(nessie_url).netloc else None


class TrinoCatalogs:
    """The catalogs of sandboxes; see `lagoa.domain.ports.sql_catalogs.SqlCatalogs`.

    Args:
        stack: the stack's state folder.
        access: how catalogs are made.
    """

    def __init__(self, stack: Path, access: Access) -> None:
        self.url = access.url
        self.certificate = stack / _FOLDER / "ca.pem"
        self._stack = stack
        self._access = access

    def names(self) -> set[str]:  # noqa: D102 - as the port has it
        prefix = catalog_of("")
        return {catalog.removeprefix(prefix) for catalog in self._catalogs() if catalog.startswith(prefix)}

    def make(self, name: str, ref: str, *, read_only: bool) -> None:  # noqa: D102
        self._create(catalog_of(name), ref, self._access.read_only if read_only else self._access.writable)

    def drop(self, name: str) -> None:  # noqa: D102
        self._drop(catalog_of(name))

    def is_pinned(self) -> bool:  # noqa: D102
        return PINNED in self._catalogs()

    def pin(self, commit: str) -> None:  # noqa: D102
        self._drop(PINNED)
        self._create(PINNED, f"{MAIN}@{commit}", self._access.read_only)

    def _catalogs(self) -> list[str]:
        return [str(catalog) for (catalog,) in self._run("SHOW CATALOGS")]

    def _create(self, catalog: str, ref: str, properties: Mapping[str, str]) -> None:
        full = {**properties, "iceberg.rest-catalog.uri": f"{self._access.iceberg}/{quote(ref, safe='')}"}
        settings = ", ".join(f"{name_in_sql(key)} = {text_in_sql(value)}" for key, value in full.items())
        self._run(f"CREATE CATALOG {name_in_sql(catalog)} USING iceberg WITH ({settings})")

    def _drop(self, catalog: str) -> None:
        self._run(f"DROP CATALOG IF EXISTS {name_in_sql(catalog)}")

    def _run(self, sql: str) -> list[list[Any]]:
        """Return the rows of a statement."""
        with extra("trino", "A stack with Trino"):
            import requests
            from trino.auth import BasicAuthentication
            from trino.dbapi import connect
            from trino.exceptions import Error, HttpError, TrinoConnectionError, TrinoQueryError

        url, access = urlsplit(self._access.url), self._access
        password = read_credentials(self._stack / CREDENTIALS_FILE)[PASSWORD]
        with requests.Session() as session:
            session.trust_env = False  # REQUESTS_CA_BUNDLE goes before the certificate that is given
            session.verify = str(self.certificate)
            connection = connect(  # type: ignore[no-untyped-call]
                host=url.hostname, port=url.port, http_scheme=url.scheme, http_session=session, user=access.user,
                auth=BasicAuthentication(access.user, password), request_timeout=_TIMEOUT_S, max_attempts=1,
            )  # fmt: skip
            try:
                with closing(connection):
                    rows: list[list[Any]] = connection.cursor().execute(sql).fetchall()
                    return rows
            except (TrinoConnectionError, requests.ConnectionError, requests.Timeout) as error:
                raise SqlServerUnavailable(access.url) from error
            except (Error, HttpError) as error:
                message = error.message if isinstance(error, TrinoQueryError) else str(error)
                advice = "Look at `lagoa stack logs trino`; `lagoa stack down` and `up` configure it again."
                raise StackError("trino", f"{sql.partition(' USING')[0]}: {message}", advice) from error
