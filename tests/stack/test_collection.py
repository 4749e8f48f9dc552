"""Expiry and collection on Nessie and MinIO: what holds of a lake in files holds there, by the role maintainer."""

from __future__ import annotations

import io
import os
import shutil
from datetime import timedelta

import pytest
from aged import later, paths_of
from effort import FACTOR
from hypothesis import HealthCheck, settings
from minio import Minio
from minio.error import S3Error

from lagoa.domain.owners import own_name, release_name
from lagoa.domain.refs import CANDIDATE_PREFIX
from lagoa.errors import CatalogDamaged, NotAllowed, NotCollectable
from lagoa.review.doctor import examine
from lagoa.storage.s3 import DELETER
from tests.integration.maintain import test_collection as collections
from tests.integration.maintain.test_collection import collected, put, read, rows
from tests.integration.maintain.test_collection_serial import Collected
from tests.stack.breaking import StackLake, without_tables
from tests.stack.conftest import emptied

pytestmark = pytest.mark.timeout(300)

test_old_states = collections.test_an_old_state_expires_and_its_files_go
test_dry_run = collections.test_a_dry_run_changes_nothing
test_pins = collections.test_what_is_pinned_stays
test_head = collections.test_the_head_stays_however_old_it_is
test_single_commits = collections.test_a_commit_of_a_published_branch_can_be_named_until_it_expires
test_clock = collections.test_a_clock_that_goes_back_is_refused
test_trash = collections.test_the_trash_is_brought_back_or_deleted
test_crashes = collections.test_a_collection_that_dies_can_be_done_again
test_expired_states = collections.test_nothing_is_made_from_an_expired_state

RETENTION = "[retention]\nhistory_days = 10\nrun_days = 5\ntrash_days = 3\n"
UUID = "0b6cbd32-5a1b-4f5c-9f4e-4e3c4a9cbb10"


@pytest.fixture(autouse=True)
def deleting(monkeypatch, credentials):
    """Let lakes that are opened as the maintainer delete."""
    monkeypatch.setenv("LAGOA_MAINTAINER_ACCESS_KEY", DELETER)
    monkeypatch.setenv("LAGOA_MAINTAINER_SECRET_KEY", credentials[f"minio-{DELETER}"])


@pytest.fixture
def small(tmp_path, empty_nessie):
    """Return the files of a lake that keeps states for ten days."""
    made = StackLake(tmp_path / "lake", empty_nessie)
    made.contract("bronze.log", "n:long* v:string")
    with (made.root / "lagoa.toml").open("a") as file:
        file.write(RETENTION)
    return made


@pytest.fixture
def lake(small):
    """Return the lake as the maintainer opens it, with a branch `dev`."""
    with small.open(role="maintainer") as opened:
        opened.create_branch("dev")
        yield opened


@pytest.fixture
def root(credentials):
    """Return a client of MinIO that may do everything."""
    host = os.environ["LAGOA_S3_ENDPOINT"].removeprefix("http://")
    user, password = credentials["minio-root-user"], credentials["minio-root-password"]
    return Minio(endpoint=host, access_key=user, secret_key=password, secure=False)


def bucket_of(lake):
    """Return the bucket of a lake, and the prefix of its files."""
    bucket, _, prefix = lake.context.storage.location.removeprefix("s3://").partition("/")
    return bucket, prefix


def add(root, lake, path):
    """Add a file of somebody else to the warehouse."""
    bucket, prefix = bucket_of(lake)
    root.put_object(bucket_name=bucket, object_name=f"{prefix}/{path}", data=io.BytesIO(b"x"), length=1)


def test_what_killed_writers_and_publishers_left_goes_and_nothing_of_others(lake, root):
    put(lake, 1)
    (table,) = {path.rsplit("/", 2)[0] for path in paths_of(lake) if "/metadata/" in path}
    orphan = f"{table}/data/orphan.parquet"
    theirs = ["notes.txt", f"bronze/theirs-{UUID}/data/a.parquet", f"bronze/theirs_{UUID}/metadata/a.metadata.json"]
    theirs += ["raw/2026/a.csv", f"_lagoa/batches/{UUID}/0-1-a.json"]
    for path in (orphan, *theirs):
        add(root, lake, path)
    name = own_name()
    release_name(name)
    lake.context.catalog.create_branch(f"{CANDIDATE_PREFIX}{name}", lake.resolve("main").id)
    assert lake.expire(dry_run=False).refs == (f"{CANDIDATE_PREFIX}{name}",)
    before = paths_of(lake)
    lake, done = collected(later(lake, 30))
    assert (done.garbage, before - paths_of(lake)) == (1, {orphan})
    assert examine(lake.context) == []  # a deletion by a collection is no fault
    lake.restore_trash(done.trash)
    assert paths_of(lake) == before
    assert read(lake) == [1]


def test_runs_whose_time_is_over_go_with_tables_that_only_they_had(lake):
    put(lake, 1)
    lake.create_sandbox("ana", lives=timedelta(days=1))
    run = lake.run("load")
    run.replace("bronze.people", StackLake.people(7))
    assert lake.expire(dry_run=False).refs == ()  # Nessie does not say when a branch was made: it is seen now
    lake = later(lake, 4)
    fresh = lake.run("load", "fresh")  # at a commit that is old
    assert lake.expire(dry_run=False).refs == ("sandbox/ana",)
    lake = later(lake, 2)
    assert lake.expire(dry_run=False).refs == (run.name,)
    assert {each.name for each in lake.refs()} == {"main", "dev", fresh.name}
    lake, done = collected(lake)
    assert sum("bronze/people" in each and each.endswith(".parquet") for each in done.sample) == 1
    assert not any(path.startswith("bronze/people") for path in paths_of(lake))
    assert read(lake) == [1]


def test_garbage_is_moved_only_after_two_collections_had_found_it(lake):
    put(lake, 1)
    run = lake.run("load")
    run.replace("bronze.log", rows(2))
    commit = run.head
    lake.delete_ref(run.name)
    lake = later(lake, 2)
    for _ in range(2):
        assert lake.collect(dry_run=False).garbage == 0
        lake = later(lake, 2)
    assert lake.collect().garbage > 0
    lake.context.catalog.create_branch("back", commit)
    assert lake.collect(dry_run=False).garbage == 0
    assert read(lake, "back") == [2]


def test_a_manifest_that_cannot_be_read_ends_it(lake, root, small):
    put(lake, 1)
    put(lake, 2)
    bucket, prefix = bucket_of(lake)
    lost = next(path for path in paths_of(lake) if path.endswith("-m0.avro"))
    root.remove_object(bucket_name=bucket, object_name=f"{prefix}/{lost}")
    with small.open(role="maintainer") as again, pytest.raises(CatalogDamaged):  # which has not read it before
        again.collect(dry_run=False)
    assert lake.trash() == []


def test_what_was_collected_is_kept_by_the_bucket_and_nobody_deletes_that(lake, root, small):
    put(lake, 1)
    lake = later(lake, 12)
    put(lake, 2)
    lake, done = collected(later(lake, 12))
    assert done.garbage > 0
    bucket, prefix = bucket_of(lake)
    listed = root.list_objects(bucket_name=bucket, prefix=f"{prefix}/bronze/", recursive=True, include_version=True)
    marks = [each for each in listed if each.is_delete_marker]
    assert len(marks) == sum("/bronze/" in place for place in done.sample)
    client = lake.context.storage._client()
    with pytest.raises(S3Error, match="Access Denied"):
        client.remove_object(bucket_name=bucket, object_name=marks[0].object_name, version_id=marks[0].version_id)
    with small.open() as other:
        for call in (other.expire, other.collect, other.trash):
            with pytest.raises(NotCollectable, match="maintainer"):
                call()
        needed = next(each.place for each in lake.context.storage.files_in(lake.context.storage.home))
        with pytest.raises(NotAllowed, match="move"):
            other.context.storage.move(needed, f"{needed}.moved")


class OnServers(Collected):
    """Writers, expiry and collection on Nessie and MinIO."""

    url = ""

    def made(self) -> StackLake:
        """Return the folder of a lake on a Nessie with nothing in it."""
        shutil.rmtree(self.root)
        made = without_tables(self.root, emptied(self.url))
        open_ = made.open
        made.open = lambda **given: open_(role="maintainer", **given)  # type: ignore[method-assign]
        return made


def kept_rows(url: str, examples: int, steps: int) -> None:
    """See `Collected`."""
    OnServers.url = url
    case = OnServers.TestCase
    case.settings = settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
    )
    case("runTest").runTest()


def test_what_is_kept_has_the_same_rows_whatever_writers_do(nessie_url):
    kept_rows(nessie_url, 2, 10)


@pytest.mark.nightly
@pytest.mark.timeout(7200)
def test_what_is_kept_has_the_same_rows_after_many_histories(nessie_url):
    kept_rows(nessie_url, 5 * FACTOR, 30)
