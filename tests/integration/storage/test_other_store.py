"""A lake whose files are in another S3 store than MinIO: what is tested on MinIO without its users and policies."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import uuid

import httpx
import pytest
from lakes import LakeFolder

pytest.importorskip("minio", reason="the extra `stack` is not installed")

from minio import Minio

import lagoa
from lagoa.settings import load_settings
from tests.integration.maintain import test_collection as collections
from tests.stack import test_minio as on_minio
from tests.stack.test_nessie import CONTRACT

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(300)]

NAME, SECRET = "lagoa", "of-the-test"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    """Run moto's server; return its address."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
    with (tmp_path_factory.mktemp("moto") / "log").open("wb") as log:
        line = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        process = subprocess.Popen(line, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 60
            while True:
                try:
                    httpx.get(f"http://127.0.0.1:{port}/moto-api/").raise_for_status()
                    break
                except httpx.TransportError:
                    assert process.poll() is None
                    assert time.monotonic() < deadline
                    time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()


@pytest.fixture
def as_user(endpoint):
    """Return a client of the store, by whatever name."""
    store = endpoint.removeprefix("http://")
    return lambda _: Minio(endpoint=store, access_key=NAME, secret_key=SECRET, secure=False, region="us-east-1")


@pytest.fixture
def folder(tmp_path, endpoint, as_user, monkeypatch):
    """Make a lake whose catalog is a SQLite file and whose files are in the store."""
    monkeypatch.setenv("LAGOA_S3_ACCESS_KEY", NAME)
    monkeypatch.setenv("LAGOA_S3_SECRET_KEY", SECRET)
    store = as_user(NAME)
    if not store.bucket_exists(bucket_name=on_minio.WAREHOUSE):
        store.make_bucket(bucket_name=on_minio.WAREHOUSE)
    (tmp_path / "lagoa.toml").write_text(
        f'name = "people"\nthreads = 1\n[profiles.stack]\ns3_endpoint = "{endpoint}"\ns3_keys = "permanent"\n'
        f'warehouse = "s3://{on_minio.WAREHOUSE}/warehouse/{uuid.uuid4().hex}"\n'
    )
    (tmp_path / "iceberg/bronze").mkdir(parents=True)
    (tmp_path / "iceberg/bronze/people.odcs.yaml").write_text(CONTRACT)
    return tmp_path


class TestALake(on_minio.TestALake):
    """All of it, but what others see over Nessie."""

    test_others_see_over_rest_what_was_published = None


class TestWhatBreaksOff:
    """`lagoa doctor` lists what MinIO's users would leave, too."""

    test_an_upload_is_not_seen_and_is_listed = on_minio.TestWhatBreaksOff.test_an_upload_is_not_seen_and_is_listed


@pytest.fixture
def lake(folder):
    """Return that lake as the one who deletes; it keeps states for ten days."""
    files = LakeFolder(folder)
    files.contract("bronze.log", "n:long* v:string")
    with (folder / "lagoa.toml").open("a") as file:
        file.write("[retention]\nhistory_days = 10\nrun_days = 5\ntrash_days = 3\n")
    settings = load_settings(folder, "stack").model_copy(update={"role": "maintainer"})
    with lagoa.open_lake(settings) as opened:
        opened.create_branch("dev")
        yield opened


class TestACollection:
    """It finds, moves and brings back the same files there; versions of them are on MinIO alone."""

    test_old_states = staticmethod(collections.test_an_old_state_expires_and_its_files_go)
    test_dry_run = staticmethod(collections.test_a_dry_run_changes_nothing)
    test_pins = staticmethod(collections.test_what_is_pinned_stays)
    test_branches = staticmethod(collections.test_runs_and_sandboxes_whose_time_is_over_are_deleted)
    test_trash = staticmethod(collections.test_the_trash_is_brought_back_or_deleted)
    test_crashes = staticmethod(collections.test_a_collection_that_dies_can_be_done_again)
    test_clock = staticmethod(collections.test_a_clock_that_goes_back_is_refused)
