"""Runs of deployments whose worker and process are killed, or that are cancelled, in the middle of their work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from deployed import Deployed, kill

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    made = Deployed(tmp_path_factory.mktemp("killed") / "lake")
    try:
        done = made.lagoa("flow", "deploy")
        assert done.returncode == 0, done.stderr
        yield made
    finally:
        made.server.stop()


MAKE_BLOCK = """
import sys
from prefect.blocks.notifications import CustomWebhookNotificationBlock as Block
Block(name="data", url=sys.argv[1], json_data={"text": "{{subject}}: {{body}}"}).save("data")
"""


@pytest.fixture
def mailbox():
    """Yield an address that takes requests, and their bodies."""
    received = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            received.append(self.rfile.read(int(self.headers["content-length"])).decode())
            self.send_response(200)
            self.end_headers()

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", received
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def held(lake):
    """Hold runs of `held` at their point until the file is removed; return the file."""
    (lake.root / "reached").unlink(missing_ok=True)
    yield lake.file("hold", "")
    (lake.root / "hold").unlink(missing_ok=True)


def people(lake):
    with lake.open() as opened:
        if not opened.tables():
            return []
        assert (
            opened.sql("select sum(people) from gold.cities").fetchall()
            == opened.sql("select count(*) from bronze.people").fetchall()
        )
        return [name for (name,) in opened.sql("select name from bronze.people order by id").fetchall()]


def branches(lake):
    with lake.open() as opened:
        return {ref.name for ref in opened.refs()} - {"main"}


@pytest.mark.parametrize(
    ("at", "number", "publications"),
    [
        ("write.committed", 1, 1),  # on the branch, main unchanged
        ("publish.swapped", 2, 1),  # main has moved, nobody has been told
    ],
)
def test_a_run_that_is_killed_with_its_worker_is_crashed_and_repeated_and_nothing_is_loaded_twice(
    lake, held, at, number, publications
):
    folder = f"killed-{number}"
    lake.people(folder, f"people-{number}", f"{number},Killed{number},Rio")
    before = people(lake)
    with lake.open() as opened:
        moves = len(opened.log())
    run = lake.start("held", at=at, folder=folder)
    with lake.worker() as worker:
        lake.wait_for_file("reached")
        kill(worker)
    killed = time.time()
    held.unlink()
    assert len(branches(lake)) >= 1
    crashed = lake.wait(run, limit_s=180)
    assert crashed["state_type"] == "CRASHED"
    assert datetime.fromisoformat(crashed["state"]["timestamp"]).timestamp() - killed < 120
    code = "from lagoa.domain.owners import own_name; print(own_name())"
    named = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()
    with lake.open() as opened:  # of a compaction, whose process was killed, too
        opened.run("maintain", named)
    with lake.worker():
        ended = lake.wait(lake.repeated(run), limit_s=240)
        assert ended["state_type"] == "COMPLETED", lake.logs()
        swept = lake.wait(lake.start("branch-reaper", hours=0))
        assert swept["state_type"] == "COMPLETED", lake.logs()
    assert people(lake) == [*before, f"Killed{number}"]
    assert branches(lake) == set()
    with lake.open() as opened:
        assert len(opened.log()) == moves + publications
    assert lake.lagoa("doctor").returncode == 0


@pytest.mark.parametrize(
    ("at", "number", "is_published"), [("publish.receipt", 3, False), ("publish.swapped", 4, True)]
)
def test_a_run_that_is_cancelled_while_it_publishes_has_moved_main_or_not(lake, held, at, number, is_published):
    folder = f"cancelled-{number}"
    lake.people(folder, f"people-{number}", f"{number},Cancelled{number},Rio")
    before = people(lake)
    run = lake.start("held", at=at, folder=folder)
    with lake.worker():
        lake.wait_for_file("reached")
        lake.post(f"flow_runs/{run}/set_state", state={"type": "CANCELLING"})
        assert lake.wait(run)["state_type"] == "CANCELLED", lake.logs()
        assert people(lake) == [*before, *([f"Cancelled{number}"] if is_published else [])]
        held.unlink()
        again = lake.wait(lake.start("held", at="", folder=folder))
        assert again["state_type"] == "COMPLETED", lake.logs()
        assert people(lake) == [*before, f"Cancelled{number}"]
        swept = lake.wait(lake.start("branch-reaper", hours=0))
        assert swept["state_type"] == "COMPLETED", lake.logs()
    assert branches(lake) == set()
    assert lake.lagoa("doctor").returncode == 0


def test_runs_that_take_their_processes_down_each_time_are_repeated_until_three_have_crashed(lake, held):
    lake.people("always", "people-5", "5,Always,Rio")
    before = people(lake)
    run = lake.start("held", at="write.committed", folder="always")
    failed = {"flow_runs": {"name": {"like_": "run/held/"}, "state": {"type": {"any_": ["FAILED"]}}}}
    kills, deadline = 0, time.monotonic() + 400
    with lake.worker():
        while not (ended := lake.post("flow_runs/filter", **failed)):
            assert time.monotonic() < deadline, lake.logs()
            if (lake.root / "reached").exists() and (text := (lake.root / "reached").read_text()):
                (lake.root / "reached").unlink()
                os.kill(int(text), signal.SIGKILL)
                kills += 1
            time.sleep(0.2)
    assert "The processes of the last 3 runs of this deployment have died" in ended[0]["state"]["message"]
    assert kills == 3
    assert lake.get(f"flow_runs/{run}")["state_type"] == "CRASHED"
    assert people(lake) == before


def test_a_failed_audit_is_sent_to_the_notification_block(lake, mailbox):
    address, received = mailbox
    missing = lake.lagoa("flow", "deploy", "--notify", "custom-webhook/data")
    assert missing.returncode == 1
    assert "has no block 'custom-webhook/data'" in missing.stderr
    environment = lake.environment | {"PREFECT_API_URL": lake.server.running().api}
    subprocess.run([sys.executable, "-c", MAKE_BLOCK, address], env=environment, check=True)
    made = lake.lagoa("flow", "deploy", "--notify", "custom-webhook/data")
    assert made.returncode == 0, made.stderr
    lake.people("broken", "people-9", *(f"{number},,Rio" for number in range(90, 99)))
    with lake.worker():
        failed = lake.wait(lake.start("daily", folder="broken"))
        assert failed["state_type"] == "FAILED", lake.logs()
        deadline = time.monotonic() + 60
        while not received:
            assert time.monotonic() < deadline
            time.sleep(0.5)
    assert failed["name"] in received[0]
    assert "bronze.people/quarantine_share" in received[0]
    assert failed["id"] in received[0]


def test_a_run_whose_branch_is_deleted_while_it_works_fails_and_the_next_one_loads_all(lake, held):
    lake.people("gone", "people-6", "6,Gone,Rio")
    before = people(lake)
    run = lake.start("held", at="write.committed", folder="gone")
    with lake.worker():
        lake.wait_for_file("reached")
        branch = lake.get(f"flow_runs/{run}")["name"]
        with lake.open() as opened:
            opened.delete_ref(branch)
        held.unlink()
        failed = lake.wait(run)
        assert failed["state_type"] == "FAILED", lake.logs()
        assert branch in failed["state"]["message"]
        assert people(lake) == before
        again = lake.wait(lake.start("held", at="", folder="gone"))
        assert again["state_type"] == "COMPLETED", lake.logs()
    assert people(lake) == [*before, "Gone"]
    assert branch not in branches(lake)
