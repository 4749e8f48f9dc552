"""`lagoa status`."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from contextlib import suppress

from command_line import ok


def test_status(loaded):
    told = ok(loaded, "status", "--json").json()
    assert (told["name"], told["tables"], told["rows"]) == ("lake", 1, 3)
    assert told["models"] == {"total": 0, "stale": [], "error": None}
    assert told["branches"][0]["commit"] == told["main"]
    text = ok(loaded, "status").out
    assert "1 table, 3 rows" in text


def test_branch_names_are_whole_in_a_terminal_of_80_columns(lake):
    name = "run/daily/20261120T050000-3fa2c1"
    ok(lake, "branch", "create", name)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "lagoa.cli", "--lake", str(lake), "status"]
    done = subprocess.run(command, stdout=theirs, env={**os.environ, "COLUMNS": "80", "TERM": "xterm"}, check=True)
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # the end of a terminal is an error
        while part := os.read(ours, 65_536):
            shown += part
    os.close(ours)
    assert done.returncode == 0
    assert f"{name}  " in shown.decode()
