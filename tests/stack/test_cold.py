"""Cold storage in a bucket: files are tagged, a rule moves them to another MinIO, and every state reads the same."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from aged import later
from minio import Minio, MinioAdmin
from minio.commonconfig import Tags
from minio.credentials.providers import StaticProvider
from minio.error import S3Error

from lagoa.backup.create import create_backup
from lagoa.backup.verify import verify_backups
from lagoa.errors import NotCollectable, SettingsError, StackError, StorageUnavailable
from lagoa.review.doctor import examine
from lagoa.settings import load_settings
from lagoa.stack.credentials import Credentials
from lagoa.stack.manifest import Cold
from lagoa.stack.policy import read_policy
from lagoa.stack.servers.minio.objects import make_ready
from lagoa.stack.servers.minio.tiers import ACCESS_KEY, SECRET_KEY
from lagoa.storage.s3 import DELETER
from lagoa.usage.log import FOLDER
from tests.integration.maintain.test_collection import collected
from tests.stack.breaking import StackLake, delivery, holds, load

pytestmark = pytest.mark.timeout(300)

NAME, SECRET = "cold-root", "of-this-test-alone"
LOADS = {1: 100_000, 2: 800_000}

PATIENCE_S = 240
"""How long MinIO's scanner may take to find what is tagged."""


@pytest.fixture(scope="module")
def other(stack, tmp_path_factory):
    """Run another MinIO, with a bucket; yield its address."""
    with another(stack, tmp_path_factory.mktemp("cold")) as (address, client, _):
        client.make_bucket(bucket_name="cold-files")
        yield address


@contextmanager
def another(stack, folder):
    """Run the program of the stack's MinIO once more; yield its address, a client of its root user, and the process."""
    program = Path(f"/proc/{stack._supervisor.state('minio')['pid']}/exe").readlink()
    with socket.socket() as one, socket.socket() as two:
        for each in (one, two):
            each.bind(("127.0.0.1", 0))
        address, console = (f"127.0.0.1:{each.getsockname()[1]}" for each in (one, two))
    line = [program, "server", "--address", address, "--console-address", console, str(folder / "data")]
    keys = {"MINIO_ROOT_USER": NAME, "MINIO_ROOT_PASSWORD": SECRET, "MINIO_UPDATE": "off", "HOME": str(folder)}
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(line, env={**os.environ, **keys}, stdout=log, stderr=log)
    try:
        wait(lambda: answers(address), 120)
        client = Minio(endpoint=address, access_key=NAME, secret_key=SECRET, secure=False, region="us-east-1")
        yield address, client, process
    finally:
        process.kill()
        process.wait()


def answers(address):
    try:
        return httpx.get(f"http://{address}/minio/health/ready").is_success
    except httpx.TransportError:
        return False


def wait(until, seconds):
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.3)


@pytest.fixture
def admin(credentials):
    host = urlsplit(os.environ["LAGOA_S3_ENDPOINT"]).netloc
    keys = StaticProvider(credentials["minio-root-user"], credentials["minio-root-password"])
    return MinioAdmin(endpoint=host, credentials=keys, secure=False, region="us-east-1")


@pytest.fixture
def root(credentials):
    host = urlsplit(os.environ["LAGOA_S3_ENDPOINT"]).netloc
    keys = StaticProvider(credentials["minio-root-user"], credentials["minio-root-password"])
    return Minio(endpoint=host, credentials=keys, secure=False, region="us-east-1")


@pytest.fixture
def provision(stack, monkeypatch):
    """Return what `lagoa stack up` does with MinIO, given its cold storage; the rule goes again."""
    monkeypatch.setenv(ACCESS_KEY, NAME)
    monkeypatch.setenv(SECRET_KEY, SECRET)
    host = urlsplit(os.environ["LAGOA_S3_ENDPOINT"]).netloc
    credentials = Credentials(stack._state / "credentials.json")

    def done(cold):
        make_ready(host, credentials, read_policy(stack._root), cold=cold)

    yield done
    done(None)


@pytest.fixture
def cold(other):
    """Return that MinIO as the stack's configuration has it."""
    return tier(other)


def tier(address):
    """Return a MinIO as the stack's configuration has it, under a name that no earlier test has given away."""
    name = f"COLD-{urlsplit(f'//{address}').port}"
    return Cold(name=name, endpoint=f"http://{address}", bucket="cold-files", prefix="lagoa/")


@pytest.fixture
def small(tmp_path, empty_nessie, credentials, monkeypatch):
    """Return a lake with a load in it, of which nobody asked for a day, and whose log goes back a month."""
    monkeypatch.setenv("LAGOA_MAINTAINER_ACCESS_KEY", DELETER)
    monkeypatch.setenv("LAGOA_MAINTAINER_SECRET_KEY", credentials[f"minio-{DELETER}"])
    made = StackLake(tmp_path / "lake", empty_nessie)
    with (made.root / "lagoa.toml").open("a") as file:
        file.write("[cold.days]\nbronze = 1\n[retention]\nhistory_days = 10\ntrash_days = 3\n")
    with made.open() as lake:
        load(lake, 1, 100_000)
        log = lake.settings.state_folder / FOLDER
        log.mkdir(exist_ok=True)
        (log / f"{datetime.now(UTC).date() - timedelta(days=30)}.jsonl").touch()
    return made


@contextmanager
def maintained(small, days=3):
    """Open a lake as the maintainer, some days later."""
    with small.open(role="maintainer") as lake:
        yield later(lake, days)


def data_of(lake, root, layer="bronze"):
    """Return the objects of data files, by name."""
    bucket, _, prefix = lake.context.storage.location.removeprefix("s3://").partition("/")
    listed = root.list_objects(bucket_name=bucket, prefix=f"{prefix}/{layer}/", recursive=True)
    return {each.object_name: each for each in listed if each.object_name.endswith(".parquet")}


def classes(lake, root):
    """Return the storage class of each data file, in order."""
    return sorted(each.storage_class for each in data_of(lake, root).values())


def kept_there(there):
    """Return the bytes of each object in the other store."""
    listed = there.list_objects(bucket_name="cold-files", prefix="lagoa/", recursive=True)
    return {each.object_name: each.size for each in listed}


def tags(root, name):
    return dict(root.get_object_tags(bucket_name="lagoa", object_name=name) or {})


def test_files_are_tagged_where_the_bucket_has_a_rule_and_untagged(small, root, provision, cold):
    with maintained(small) as lake:
        with pytest.raises(SettingsError, match=r"no rule that moves objects with the tag lagoa-cold=true"):
            lake.move_cold()
        provision(cold)
        (rule,) = (
            each for each in root.get_bucket_lifecycle(bucket_name="lagoa").rules if each.rule_id == "cold-files"
        )
        assert (rule.transition.storage_class, rule.rule_filter.and_operator.prefix) == (cold.name, "warehouse/")
        etags = {name: each.etag for name, each in data_of(lake, root).items()}
        assert [each.files for each in lake.move_cold(dry_run=True).tables] == [1, 1]
        assert not any(tags(root, name) for name in etags)
        done = lake.move_cold()
        assert [str(each.table) for each in done.tables] == ["bronze.people", "bronze.pets"]
        assert {name: tags(root, name) for name in etags} == {name: {"lagoa-cold": "true"} for name in etags}
        assert not any(tags(root, name) for name in data_of(lake, root, "gold")), "days are named for bronze alone"
        (kept,) = done.kept
        assert kept.bytes > sum(each.bytes for each in done.tables)
        assert lake.move_cold().tables == ()
        holds(lake, {1: 100_000})
        assert lake.thaw("bronze.people").files == 1
        assert sorted(map(len, (tags(root, name) for name in etags))) == [0, 1]
        assert {name: each.etag for name, each in data_of(lake, root).items()} == etags
        assert lake.thaw("bronze.people").files == 0
        holds(lake, {1: 100_000})
        assert examine(lake.context) == []
    with small.open() as other_role:
        for call in (other_role.move_cold, lambda: other_role.thaw("bronze.pets")):
            with pytest.raises(NotCollectable, match="maintainer"):
                call()


def test_a_tier_is_made_once_and_its_store_is_not_exchanged(provision, cold, monkeypatch, admin):
    provision(cold)
    monkeypatch.delenv(ACCESS_KEY)
    provision(cold)  # the keys that it has are good
    with pytest.raises(StackError, match=f"its tier {cold.name} lies at {cold.endpoint}, and cannot move"):
        provision(cold.model_copy(update={"bucket": "elsewhere"}))
    with pytest.raises(StackError, match="no keys of its cold store"):
        provision(cold.model_copy(update={"name": "ANOTHER"}))
    monkeypatch.setenv(ACCESS_KEY, NAME)
    with pytest.raises(StackError, match="cannot be used") as told:
        provision(cold.model_copy(update={"name": "ANOTHER", "bucket": "is-not-there"}))
    monkeypatch.setenv(SECRET_KEY, "wrong-secret")
    with pytest.raises(StackError, match="cannot be used") as wrong:
        provision(cold.model_copy(update={"name": "ANOTHER"}))
    assert SECRET not in str(told.value)
    assert "wrong-secret" not in str(wrong.value)
    monkeypatch.setenv(SECRET_KEY, SECRET)
    as_s3 = cold.model_copy(update={"name": f"S3-{cold.name}", "kind": "s3", "prefix": "s3/", "region": "us-east-1"})
    for _ in range(2):
        provision(as_s3)


def test_nobody_but_the_maintainer_tags_and_it_gives_that_tag_alone(small, root, credentials, provision):
    provision(None)
    with small.open() as lake:
        name = next(iter(data_of(lake, root)))
    there = {"bucket_name": "lagoa", "object_name": name}
    host = urlsplit(os.environ["LAGOA_S3_ENDPOINT"]).netloc

    def tagged(**values):
        given = Tags.new_object_tags()
        for key, value in values.items():
            given[key.replace("_", "-")] = value
        return given

    cold, wrong = tagged(lagoa_cold="true"), [tagged(other="true"), tagged(lagoa_cold="false")]
    wrong.append(tagged(other="true", lagoa_cold="true"))
    for user in ("lagoa-reader", "lagoa-writer", "nessie", "trino", DELETER):
        client = Minio(endpoint=host, access_key=user, secret_key=credentials[f"minio-{user}"], secure=False)
        attempts = [lambda given=given, client=client: client.set_object_tags(**there, tags=given) for given in wrong]
        new = {"bucket_name": "lagoa", "object_name": f"{name}.new", "length": 1}
        attempts += [
            lambda given=given, client=client, new=new: client.put_object(**new, data=io.BytesIO(b"x"), tags=given)
            for given in (cold, *wrong)
        ]
        if user != DELETER:
            attempts += [
                lambda client=client: client.set_object_tags(**there, tags=cold),
                lambda client=client: client.delete_object_tags(**there),
                lambda client=client: client.get_bucket_lifecycle(bucket_name="lagoa"),
            ]
        for attempt in attempts:
            with pytest.raises(S3Error) as told:
                attempt()
            assert told.value.code == "AccessDenied"
    assert tags(root, name) == {}


@pytest.mark.nightly
@pytest.mark.timeout(900)
def test_bytes_move_to_another_store_and_back_and_all_see_them(stack, small, root, admin, provision, tmp_path):
    with another(stack, tmp_path) as (address, there, process):
        there.make_bucket(bucket_name="cold-files")
        provision(made := tier(address))
        admin.config_set("scanner", {"speed": "fastest"})
        try:
            with small.open() as lake:
                load(lake, 2, 800_000)
            with maintained(small) as lake:
                before = data_of(lake, root)
                assert any("-" in each.etag for each in before.values()), "a file that was written in several parts"
                size = sum(each.bytes for each in lake.move_cold().tables)
                wait(lambda: classes(lake, root) == [made.name] * 4, PATIENCE_S)
                (kept,) = lake.move_cold(dry_run=True).kept
                assert (kept.cold_files, kept.cold_bytes) == (4, size)
                assert set(kept_there(there).values()) == {each.size for each in before.values()}
                holds(lake, LOADS)
                assert lake.catalog().load_table("bronze.people").scan().to_arrow().num_rows == 900_000
                assert lake.sql("SELECT count(*) FROM bronze.people", ref="main~1").fetchall() == [(100_000,)]
                settings, saved = load_settings(small.root, "stack"), str(tmp_path / "backup")
                assert create_backup(settings, saved).missing == ()
                assert verify_backups(settings, saved).faults == ()
                assert examine(lake.context) == []

                assert lake.thaw("bronze.people").files == 2
                now = data_of(lake, root)
                assert [(name, each.etag) for name, each in now.items()] == [
                    (name, each.etag) for name, each in before.items()
                ]
                assert classes(lake, root) == [*[made.name] * 2, *["STANDARD"] * 2]
                assert lake.thaw("bronze.people").files == 0
                assert examine(lake.context) == [], "a file that came back is not one that was written over"
                holds(lake, LOADS)
            with small.open() as lake, lake.run("fewer") as run:
                run.replace("bronze.pets", lake.sql("SELECT * FROM bronze.pets WHERE id = 1000000").arrow())
                run.transform()  # else gold is built from them
                run.publish()
                for number in LOADS:
                    lake.delete_ref(delivery(number))  # which have those files
            collects_cold_files(small, root, there)
            with maintained(small, days=10) as lake:  # it was asked for after three
                assert [str(each.table) for each in lake.move_cold().tables] == ["bronze.people"]
                wait(lambda: classes(lake, root).count(made.name) == 2, PATIENCE_S)
            process.kill()
            with small.open() as lake:
                assert lake.sql("SELECT sum(pets) FROM gold.counts").fetchall() == [(1,)]
                with pytest.raises(StorageUnavailable, match="keeps its cold files, does not answer"):
                    lake.sql("SELECT count(name) FROM bronze.people").fetchall()
        finally:
            admin.config_reset("scanner")


def collects_cold_files(small, root, there):
    """Let the cold files of `bronze.pets` be garbage: they go to the trash and come back; their bytes go at last."""
    with small.open(role="maintainer") as young:
        lake = later(young, 3)
        cold = {name for name, each in data_of(lake, root).items() if each.storage_class != "STANDARD"}
        at = lake.context.storage.location
        lake, done = collected(later(lake, 30))
        assert cold & data_of(lake, root).keys() == set()
        assert {f"{at.rpartition('/warehouse/')[0]}/{name}" for name in cold} <= set(done.sample)
        lake.restore_trash(done.trash)
        assert cold <= data_of(lake, root).keys()
    bytes_there = kept_there(there)
    for name in cold:
        for each in root.list_objects(bucket_name="lagoa", prefix=name, include_version=True):
            root.remove_object(bucket_name="lagoa", object_name=name, version_id=each.version_id)
    wait(lambda: len(kept_there(there)) <= len(bytes_there) - len(cold), 120)
