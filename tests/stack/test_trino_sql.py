"""Each construct that models may be written with gives on Trino the rows and types that it gives on DuckDB."""

from __future__ import annotations

import os
import uuid
from contextlib import closing

import duckdb
import pytest
from trino.auth import BasicAuthentication
from trino.dbapi import connect
from trino.exceptions import HttpError, TrinoConnectionError, TrinoUserError

from tests.engines.cases import EXPRESSIONS, STATEMENTS, fill, in_duckdb
from tests.engines.comparing import differences
from tests.engines.trino import run
from tests.stack.test_stack import wait_until

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def duck():
    with duckdb.connect() as connection:
        fill(connection)
        yield connection


@pytest.fixture(scope="module")
def trino(signed):
    """Return a connection of a reader, whose session is in UTC as models require it."""
    name = f"models-{uuid.uuid4().hex[:6]}"
    password = signed.users().add(name, "reader")
    where, certificate = signed.manifest["trino"], signed.environment()["LAGOA_TRINO_CA"]
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):  # they go before the certificate that is given
            if variable in os.environ:
                patch.delenv(variable)
        made = connect(
            host=where.host,
            port=where.port,
            http_scheme="https",
            verify=certificate,
            user=name,
            auth=BasicAuthentication(name, password),
            timezone="UTC",
        )
        with closing(made) as connection:
            wait_until(lambda: _answers(connection))
            yield connection


def _answers(connection):
    try:
        connection.cursor().execute("SELECT 1").fetchall()
    except (HttpError, TrinoConnectionError, TrinoUserError):  # the user is not read yet
        return False
    return True


@pytest.mark.parametrize("name", [*EXPRESSIONS, *STATEMENTS])
def test_trino_gives_what_duckdb_gives(name, duck, trino):
    sql, columns, rows = in_duckdb(name, duck)
    theirs, got = run(trino, sql, duck)
    assert theirs == columns
    assert differences(list(columns), rows, got) == []
