"""What keeps the stack's servers, tried with programs that are no servers."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import psutil
import pytest

from lagoa.stack.servers.server import Launch
from lagoa.stack.supervisor import Supervisor
from tests.stack.test_stack import wait_until

pytestmark = pytest.mark.timeout(120)

LIMIT, LINE, LINES = 200_000, 100, 20_000
AT_ONCE = 128 * 1024
"""How much Supervisor reads of a program at a time; it looks at the size of the log afterwards."""

CHATTY = f"""
import sys, time
for number in range({LINES}):
    print(f"{{number:0{LINE - 1}}}", file=sys.stdout if number % 2 else sys.stderr, flush=True)
time.sleep(600)
"""

QUIET = Launch([sys.executable, "-c", "import time; time.sleep(600)"])


@pytest.fixture
def supervisor(tmp_path):
    """Return a supervisor that rotates small logs, and ends with the test."""
    made = Supervisor(tmp_path / "stack", log_bytes=f"{LIMIT}")
    (tmp_path / "stack/chatty").mkdir(parents=True)
    (tmp_path / "stack/chatty/program.py").write_text(CHATTY)
    made.keep({"chatty": Launch([sys.executable, "program.py"])})
    yield made
    made.shutdown()


def test_logs_are_rotated_and_the_last_lines_are_kept(supervisor):
    supervisor.run("chatty")
    wait_until(lambda: supervisor.last_lines("chatty", 2).endswith(str(LINES - 1)))
    assert [int(line) for line in supervisor.last_lines("chatty", 50).splitlines()] == [*range(LINES - 50, LINES)]
    logs = [supervisor.logs / f"chatty.log{end}" for end in (".3", ".2", ".1", "")]
    assert sorted(supervisor.logs.glob("chatty.log*")) == sorted(logs)
    sizes = [log.stat().st_size for log in logs]
    assert all(LIMIT <= size < LIMIT + AT_ONCE for size in sizes[:-1])
    assert sizes[-1] < LIMIT
    _, *whole = "".join(log.read_text() for log in logs).splitlines()  # the oldest may begin within a line
    kept = [int(line) for line in whole]
    assert kept == [*range(kept[0], LINES)]
    assert {log.stat().st_mode & 0o077 for log in logs} == {0}


@pytest.mark.parametrize("how", ["killed", "socket"])
def test_what_a_lost_supervisor_kept_is_found_and_ended(supervisor, how):
    (supervisor.logs.parent / "quiet").mkdir()
    supervisor.keep({"quiet": QUIET})
    supervisor.run("quiet")
    wait_until(lambda: supervisor.state("quiet")["statename"] == "RUNNING")
    kept = psutil.Process(supervisor.state("quiet")["pid"])
    assert supervisor.left() == {}
    assert supervisor.end_left() == []
    folder = supervisor.logs.parent
    own = psutil.Process(int((folder / "supervisord.pid").read_text()))
    if how == "killed":
        own.kill()
        own.wait(10)
    else:  # as a cleaner of /tmp removes it
        Path(re.search("^file = (.*)", (folder / "supervisord.conf").read_text(), re.MULTILINE)[1]).unlink()
    other = Supervisor(folder.parent / "another")
    assert other.left() == {}
    assert supervisor.left() == {"quiet": [kept]}
    assert supervisor.end_left() == ["quiet"]
    assert not kept.is_running()
    assert not own.is_running()
    assert supervisor.left() == {}
    supervisor.keep({"quiet": QUIET})  # as before
    supervisor.run("quiet")
    wait_until(lambda: supervisor.state("quiet")["statename"] == "RUNNING")
