"""MinIO slow, cut off, stopped, killed, full: a clear error in bounded time, main whole, the job done afterwards."""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from pathlib import Path

import pytest
from minio import MinioAdmin
from minio.credentials.providers import StaticProvider

from lagoa.errors import NotAllowed, SignInFailed, StorageUnavailable
from lagoa.stack.run import Stack, free_ports
from lagoa.storage.s3 import WRITER
from tests.stack.breaking import QUICK, at_step, fill, holds, kill, load, small_disk, within
from tests.stack.proxy import proxied

pytestmark = pytest.mark.timeout(240)

MANY = 40_000
GIVEN_UP_S = 90


@pytest.fixture
def endpoint():
    return os.environ["LAGOA_S3_ENDPOINT"]


class TestInTheMiddleOfAWrite:
    def test_one_that_stops_is_told_in_time_and_the_job_done_when_it_is_back(self, small, stack, endpoint):
        pid = stack._supervisor.state("minio")["pid"]
        with proxied(endpoint) as proxy, small.open(s3_endpoint=proxy.url, **QUICK) as lake:
            load(lake, 1)
            stopped = []

            def stop(passed, begun=proxy.passed):
                if passed > begun + 200_000 and not stopped:
                    stopped.append(os.kill(pid, signal.SIGSTOP))

            proxy.on_bytes = stop
            try:
                with within(GIVEN_UP_S), pytest.raises(StorageUnavailable, match="lagoa stack status"):
                    load(lake, 2, MANY)
            finally:
                os.kill(pid, signal.SIGCONT)
            assert stopped
            holds(lake, {1: 1})
            load(lake, 2, MANY)
            holds(lake, {1: 1, 2: MANY})

    def test_one_that_is_killed_loses_and_doubles_no_row(self, small, stack, endpoint):
        with proxied(endpoint) as proxy, small.open(s3_endpoint=proxy.url) as lake:
            load(lake, 1)
            killed = []

            def die(passed, begun=proxy.passed):
                if passed > begun + 200_000 and not killed:
                    killed.append(kill(stack, "minio"))

            proxy.on_bytes = die
            with within(GIVEN_UP_S):
                try:
                    load(lake, 2, MANY)
                except StorageUnavailable:
                    stack.up(["minio"])
                    load(lake, 2, MANY)
            assert killed
            holds(lake, {1: 1, 2: MANY})


def test_one_that_stops_during_the_audit_is_told_in_time(small, stack):
    pid = stack._supervisor.state("minio")["pid"]
    with small.open(**QUICK) as lake:
        load(lake, 1)
        try:
            with (
                within(GIVEN_UP_S),
                at_step("publish.committed", lambda: os.kill(pid, signal.SIGSTOP)),
                pytest.raises(StorageUnavailable, match="lagoa stack status"),
            ):
                load(lake, 2)
        finally:
            os.kill(pid, signal.SIGCONT)
        holds(lake, {1: 1}, tidy=False)
        load(lake, 2)
        holds(lake, {1: 1, 2: 1})


class TestAProxyBetween:
    @pytest.mark.parametrize(("requests", "rows"), [("PUT ", MANY), ("POST ", 20 * MANY), ("GET |HEAD ", MANY)])
    def test_that_loses_answers_does_no_harm(self, small, endpoint, requests, rows):
        with proxied(endpoint) as proxy, small.open(s3_endpoint=proxy.url) as lake:
            load(lake, 1)
            proxy.lose = requests
            for _ in range(3):
                try:
                    load(lake, 2, rows)
                    break
                except StorageUnavailable:
                    continue
            assert proxy.lost
            proxy.heal()
            load(lake, 2, rows)
            holds(lake, {1: 1, 2: rows})

    @pytest.mark.parametrize(
        ("way", "work"),
        [
            ("up_limit", lambda lake: load(lake, 2, MANY)),
            ("down_limit", lambda lake: lake.sql("SELECT max(name) FROM bronze.people").fetchall()),
        ],
    )
    def test_that_cuts_connections_is_told_and_no_part_taken_for_the_whole(self, small, endpoint, way, work):
        with small.open() as lake:
            load(lake, 1, MANY)
        with proxied(endpoint) as proxy, small.open(s3_endpoint=proxy.url, **QUICK) as lake:
            setattr(proxy, way, 100_000)
            with within(GIVEN_UP_S), pytest.raises(StorageUnavailable):
                work(lake)
            proxy.heal()
            load(lake, 2, MANY)
            holds(lake, {1: MANY, 2: MANY})

    def test_that_is_slow_is_waited_for(self, small, endpoint):
        with proxied(endpoint) as proxy, small.open(s3_endpoint=proxy.url) as lake:
            proxy.latency_s, proxy.bytes_per_s = 0.02, 500_000
            load(lake, 1, MANY)
            holds(lake, {1: MANY})


class TestAWrongCredential:
    def test_is_told_when_the_lake_is_first_read(self, small, monkeypatch):
        with small.open() as lake:
            load(lake, 1)
        monkeypatch.setenv("LAGOA_S3_SECRET_KEY", "drawn-by-somebody-else")
        with small.open() as lake, within(GIVEN_UP_S), pytest.raises(SignInFailed) as told:
            lake.sql("SELECT * FROM bronze.people").fetchall()
        assert "drawn-by-somebody-else" not in str(told.value)

    def test_that_was_good_when_the_job_began_is_told(self, small, endpoint, credentials):
        root = StaticProvider(*(credentials[f"minio-root-{part}"] for part in ("user", "password")))
        admin = MinioAdmin(endpoint=endpoint.removeprefix("http://"), credentials=root, secure=False)
        with small.open(**QUICK) as lake:
            load(lake, 1)
            admin.user_disable(WRITER)
            try:
                for work in (lambda: load(lake, 2), lambda: lake.sql("SELECT * FROM bronze.people").fetchall()):
                    with within(GIVEN_UP_S), pytest.raises((SignInFailed, NotAllowed), match="object store"):
                        work()
            finally:
                admin.user_enable(WRITER)
            load(lake, 2)
            holds(lake, {1: 1, 2: 1})


@pytest.fixture
def small_store(tmp_path, monkeypatch):
    """Bring a MinIO of its own up whose disk has few MB; return the folder of its data."""
    root = tmp_path / "store"
    infra = Path(os.environ["LAGOA_TEST_STACK"]) / "infra"
    shutil.copytree(infra / "go/minio", root / "infra/go/minio")
    entry = re.search(r"(?ms)^\[minio\]\n.*?(?=^\[|\Z)", (infra / "stack.toml").read_text())
    (root / "infra/stack.toml").write_text(entry[0])
    shutil.copy(infra / "policy.toml", root / "infra")
    stack = Stack(root, root / ".lagoa/stack")
    stack.choose_ports(free_ports(stack.manifest))
    data = root / ".lagoa/stack/minio/data"
    with small_disk(data, "24m"):
        try:
            stack.up(["minio"])
            for name, value in stack.environment().items():
                if name.startswith("LAGOA_S3"):
                    monkeypatch.setenv(name, value)
            yield data
        finally:
            stack.down()


def test_a_full_disk_of_the_store_is_told_and_the_job_done_when_there_is_room(small, small_store):
    filler = small_store.parent / "data/.minio.sys/filler"
    with small.open(s3_endpoint=os.environ["LAGOA_S3_ENDPOINT"]) as lake:
        load(lake, 1)
        fill(filler, left=100_000)
        # When the disk fills up in the middle of a body, MinIO says only that it did not get all of it.
        with within(GIVEN_UP_S), pytest.raises(StorageUnavailable, match=r"disk is full|HTTP code 400"):
            load(lake, 2, MANY)
        filler.unlink()
        holds(lake, {1: 1})
        with within(GIVEN_UP_S):
            while True:  # it takes MinIO a moment to see that there is room
                try:
                    load(lake, 2, MANY)
                    break
                except StorageUnavailable:
                    time.sleep(0.5)
        holds(lake, {1: 1, 2: MANY})
