"""Statements on the stack's Trino, as Lagoa's own user there, and its version."""

from __future__ import annotations

import json
import re
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from lagoa.domain.credentials import CREDENTIALS_FILE, read_credentials
from lagoa.domain.optional import extra
from lagoa.domain.ports.sql_catalogs import ACCESS_FILE, PASSWORD
from lagoa.domain.sql_names import name_in_sql, text_in_sql
from lagoa.errors import EngineTooOld

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_FOLDER, _TIMEOUT_S = "trino", 30

_LEAST = 476
"""The first version that Lagoa is known to work with: Trino has no minor versions, and any may change its SQL."""


class Away(Exception):
    """The server does not answer."""


class Refused(Exception):
    """The server refuses a statement, or it fails; the text says why."""


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


def certificate_of(stack: Path) -> Path:
    """Return the file of the authority by which clients know the server."""
    return stack / _FOLDER / "ca.pem"


def check_version(stack: Path, access: Access) -> None:
    """Ask Trino which version it is, as anybody may; one that is no number, as of a build of one's own, is taken.

    Args:
        stack: the stack's state folder.
        access: what `lagoa stack up` has written.

    Raises:
        EngineTooOld: it is an earlier one than Lagoa needs.
        Away, Refused: for the caller to give a meaning to.
    """
    with extra("trino", "A stack with Trino"):
        import requests

    try:
        with requests.Session() as session:
            session.trust_env = False  # REQUESTS_CA_BUNDLE goes before the certificate that is given
            session.verify = str(certificate_of(stack))
            answer = session.get(f"{access.url}/v1/info", timeout=_TIMEOUT_S)
            answer.raise_for_status()
            version = str(answer.json()["nodeVersion"]["version"])
    except (requests.ConnectionError, requests.Timeout) as error:
        raise Away(str(error)) from error
    except (requests.RequestException, ValueError, LookupError, TypeError) as error:
        raise Refused(f"{access.url}/v1/info does not say which version of Trino it is ({error})") from error
    number = re.match(r"\d+", version)
    if number and int(number[0]) < _LEAST:
        raise EngineTooOld("Trino", access.url, version, str(_LEAST))


def make_catalog(access: Access, name: str, ref: str, *, read_only: bool) -> str:
    """Return the statement that makes a catalog of a ref, which must exist.

    Args:
        access: how catalogs are made.
        name: of the catalog.
        ref: that it shows.
        read_only: whether nobody can write to it.
    """
    properties = dict(access.read_only if read_only else access.writable)
    properties["iceberg.rest-catalog.uri"] = f"{access.iceberg}/{quote(ref, safe='')}"
    settings = ", ".join(f"{name_in_sql(key)} = {text_in_sql(value)}" for key, value in properties.items())
    return f"CREATE CATALOG {name_in_sql(name)} USING iceberg WITH ({settings})"


def run(stack: Path, access: Access, sql: str, catalog: str | None = None) -> list[list[Any]]:
    """Return the rows of a statement, in a session in UTC.

    Args:
        stack: the stack's state folder.
        access: what `lagoa stack up` has written.
        sql: the statement.
        catalog: in which tables are named by schema and name.

    Raises:
        Away, Refused: for the caller to give a meaning to.
    """
    rows, _ = run_counted(stack, access, sql, catalog)
    return rows


def run_counted(stack: Path, access: Access, sql: str, catalog: str | None = None) -> tuple[list[list[Any]], int]:
    """Return the rows of a statement as `run` does, and the bytes that it has read from files."""
    with extra("trino", "A stack with Trino"):
        import requests
        from trino.auth import BasicAuthentication
        from trino.dbapi import connect
        from trino.exceptions import Error, HttpError, TrinoConnectionError, TrinoQueryError

    url = urlsplit(access.url)
    password = read_credentials(stack / CREDENTIALS_FILE)[PASSWORD]
    with requests.Session() as session:
        session.trust_env = False  # REQUESTS_CA_BUNDLE goes before the certificate that is given
        session.verify = str(certificate_of(stack))
        connection = connect(  # type: ignore[no-untyped-call]
            host=url.hostname, port=url.port, http_scheme=url.scheme, http_session=session, user=access.user,
            auth=BasicAuthentication(access.user, password), request_timeout=_TIMEOUT_S, max_attempts=1,
            catalog=catalog, timezone="UTC",
        )  # fmt: skip
        try:
            with closing(connection):
                cursor = connection.cursor()
                rows: list[list[Any]] = cursor.execute(sql).fetchall()
                return rows, int((cursor.stats or {}).get("physicalInputBytes", 0))
        except (TrinoConnectionError, requests.ConnectionError, requests.Timeout) as error:
            raise Away(str(error)) from error
        except (Error, HttpError) as error:
            raise Refused(str(error.message if isinstance(error, TrinoQueryError) else error)) from error
