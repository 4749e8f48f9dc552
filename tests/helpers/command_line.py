"""The command line on a lake of its own: run a command, read what it printed."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from threading import Thread
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from lagoa.cli import console
from lagoa.cli.main import app

PEOPLE = """id,name,city,born
1,João,"Belém, PA",1990-05-17
2,Anna,,1985-01-02
3,Zoë,Köln,2001-12-31
"""
MORE = """id,name,city,born
4,Ann,Köln,1970-01-01
5,Bob,Rio,1971-01-01
"""
WRONG = """id,name,city,born
6,Eve,Rio,not a day
7,Ida,Rio,1999-01-01
"""
TWICE = """id,name,city,born
3,Zoe,Köln,2001-12-31
"""


class Done(NamedTuple):
    """A command that ran."""

    code: int
    out: str
    err: str

    def json(self):
        return json.loads(self.out)


def lagoa(lake, *arguments, stdin=None):
    """Run a command on a lake in this process."""
    result = CliRunner().invoke(app, ["--lake", str(lake), *map(str, arguments)], input=stdin)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Done(result.exit_code, result.stdout, result.stderr)


def ok(lake, *arguments, stdin=None):
    """Run a command that has to succeed."""
    done = lagoa(lake, *arguments, stdin=stdin)
    assert done.code == 0, done.err
    return done


def run(*command, cwd, **variables):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LAGOA_", "PREFECT_"))}
    environment = {**kept, **variables}
    line = [sys.executable, "-m", "lagoa.cli", *map(str, command)]
    return subprocess.run(line, cwd=cwd, env=environment, capture_output=True, text=True, timeout=200, check=False)


def in_terminal(lake, *arguments, columns=80, code=0):
    """Return the lines that a command prints in a terminal so wide, both what is result and what is not, uncoloured."""
    controller, terminal = pty.openpty()
    printed = bytearray()
    reader = Thread(target=_read_all, args=(controller, printed))
    reader.start()
    console._console.cache_clear()  # it knows whether it writes to a terminal
    with pytest.MonkeyPatch.context() as patch, os.fdopen(terminal, "w", 1, "utf-8") as stream:
        patch.setenv("COLUMNS", str(columns))
        patch.setenv("TERM", "xterm")
        patch.setattr(sys, "stdout", stream)
        patch.setattr(sys, "stderr", stream)
        patch.chdir(lake)
        ended = app([str(argument) for argument in arguments], standalone_mode=False)
    reader.join()
    console._console.cache_clear()
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", printed.decode())
    assert (ended or 0) == code, text
    return text.replace("\r\n", "\n").replace("\r", "\n").splitlines()  # what progress overwrites is a line, too


def _read_all(controller, printed):
    with suppress(OSError):  # Linux reports the end of a terminal so
        while part := os.read(controller, 65536):
            printed += part
    os.close(controller)


def write(folder, name, text):
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def new_lake(folder):
    lake = folder / "lake"
    assert CliRunner().invoke(app, ["init", str(lake)]).exit_code == 0
    people = write(folder, "people.csv", PEOPLE)
    ok(lake, "contract", "infer", people, "--table", "bronze.people")
    contract = lake / "iceberg" / "bronze" / "people.odcs.yaml"
    contract.write_text(contract.read_text("utf-8").replace("# REVIEW primaryKey", "primaryKey"), "utf-8")
    ok(lake, "ingest", people, "--into", "bronze.people")
    return lake


def counted(lake, ref="main"):
    return ok(lake, "sql", "select count(*) from bronze.people", "--ref", ref, "--json").json()["rows"][0][0]
