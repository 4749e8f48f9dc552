"""A lake whose files are in another S3 store than MinIO: what is tested on MinIO without its users and policies."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import uuid
from datetime import UTC, datetime, timedelta

import httpx
import pyarrow as pa
import pytest
from aged import later
from lakes import LakeFolder

pytest.importorskip("minio", reason="the extra `stack` is not installed")

from minio import Minio
from minio.commonconfig import ENABLED, REPLACE, AndOperator, CopySource, Filter, Tags
from minio.lifecycleconfig import LifecycleConfig, Rule, Transition

import lagoa
from lagoa.errors import SettingsError
from lagoa.settings import load_settings
from lagoa.usage.log import FOLDER
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


class TestColdStorage:
    """Tags and copies are those of S3; moto moves nothing, so that objects of another class are made by hand."""

    @pytest.fixture
    def cooled(self, folder, as_user):
        """Return a lake as the maintainer opens it three days later, whose files may go after one, and the store."""
        with (folder / "lagoa.toml").open("a") as file:
            file.write("[cold.days]\nbronze = 1\n")
        settings = load_settings(folder, "stack").model_copy(update={"role": "maintainer"})
        rows = pa.table({"id": pa.array(range(100_000), pa.int64()), "age": pa.nulls(100_000, pa.int32())})
        with lagoa.open_lake(settings) as lake:
            branch = lake.create_branch("load")
            branch.append(on_minio.PEOPLE, rows)
            branch.publish()
            log = settings.state_folder / FOLDER
            log.mkdir(exist_ok=True)
            (log / f"{datetime.now(UTC).date() - timedelta(days=30)}.jsonl").touch()
            yield later(lake, 3), as_user(NAME)

    def rule(self, store, to, *, tag="lagoa-cold", prefix="warehouse/"):
        tags = Tags.new_object_tags()
        tags[tag] = "true"
        filtered = Filter(and_operator=AndOperator(prefix=prefix, tags=tags))
        moving = Rule(
            rule_id="a", rule_filter=filtered, status=ENABLED, transition=Transition(days=1, storage_class=to)
        )
        store.set_bucket_lifecycle(bucket_name=on_minio.WAREHOUSE, config=LifecycleConfig([moving]))

    def test_files_are_tagged_by_a_rule_that_they_can_be_read_by(self, cooled):
        lake, store = cooled
        for named in ({"to": "GLACIER_IR", "tag": "other"}, {"to": "GLACIER_IR", "prefix": "elsewhere/"}):
            self.rule(store, **named)
            with pytest.raises(SettingsError, match="no rule that moves objects with the tag"):
                lake.move_cold()
        self.rule(store, "DEEP_ARCHIVE")
        with pytest.raises(SettingsError, match="to DEEP_ARCHIVE, where nobody can read them"):
            lake.move_cold()
        self.rule(store, "GLACIER_IR")
        (done,) = lake.move_cold().tables
        assert (str(done.table), done.files) == (on_minio.PEOPLE, 1)
        assert lake.move_cold().tables == ()
        assert lake.thaw(on_minio.PEOPLE).bytes == done.bytes
        assert lake.thaw(on_minio.PEOPLE).files == 0

    def test_what_was_moved_comes_back_and_tags_of_others_stay(self, cooled):
        lake, store = cooled
        self.rule(store, "GLACIER_IR")
        bucket, _, prefix = lake.settings.warehouse.removeprefix("s3://").partition("/")
        names = [each.object_name for each in store.list_objects(bucket_name=bucket, prefix=prefix, recursive=True)]
        (name,) = (each for each in names if each.endswith(".parquet"))
        there = {"bucket_name": bucket, "object_name": name}
        theirs = Tags.new_object_tags()
        theirs["owner"] = "somebody"
        store.set_object_tags(**there, tags=theirs)
        assert lake.move_cold().tables == ()
        store.delete_object_tags(**there)
        store.copy_object(
            **there,
            source=CopySource(**there),
            metadata_directive=REPLACE,
            metadata={"x-amz-storage-class": "GLACIER_IR"},
        )
        (kept,) = lake.move_cold().kept
        assert kept.cold_files == 1
        assert lake.thaw(on_minio.PEOPLE).files == 1
        assert store.stat_object(**there).metadata.get("x-amz-storage-class") in {None, "STANDARD"}
        assert lake.sql(f"SELECT count(*) FROM {on_minio.PEOPLE}").fetchall() == [(100_000,)]
