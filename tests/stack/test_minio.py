"""The object store: what stands ready in it, keys that run out, a lake whose files lie there, and outages."""

from __future__ import annotations

import io
import json
import os
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from checkout import ROOT
from minio import Minio, MinioAdmin
from minio.commonconfig import CopySource
from minio.credentials.providers import StaticProvider
from minio.error import S3Error
from pydantic import SecretStr
from pyiceberg.catalog.rest import RestCatalog

import lagoa
from lagoa.adapters.duckdb.engine import DuckDBEngine
from lagoa.bootstrap import examine_lake
from lagoa.domain import faults
from lagoa.domain.refs import MAIN
from lagoa.errors import CatalogDamaged, NotAllowed, QueryError, SettingsError, SignInFailed, StorageUnavailable
from lagoa.settings import load_settings
from lagoa.stack.credentials import Credentials
from lagoa.stack.policy import read_policy
from lagoa.stack.servers.minio.objects import BACKUP, BUCKETS, USERS, WAREHOUSE, make_ready, policies
from lagoa.storage.s3 import S3Server, S3Storage
from lagoa.storage.s3.keys import LASTING_S, AssumedKeys, signing_keys
from tests.stack.test_nessie import CONTRACT, people, seen

pytestmark = pytest.mark.timeout(300)

PEOPLE = "bronze.people"
POLICY = read_policy(ROOT)


@pytest.fixture(scope="session")
def credentials():
    return Credentials(Path(os.environ["LAGOA_TEST_STACK"]) / ".lagoa/stack/credentials.json")


@pytest.fixture(scope="session")
def endpoint():
    return os.environ["LAGOA_S3_ENDPOINT"]


@pytest.fixture
def as_user(endpoint, credentials):
    """Return a client of the store that signs in as one of its users."""

    def client(name):
        return Minio(
            endpoint=endpoint.removeprefix("http://"),
            access_key=name,
            secret_key=credentials[f"minio-{name}"].get_secret_value(),
            secure=False,
            region="us-east-1",
        )

    return client


@pytest.fixture
def folder(tmp_path, empty_nessie):
    """Make a lake whose catalog is Nessie and whose files lie in MinIO."""
    (tmp_path / "lagoa.toml").write_text(
        'name = "people"\nthreads = 1\n[profiles.stack]\ncatalog = "nessie"\n'
        f'nessie_url = "{empty_nessie}"\nwarehouse = "s3://{WAREHOUSE}/warehouse/{uuid.uuid4().hex}"\n'
    )
    (tmp_path / "iceberg/bronze").mkdir(parents=True)
    (tmp_path / "iceberg/bronze/people.odcs.yaml").write_text(CONTRACT)
    return tmp_path


def put(client, bucket, name, data=b"x"):
    client.put_object(bucket_name=bucket, object_name=name, data=io.BytesIO(data), length=len(data))


def load(branch, number):
    branch.append(PEOPLE, people(number))
    branch.publish()


def refused(call, *arguments, **named):
    with pytest.raises(S3Error) as told:
        call(*arguments, **named)
    assert told.value.code == "AccessDenied"


class TestWhatStandsReady:
    def test_it_is_made_once_and_brought_back_when_it_was_changed(self, endpoint, credentials):
        host = endpoint.removeprefix("http://")
        root = StaticProvider(*(credentials[f"minio-root-{part}"].get_secret_value() for part in ("user", "password")))
        client = Minio(endpoint=host, credentials=root, secure=False)
        admin = MinioAdmin(endpoint=host, credentials=root, secure=False)
        client.delete_bucket_lifecycle(bucket_name="backup")
        admin.policy_set("lagoa-writer", user="lagoa-reader")
        for _ in range(2):
            make_ready(host, credentials, POLICY)
        assert {bucket.name for bucket in client.list_buckets()} >= set(BUCKETS)
        for bucket in BUCKETS:
            assert client.get_bucket_versioning(bucket_name=bucket).status == "Enabled"
            rules = {rule.rule_id: rule for rule in client.get_bucket_lifecycle(bucket_name=bucket).rules}
            assert rules.pop("earlier-versions").noncurrent_version_expiration.noncurrent_days == 30
            if bucket == WAREHOUSE:
                incoming = rules.pop("incoming-rows")
                assert incoming.rule_filter.prefix == "warehouse/_lagoa/incoming/"
                assert incoming.expiration.days == 30
            assert not rules
        assert {name: each["policyName"] for name, each in json.loads(admin.user_list()).items()} == USERS
        assert set(json.loads(admin.policy_list())) >= set(policies(POLICY))

    def test_a_reader_reads_and_changes_nothing(self, as_user):
        name = f"warehouse/{uuid.uuid4().hex}/gold/a"
        put(as_user("lagoa-writer"), WAREHOUSE, name, b"rows")
        reader = as_user("lagoa-reader")
        assert reader.get_object(bucket_name=WAREHOUSE, object_name=name).read() == b"rows"
        assert [each.object_name for each in reader.list_objects(bucket_name=WAREHOUSE, prefix=name)] == [name]
        refused(put, reader, WAREHOUSE, name)
        refused(reader.remove_object, bucket_name=WAREHOUSE, object_name=name)

    def test_a_writer_writes_tables_files_alone_and_deletes_none(self, as_user):
        writer = as_user("lagoa-writer")
        name = f"warehouse/{uuid.uuid4().hex}/a"
        put(writer, WAREHOUSE, name)
        refused(writer.remove_object, bucket_name=WAREHOUSE, object_name=name)
        refused(put, writer, WAREHOUSE, "elsewhere/a")
        put(writer, BACKUP, name)  # who writes tables saves them, too
        refused(writer.remove_object, bucket_name=BACKUP, object_name=name)
        for bucket in set(BUCKETS) - {WAREHOUSE, BACKUP}:
            refused(put, writer, bucket, "a")
            refused(lambda bucket=bucket: list(writer.list_objects(bucket_name=bucket)))
        refused(writer.make_bucket, bucket_name="another")
        refused(writer.set_bucket_policy, bucket_name=WAREHOUSE, policy='{"Statement": []}')
        refused(writer.delete_bucket_lifecycle, bucket_name=WAREHOUSE)


class TestKeys:
    def test_they_run_out_and_are_renewed_before_that(self, endpoint, folder, tmp_path):
        now = [datetime.now(UTC)]
        keys = AssumedKeys(endpoint, *signing_keys(tmp_path), clock=lambda: now[0])
        first = keys()
        assert first.token.get_secret_value()
        now[0] += timedelta(seconds=LASTING_S / 2 - 1)
        assert keys() is first
        location = load_settings(folder, "stack").warehouse_location
        storage = S3Storage(location, S3Server(endpoint, "us-east-1", keys))
        options = {"memory_limit": "500MB", "threads": 1, "target_file_bytes": 2**27, "spill": tmp_path}
        with DuckDBEngine(storage, **options) as engine:
            for number in range(2):  # the second time by other keys
                with engine.session({}) as session:
                    session.query(f"COPY (SELECT {number} AS n) TO '{location}/{number}.parquet'").fetchall()
                with engine.session({}, confined=True) as session:
                    rows = session.query(f"FROM read_parquet('{location}/{number}.parquet')").fetchall()
                    assert rows == [(number,)]
                now[0] += timedelta(seconds=2)
        assert keys().access != first.access

    def test_they_stand_in_no_text(self, endpoint, tmp_path):
        keys = AssumedKeys(endpoint, *signing_keys(tmp_path))
        held = keys()
        server = S3Server(endpoint, "us-east-1", keys)
        storage = S3Storage("s3://lagoa/warehouse/texts", server)
        for text in (repr(storage), repr(server), repr(held), str(held)):
            assert held.secret.get_secret_value() not in text
            assert held.token.get_secret_value() not in text

    def test_a_wrong_one_is_told(self, endpoint):
        with pytest.raises(SignInFailed, match="does not accept the sign-in") as told:
            AssumedKeys(endpoint, "lagoa-writer", SecretStr("wrong-secret"))()
        assert "wrong-secret" not in str(told.value)

    def test_what_they_do_not_allow_is_told(self, endpoint, credentials, tmp_path):
        location = f"s3://{WAREHOUSE}/warehouse/{uuid.uuid4().hex}"
        keys = AssumedKeys(endpoint, "lagoa-reader", credentials["minio-lagoa-reader"])
        storage = S3Storage(location, S3Server(endpoint, "us-east-1", keys))
        with (
            pytest.raises(NotAllowed, match="object store"),
            storage.file_io({}).new_output(f"{location}/a").create() as to,
        ):
            to.write(b"x")
        options = {"memory_limit": "500MB", "threads": 1, "target_file_bytes": 2**27, "spill": tmp_path}
        with (
            DuckDBEngine(storage, **options) as engine,
            engine.session({}) as session,
            pytest.raises(NotAllowed, match="object store"),
        ):
            session.query(f"COPY (SELECT 1) TO '{location}/a.parquet'")

    def test_none_is_told(self, tmp_path, monkeypatch):
        monkeypatch.delenv("LAGOA_S3_SECRET_KEY")
        with pytest.raises(SettingsError, match="lagoa stack up"):
            signing_keys(tmp_path)

    def test_those_of_the_stack_are_taken(self, tmp_path, monkeypatch):
        monkeypatch.delenv("LAGOA_S3_ACCESS_KEY")
        kept = tmp_path / "credentials.json"
        kept.touch(0o600)
        kept.write_text('{"minio-lagoa-writer": "drawn"}')
        name, secret = signing_keys(tmp_path)
        assert (name, secret.get_secret_value()) == ("lagoa-writer", "drawn")


class TestALake:
    def test_every_kind_of_write_and_both_engines(self, folder):
        with lagoa.open_lake(folder, "stack") as lake:
            work = lake.create_branch("load")
            work.append(PEOPLE, people(1, 2, 3), batch="b1")
            work.merge(PEOPLE, people(3, 4, age=50))
            work.delete(PEOPLE, "id = 1")
            work.publish()
            assert seen(lake) == [2, 3, 4]
            work = lake.create_branch("again")
            work.replace(PEOPLE, people(7, 8))
            work.publish()
            assert seen(lake) == [7, 8]
            for _ in range(2):
                assert sorted(lake.catalog().load_table(PEOPLE).scan().to_arrow()["id"].to_pylist()) == seen(lake)
                lake.rollback("main~1")
            assert seen(lake) == [7, 8]
            work = lake.create_branch("back")
            work.restore([PEOPLE], "main~1")
            work.publish()
            assert seen(lake) == [2, 3, 4]
            (pointer,) = lake.tables().values()
            assert pointer.startswith(lake.settings.warehouse)
        with lagoa.open_lake(folder, "stack") as lake:  # nothing is remembered
            assert seen(lake) == [2, 3, 4]
            assert lake.sql(f"SELECT age FROM {PEOPLE} WHERE id = 3").fetchall() == [(50,)]
        assert examine_lake(load_settings(folder, "stack")) == []
        assert not list((folder / ".lagoa").rglob("*.parquet"))

    def test_rows_in_order_and_in_parts(self, folder):
        table = CONTRACT.replace("people", "visits").replace(
            "    properties:", "    customProperties: [{property: lagoa.sort, value: [id]}]\n    properties:"
        )
        (folder / "iceberg/bronze/visits.odcs.yaml").write_text(table)
        settings = load_settings(folder, "stack").model_copy(update={"target_file_mb": 1})
        with lagoa.open_lake(settings) as lake:
            work = lake.create_branch("load")
            count = 400_000
            ids = pa.array([(each * 2_654_435_761) % 2**40 for each in range(count)], pa.int64())
            work.append("bronze.visits", pa.table({"id": ids, "age": pa.nulls(count, pa.int32())}))
            scan = lake.catalog("load").load_table("bronze.visits").scan()
            assert len(list(scan.plan_files())) > 1
            scanned = scan.to_arrow()
            assert sorted(scanned["id"].to_pylist()) == sorted(ids.to_pylist())

    def test_a_users_sql_reads_tables_alone(self, folder):
        with lagoa.open_lake(folder, "stack") as lake:
            engine = lake.context.engine
            with engine.session({}, confined=True) as session:
                for place in (f"s3://{WAREHOUSE}/elsewhere/a.parquet", "s3://backup/a.parquet", "/etc/passwd"):
                    with pytest.raises(QueryError, match="disabled by configuration"):
                        session.query(f"FROM read_parquet('{place}')").fetchall()

    def test_its_files_may_be_copied_to_another_prefix(self, folder, as_user):
        """The copy is read and written, and what it was copied from is not."""
        settings = load_settings(folder, "stack")
        with lagoa.open_lake(settings) as lake:
            load(lake.create_branch("first"), 1)
            load(lake.create_branch("second"), 2)
        home, writer = settings.warehouse, as_user("lagoa-writer")
        moved = settings.model_copy(update={"warehouse": f"{home}-copy", "warehouse_home": home})

        def names(location):
            prefix = f"{location.removeprefix(f's3://{WAREHOUSE}/')}/"
            listed = writer.list_objects(bucket_name=WAREHOUSE, prefix=prefix, recursive=True)
            return {each.object_name.removeprefix(prefix) for each in listed}

        before, prefix = names(home), home.removeprefix(f"s3://{WAREHOUSE}/")
        for name in before:
            source = CopySource(bucket_name=WAREHOUSE, object_name=f"{prefix}/{name}")
            writer.copy_object(bucket_name=WAREHOUSE, object_name=f"{prefix}-copy/{name}", source=source)
        with lagoa.open_lake(moved) as lake:
            assert seen(lake) == [1, 2]
            work = lake.create_branch("third")
            work.append(PEOPLE, people(3, 4))
            work.merge(PEOPLE, people(2, age=50))
            work.delete(PEOPLE, "id = 1")
            work.publish()
            assert seen(lake) == [2, 3, 4]
            assert sorted(lake.catalog().load_table(PEOPLE).scan().to_arrow()["id"].to_pylist()) == [2, 3, 4]
            assert all(pointer.startswith(f"{home}/") for pointer in lake.tables().values())
        assert examine_lake(moved) == []
        assert names(home) == before
        assert names(moved.warehouse) > before
        with lagoa.open_lake(settings) as lake, pytest.raises(CatalogDamaged):
            seen(lake)  # the same catalog, and the files of its new states are in the copy alone

    def test_others_see_over_rest_what_was_published(self, folder, nessie_url):
        rest = nessie_url.replace("/api/v2", "/iceberg")
        with lagoa.open_lake(folder, "stack") as lake:
            work = lake.create_branch("load")
            work.append(PEOPLE, people(1, 2))
            other = RestCatalog("nessie", uri=f"{rest}/main", warehouse=WAREHOUSE)
            assert not other.table_exists(PEOPLE)
            work.publish()
            assert sorted(other.load_table(PEOPLE).scan().to_arrow()["id"].to_pylist()) == [1, 2]


class TestWhatBreaksOff:
    def test_an_upload_is_not_seen_and_is_listed(self, folder, as_user):
        settings = load_settings(folder, "stack")
        name = f"{settings.warehouse.removeprefix(f's3://{WAREHOUSE}/')}/bronze/people-1/data/a.parquet"
        as_user("lagoa-writer")._create_multipart_upload(WAREHOUSE, name, {})
        (finding,) = examine_lake(settings)
        assert finding.part == "uploads"
        assert f"s3://{WAREHOUSE}/{name}" in finding.message
        assert not list(as_user("lagoa-writer").list_objects(bucket_name=WAREHOUSE, prefix=name))

    def test_a_file_that_was_written_over_is_listed(self, folder, as_user):
        settings = load_settings(folder, "stack")
        prefix = f"{settings.warehouse.removeprefix(f's3://{WAREHOUSE}/')}/bronze/people-1/data"
        writer = as_user("lagoa-writer")
        put(writer, WAREHOUSE, f"{prefix}/a.parquet", b"first")
        put(writer, WAREHOUSE, f"{prefix}/b.parquet", b"once")
        put(writer, WAREHOUSE, f"{prefix}/b.parquet", b"once")  # as when an answer was lost
        assert examine_lake(settings) == []
        put(writer, WAREHOUSE, f"{prefix}/a.parquet", b"other")
        (finding,) = examine_lake(settings)
        assert finding.part == "files"
        assert f"s3://{WAREHOUSE}/{prefix}/a.parquet was overwritten" in finding.message

    @pytest.mark.parametrize("step", ["begin", "write.files", "write.metadata"])
    def test_a_store_that_goes_away_is_told_and_the_work_done_when_it_is_back(self, folder, stack, step):
        supervisor = stack._supervisor
        with lagoa.open_lake(folder, "stack") as lake:
            lake.create_branch("first").append(PEOPLE, people(1))
            lake.branch("first").publish()
            work = lake.create_branch("second")
            began = time.monotonic()
            try:
                if step == "begin":
                    supervisor.end("minio")
                else:
                    faults.set_hook(lambda name: supervisor.end("minio") if name == step else None)
                with pytest.raises(StorageUnavailable, match="lagoa stack status"):
                    load(work, 2)
                assert time.monotonic() - began < 90
            finally:
                faults.set_hook(None)
                stack.up(["minio"])
            assert seen(lake) == [1]
            load(work, 3)
            assert seen(lake)[-1] == 3

    def test_one_that_is_killed_comes_back_and_no_row_is_lost_or_twice(self, folder, stack):
        with lagoa.open_lake(folder, "stack") as lake:
            work = lake.create_branch("load")
            stop = threading.Event()

            def kill():
                while not stop.wait(1.5):
                    pid = stack._supervisor.state("minio")["pid"]
                    if pid:
                        os.kill(pid, 9)
                        return

            thread = threading.Thread(target=kill)
            thread.start()
            landed = []
            for number in range(40):
                for _ in range(10):
                    try:
                        work.append(PEOPLE, people(number), batch=f"b{number}")
                    except (StorageUnavailable, QueryError):
                        time.sleep(1)
                    else:
                        landed.append(number)
                        break
            stop.set()
            thread.join()
            stack.up(["minio"])
            assert landed == list(range(40))
            work.publish()
            assert seen(lake, MAIN) == landed
