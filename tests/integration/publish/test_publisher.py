"""The publisher's own step: a process that gives the same answers, runs nobody's code and knows no caller's secret."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace

import psutil
import pytest

from lagoa.adapters.sqlite.receipts import SqliteReceipts
from lagoa.domain.checks import CheckResult
from lagoa.domain.refs import CANDIDATE_PREFIX, MAIN
from lagoa.domain.tables import TableName
from lagoa.errors import AuditFailed, NotAllowed, PublishConflict, PublisherFailed, SettingsError
from lagoa.lake import Lake
from lagoa.publish.remote import PublisherProcess, _environment

PEOPLE = TableName(("bronze",), "people")

pytestmark = pytest.mark.timeout(180)


def handing_over(opened, **settings):
    """Return a lake whose publications are made by the publisher's step, as on a lake with sign-in."""
    own = opened.settings.model_copy(update=settings)
    parts = opened.context.receipts.parts
    return Lake(replace(opened.context, settings=own, open_publisher=lambda _: PublisherProcess(own, parts)))


@pytest.fixture
def caller(lake):
    opened = handing_over(lake)
    yield opened
    opened.context.publisher.close()


def load(lake, rows, name="one"):
    branch = lake.create_branch(name)
    branch.append("bronze.people", rows)
    return branch


SPY = """
import pathlib
pathlib.Path({seen!r}).open("a").write(__name__)
"""


def test_main_moves_as_by_this_process_and_no_code_of_the_callers_runs(caller, lake, small, tmp_path, monkeypatch):
    seen = tmp_path / "seen"
    for place in ("sitecustomize.py", "usercustomize.py", "flows/__init__.py", "json.py", "duckdb.py"):
        small.file(place, SPY.format(seen=str(seen)))
    monkeypatch.setenv("PYTHONPATH", str(small.root))
    monkeypatch.chdir(small.root)
    one, two = load(caller, small.people(1), "one"), load(caller, small.people(2), "two")
    publication = one.publish("people come")
    assert publication.report.passed
    assert (lake.resolve(MAIN).id, lake.resolve(MAIN).message) == (publication.commit, "people come")
    assert lake.resolve(MAIN).author == "ana"
    assert lake.publications() == [publication]
    with pytest.raises(PublishConflict) as told:
        two.publish(rebase=False)
    assert [str(table) for table in told.value.tables] == ["bronze.people"]
    assert told.value.ours == two.head
    back = caller.rollback(f"main@{publication.previous}", hold=True)
    assert (back.previous, back.commit) == (publication.commit, lake.resolve(MAIN).id)
    assert lake.tables() == {}
    assert not seen.exists()


def test_it_is_given_no_secret_of_the_callers(caller, monkeypatch):
    for name in ("LAGOA_SECRET_OIDC_CLIENT_SECRET", "LAGOA_VAULT_SECRET_ID", "LAGOA_S3_SECRET_KEY", "AWS_PROFILE"):
        monkeypatch.setenv(name, "the caller's")
    for name in ("PYTHONSTARTUP", "LD_PRELOAD"):
        monkeypatch.setenv(name, "code")
    monkeypatch.setenv("LAGOA_ROLE", "ingest")
    monkeypatch.setenv("LAGOA_THREADS", "1")
    environment = _environment(caller.settings)
    assert {name for name in environment if name.startswith("LAGOA_")} == {"LAGOA_ROLE", "LAGOA_THREADS"}
    assert not {"the caller's", "code"} & set(environment.values())


def test_the_publishers_own_checkout_decides(small, tmp_path):
    """Who loosens a contract gets no rows past it: the publisher's own is asked, whatever audits said before."""
    state = tmp_path / "state"
    small.file("lagoa.toml", f'state = "{state}"\n')
    own = type(small)(tmp_path / "publisher")
    own.file("lagoa.toml", f'state = "{state}"\n')
    loose = {"id": "long", "name": "string", "age": "int"}
    small.contract("bronze.people", loose)
    with small.open() as lake:
        command = (sys.executable, "-I", "-m", "lagoa.cli.publisher", "--lake", str(own.root))
        caller = handing_over(lake, publisher_command=command)
        branch = load(caller, small.people(1, age=-1))
        assert branch.audit().passed
        with closing(caller.context.publisher), pytest.raises(AuditFailed) as told:
            branch.publish()
        assert "bronze.people/range/age" in {each.check for each in told.value.report.blocking}
        assert lake.audit_of("one").report == told.value.report
        assert lake.tables() == {}


def test_who_may_not_ask_is_refused_before_anything_runs(lake, tmp_path):
    nowhere = {"publisher_command": (str(tmp_path / "nowhere"),)}  # so a step could not even begin
    for role, branch in (("reader", "one"), ("reader", "run/x/1"), ("ingest", "one")):
        with pytest.raises(NotAllowed, match=f"role '{role}' to do this: publish '{branch}'") as told:
            handing_over(lake, role=role, **nowhere).context.publisher.publish(branch, "")
        assert "publisher may" in told.value.advice
    for role in ("reader", "ingest"):
        with pytest.raises(NotAllowed, match="roll main back"):
            handing_over(lake, role=role, **nowhere).rollback("main~1")
    with pytest.raises(PublisherFailed, match="could not be started"):
        handing_over(lake, **nowhere).rollback("main~1")


def asked(small, caller, *requests):
    """Return what the step for callers of one role answers to requests, whoever sends them."""
    command = [sys.executable, "-I", "-m", "lagoa.cli.publisher", "--lake", str(small.root), "--caller", caller]
    answers = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as step:
        for each in requests:
            step.stdin.write(json.dumps({**each, "author": "mallory", "role": "publisher"}).encode() + b"\n")
            step.stdin.flush()
            answers.append(json.loads(step.stdout.readline()))
    return answers


def test_a_step_of_one_role_does_for_nobody_what_that_role_may_not(lake, small):
    """A flow's own code reaches the step of flows without Lagoa's client, which would refuse."""
    load(lake, small.people(1), "dev/ana/one")
    load(lake, small.people(2), "run/x/1").publish()
    before = lake.resolve(MAIN).id
    refused = asked(
        small,
        "ingest",
        {"rollback": "main~1", "hold": True},
        {"branch": "dev/ana/one", "message": "", "refresh": True},
        {"branch": " dev/ana/one", "message": ""},
    )
    assert [each["error"] for each in refused[:2]] == ["NotAllowed"] * 2
    assert "roll main back" in str(refused[0])
    assert all("error" in each for each in refused)
    assert lake.resolve(MAIN).id == before
    load(lake, small.people(3), "run/x/2")
    (published,) = asked(small, "ingest", {"branch": "run/x/2", "message": ""})
    assert "error" not in published
    (back,) = asked(small, "engineer", {"rollback": "main~1", "hold": False})
    assert "error" not in back


def test_a_request_without_an_end_is_not_read_to_its_end(small):
    command = [sys.executable, "-I", "-m", "lagoa.cli.publisher", "--lake", str(small.root)]
    done = subprocess.run(command, input=b" " * (1 << 22), capture_output=True, timeout=120, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def steps(pid=None):
    """Return the publisher's steps that a process has begun, of this one by default."""
    return [each for each in psutil.Process(pid).children() if "lagoa.cli.publisher" in each.cmdline()]


def test_a_run_is_checked_by_the_step_beside_the_work(caller, small):
    with caller.run("load") as run:
        run.append("bronze.people", small.people(1))
        run.finished(PEOPLE, run.head)
        run.finished(PEOPLE, None)
        report = run.audit()
        publication = run.publish()
        assert len(steps()) == 1
    assert report.passed
    assert {each.check for each in report.results} == {each.check for each in publication.report.results}
    assert all(each.reused for each in (*report.results, *publication.report.results))
    assert not steps()


def test_the_step_stays_for_the_next_publication_and_reads_the_contracts_anew(caller, small):
    load(caller, small.people(1), "one").publish()
    (step,) = steps()
    ages = {"physicalType": "int", "logicalTypeOptions": {"maximum": 9}}
    small.contract("bronze.people", {"id": "long", "name": "string", "age": ages})
    with pytest.raises(AuditFailed, match="range/age"):
        load(caller, small.people(2), "two").publish()
    assert steps() == [step]
    caller.context.publisher.close()
    assert not steps()


@pytest.mark.slow
def test_after_a_step_that_died_another_one_is_asked(caller, small):
    with caller.run("load") as run:
        run.append("bronze.people", small.people(1))
        run.finished(PEOPLE, run.head)
        steps()[0].kill()
        with pytest.raises(PublisherFailed, match="ended with -9"):
            run.publish()
        assert run.publish().report.passed


def test_no_other_roles_results_pass_for_the_publishers(tmp_path):
    forged = CheckResult("bronze.people/range/age", "bronze.people", "passed", 0.0, "= 0", "fine", 0.1, "key")
    with (
        closing(SqliteReceipts(tmp_path / "receipts.db", "publisher:")) as own,
        closing(SqliteReceipts(tmp_path / "receipts.db", "ingest:")) as other,
    ):
        other.remember([forged])
        assert other.results(["key"])["key"].outcome == "passed"
        assert own.results(["key"]) == {}
        own.remember([replace(forged, outcome="failed")])
        assert {own.results(["key"])["key"].outcome, other.results(["key"])["key"].outcome} == {"failed", "passed"}


@pytest.mark.slow
def test_it_is_ended_after_its_time(lake, small):
    caller = handing_over(lake, publisher_limit_s=0)
    branch = load(caller, small.people(1))
    with pytest.raises(PublisherFailed, match="publisher_limit_s"):
        branch.publish()
    assert not steps()
    assert [ref.name for ref in lake.refs()] == [MAIN, "one"]


def test_what_stops_it_is_told(caller, small):
    branch = load(caller, small.people(1))
    small.file("lagoa.toml", "publish_tries = 0\n")
    with pytest.raises(SettingsError, match="publish_tries"):
        branch.publish()
    small.file("lagoa.toml", 'state = "lagoa.toml"\n')  # no folder: an error that is none of Lagoa's
    with pytest.raises(PublisherFailed, match=r"(?s)ended with 1 and no answer.*FileExistsError"):
        branch.publish()


CALLER = """
import sys
import lagoa
from contextlib import closing
from dataclasses import replace
from lagoa.publish.remote import PublisherProcess, _environment
with lagoa.open_lake(sys.argv[1]) as lake:
    PublisherProcess(lake.settings, lake.context.receipts.parts).publish("one", "")
"""


@pytest.mark.slow
def test_it_ends_with_its_caller_and_main_is_whole(lake, small):
    load(lake, small.people(1))
    before = lake.resolve(MAIN).id
    caller = subprocess.Popen([sys.executable, "-c", CALLER, str(small.root)])
    while not any(ref.name.startswith(CANDIDATE_PREFIX) for ref in lake.refs()) and caller.poll() is None:
        time.sleep(0.005)
    left = steps(caller.pid)
    caller.kill()
    caller.wait()
    assert left
    assert not psutil.wait_procs(left, timeout=30)[1]
    assert [ref.name for ref in lake.refs() if ref.name.startswith(CANDIDATE_PREFIX)] == []
    after = lake.resolve(MAIN)
    assert after.id == before or (after.parents[0] == before and after.id == lake.publications()[0].commit)
    if after.id == before:
        lake.branch("one").publish()
    assert lake.row_counts() == dict.fromkeys(lake.tables(), 1)
