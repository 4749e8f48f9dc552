"""`lagoa connect` without a server: what works there runs as it is printed, and the rest says what to do."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from command_line import lagoa, ok

from lagoa.cli.commands.connect import _NAMES
from lagoa.connect import CLIENTS
from lagoa.connect.clients import dbeaver, powerbi, sqlalchemy, tableau, trino
from lagoa.connect.target import Trino

TRINO = Trino("https://127.0.0.1:8443", Path("/a b&c/ca.pem"), "sandbox_ana")


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True).stdout


def test_what_is_printed_for_duckdb_and_pyiceberg_runs(lake, tmp_path):
    assert "1" in run(ok(lake, "connect", "duckdb").out)
    ok(lake, "sandbox", "create", "ana")
    file = tmp_path / "connect.py"
    assert f"Wrote {file}." in ok(lake, "connect", "pyiceberg", "--sandbox", "ana", "--out", file).out
    assert "sandbox/ana" in file.read_text()
    assert "bronze" in run(file.read_text())


@pytest.mark.parametrize("client", [name for name, each in CLIENTS.items() if each.needs != "lake"])
def test_what_needs_a_server_says_so_and_what_works_instead(loaded, client):
    refused = lagoa(loaded, "connect", client)
    assert refused.code == 1
    assert f"{client}: it connects to {'Nessie' if client == 'spark' else 'Trino'}, which this lake does" in refused.err
    assert f"`lagoa --profile stack connect {client}`" in refused.err
    assert "`lagoa connect pyiceberg` and `lagoa connect duckdb`" in refused.err


def test_clients_and_sandboxes_that_are_not_there(loaded):
    assert ", ".join(CLIENTS) == _NAMES
    wrong = lagoa(loaded, "connect", "tablau")
    assert (wrong.code, "tableau" in wrong.err) == (2, True)
    assert lagoa(loaded, "connect", "duckdb", "--sandbox", "nobody").code == 1


def test_files_of_tools_are_of_their_form():
    connection = ET.fromstring(tableau.text(TRINO)).find("connection")  # noqa: S314
    address = "jdbc:trino://127.0.0.1:8443/sandbox_ana/gold?SSL=true&SSLTrustStorePath=/a%20b%26c/ca.pem"
    assert (connection.get("jdbcurl"), connection.get("class")) == (address, "genericjdbc")
    (only,) = json.loads(powerbi.text(TRINO))["connections"]
    assert only["details"]["protocol"] == "odbc"
    compile(sqlalchemy.text(TRINO), "sqlalchemy.py", "exec")


def test_signing_in_in_a_browser_is_told_where_people_can():
    both = replace(TRINO, in_browser=True)
    assert f"{TRINO.jdbc}&externalAuthentication=true" in dbeaver.text(both)
    assert " --user USER --external-authentication --catalog sandbox_ana" in trino.text(both)
    for each in (TRINO, both):
        compile(sqlalchemy.text(each), "sqlalchemy.py", "exec")
        assert "Unset REQUESTS_CA_BUNDLE" in sqlalchemy.text(each)
    for client in (dbeaver, trino, sqlalchemy):
        assert client.text(both) != client.text(TRINO)
        assert not re.search("external|OAuth2|keycloak", client.text(TRINO))
