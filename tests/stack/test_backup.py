"""A lake on Nessie, MinIO and PostgreSQL is saved, loses each of them, and comes back; it moves from files and back."""

from __future__ import annotations

import os
import uuid
from functools import partial
from threading import Event, Thread

import psycopg
import pytest
from minio import Minio
from saved_lake import deliver, held, killed, rows
from small_lake import SmallLake

from lagoa.backup.clone import clone_lake
from lagoa.backup.create import create_backup
from lagoa.backup.follow import follow
from lagoa.backup.places import open_place
from lagoa.backup.prune import prune_backups
from lagoa.backup.restore import restore_backup
from lagoa.backup.verify import damaged_backups, verify_backups
from lagoa.errors import BackupRefused, LakeNotEmpty, NotAllowed, SettingsError, StorageUnavailable, TransientError
from lagoa.settings import BackupRules, KeepRules, load_settings
from tests.stack.breaking import QUICK, at_step, load, restart
from tests.stack.conftest import emptied
from tests.stack.proxy import proxied

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def small(small, monkeypatch, receipts_passwords, connected):
    """Return the files of a lake on Nessie and MinIO with its receipts in PostgreSQL, which has none afterwards."""
    monkeypatch.setenv("LAGOA_RECEIPTS", "postgres")
    monkeypatch.setenv("LAGOA_SECRET_RECEIPTS_PASSWORD", receipts_passwords["engineer"].get_secret_value())
    yield small
    with connected() as admin:
        without_receipts(admin)


@pytest.fixture
def settings(small):
    return load_settings(small.root, "stack")


@pytest.fixture
def root(credentials):
    """Return a client of MinIO that may delete."""
    host = os.environ["LAGOA_S3_ENDPOINT"].removeprefix("http://")
    user, password = credentials["minio-root-user"], credentials["minio-root-password"]
    return Minio(endpoint=host, access_key=user, secret_key=password, secure=False)


@pytest.fixture
def connected(postgres_url, credentials):
    """Return what connects as the database's administrator."""
    password = credentials["postgres-admin"]
    return partial(psycopg.connect, postgres_url, user="postgres", password=password, autocommit=True)


@pytest.fixture
def admin(connected):
    """Return a connection of the database's administrator."""
    with connected() as made:
        yield made


def filled(small):
    """Give a lake three publications, a branch with work and a tag; return what it has."""
    with small.open() as lake:
        for id_ in (1, 2, 3):
            deliver(lake, small, id_)
        lake.create_branch("dev").append("bronze.people", small.people(9))
        lake.rollback("main~1")
        lake.create_tag("closing", "main~2")
        return held(lake, ids=False), {ref.name: ref.commit for ref in lake.refs()}


def without_files(root, settings):
    bucket, _, prefix = settings.warehouse.removeprefix("s3://").partition("/")
    for each in list(root.list_objects(bucket_name=bucket, prefix=f"{prefix}/", recursive=True, include_version=True)):
        root.remove_object(bucket_name=bucket, object_name=each.object_name, version_id=each.version_id)


def without_receipts(admin):
    admin.execute("truncate lagoa.receipts, lagoa.results, lagoa.approvals")


@pytest.mark.parametrize("place", ["folder", "bucket"])
@pytest.mark.parametrize("lost", ["catalog", "everything"])
def test_what_is_lost_comes_back(small, settings, root, nessie_url, admin, tmp_path, place, lost):  # noqa: PLR0913, PLR0917
    to = str(tmp_path / "backup") if place == "folder" else f"s3://backup/{uuid.uuid4().hex}"
    before, refs = filled(small)
    made = create_backup(settings, to)
    assert create_backup(settings, to).copied == 0
    assert verify_backups(settings, to).faults == ()
    with pytest.raises(LakeNotEmpty):
        restore_backup(settings, to)
    emptied(nessie_url)
    if lost == "everything":
        without_files(root, settings)
        without_receipts(admin)
    done = restore_backup(settings, to)
    assert done.files == (made.files if lost == "everything" else 0)
    assert (done.new_ids, done.left_out) == (made.commits, 0)
    with small.open() as lake:
        assert held(lake, ids=False) == before
        was = {ref.name: lake.context.catalog.get(ref.commit).properties["lagoa.was"] for ref in lake.refs()}
        assert was == refs
        for publication in lake.publications():
            assert lake.context.receipts.of_commit(publication.commit) is not None
        deliver(lake, small, 5)
        assert [row[0] for row in rows(lake, "main")["bronze.people"]] == [1, 2, 5]
    again = create_backup(settings, to)
    assert again.root != made.root
    assert verify_backups(settings, to).faults == ()


def test_lost_files_and_receipts_are_put_back(small, settings, root, admin, tmp_path):
    before, _ = filled(small)
    create_backup(settings, str(tmp_path / "backup"))
    without_files(root, settings)
    without_receipts(admin)
    restore_backup(settings, str(tmp_path / "backup"), missing=True)
    with small.open() as lake:
        assert held(lake, ids=False) == before
        deliver(lake, small, 5)


def test_a_lake_moves_from_files_to_servers_and_back(small, settings, empty_nessie, tmp_path, monkeypatch):
    monkeypatch.delenv("LAGOA_RECEIPTS")
    embedded = SmallLake(tmp_path / "embedded")
    before, refs = filled(embedded)
    with embedded.open() as lake:
        whole = held(lake)
    home = f"{embedded.root}/.lagoa/warehouse"
    create_backup(load_settings(embedded.root), str(tmp_path / "first"))

    there = settings.model_copy(update={"warehouse_home": home})
    restore_backup(there, str(tmp_path / "first"))
    with small.open(warehouse_home=home, receipts="postgres") as lake:
        assert held(lake, ids=False) == before
        assert {ref.name: lake.context.catalog.get(ref.commit).properties["lagoa.was"] for ref in lake.refs()} == refs
        create_backup(there, str(tmp_path / "second"))
        deliver(lake, small, 5)

    back = SmallLake(tmp_path / "back")
    restore_backup(load_settings(back.root), str(tmp_path / "second"))
    with back.open() as lake:
        assert held(lake) == whole
        assert lake.context.catalog.verify() == []
        deliver(lake, back, 5)


def test_a_lake_is_cloned_to_servers_and_back(small, settings, empty_nessie, tmp_path, monkeypatch):
    monkeypatch.delenv("LAGOA_RECEIPTS")
    embedded, back = SmallLake(tmp_path / "embedded"), SmallLake(tmp_path / "back")
    before, refs = filled(embedded)
    with embedded.open() as lake:
        whole = held(lake)
    source, home = load_settings(embedded.root), f"{embedded.root}/.lagoa/warehouse"
    with pytest.raises(SettingsError, match=f'Set warehouse_home = "{home}"'):
        clone_lake(source, settings)
    there = settings.model_copy(update={"warehouse_home": home, "receipts": "postgres"})
    killed("restore.records", lambda: clone_lake(source, there))
    done = clone_lake(source, there)
    with small.open(warehouse_home=home, receipts="postgres") as lake:
        assert held(lake, ids=False) == before
        assert {ref.name: ref.commit for ref in lake.refs()} == {name: done.ids[id_] for name, id_ in refs.items()}
        for publication in lake.publications():
            assert lake.context.receipts.of_commit(publication.commit) is not None
    clone_lake(there, load_settings(back.root))
    with back.open() as lake:
        assert held(lake) == whole
        assert lake.context.catalog.verify() == []
        deliver(lake, back, 5)


def test_a_file_that_the_bucket_lost_is_named(small, settings, root, tmp_path):
    filled(small)
    bucket, _, prefix = settings.warehouse.removeprefix("s3://").partition("/")
    names = [each.object_name for each in root.list_objects(bucket_name=bucket, prefix=f"{prefix}/", recursive=True)]
    lost = next(name for name in names if name.endswith(".parquet"))
    root.remove_object(bucket_name=bucket, object_name=lost)
    made = create_backup(settings, str(tmp_path / "backup"))
    assert made.missing == (lost.removeprefix(f"{prefix}/"),)
    assert verify_backups(settings, str(tmp_path / "backup")).faults == ()


def test_backups_in_a_bucket_are_pruned_by_who_may_delete_there(small, settings, credentials, monkeypatch):
    to = f"s3://backup/{uuid.uuid4().hex}"
    filled(small)
    ids = [create_backup(settings, to).id]
    with small.open() as lake:
        deliver(lake, small, 5)
        before = held(lake, ids=False)
    ids.append(create_backup(settings, to).id)
    rules = settings.model_copy(update={"backup": BackupRules(keep=KeepRules(last=1))})
    with pytest.raises(NotAllowed, match="delete objects"):
        prune_backups(rules, to, dry_run=False)
    assert verify_backups(settings, to).backups == tuple(ids)
    monkeypatch.setenv("LAGOA_BACKUP_ACCESS_KEY", credentials["minio-root-user"])
    monkeypatch.setenv("LAGOA_BACKUP_SECRET_KEY", credentials["minio-root-password"])
    done = prune_backups(rules, to, dry_run=False)
    assert ([point.id for point in done.points if not point.kept], done.files > 0) == (ids[:1], True)
    found = verify_backups(settings, to)
    assert (found.backups, found.faults) == ((ids[1],), ())
    assert create_backup(settings, to).since == ids[1]
    emptied(settings.nessie_url)
    restore_backup(settings, to)
    with small.open() as lake:
        assert held(lake, ids=False) == before


def test_a_second_store_follows_the_lake_and_is_waited_for(small, settings):
    to = f"s3://backup/{uuid.uuid4().hex}"
    filled(small)
    ended = Event()
    with proxied(settings.s3_endpoint) as proxy:
        there = settings.model_copy(update={"backup": BackupRules(endpoint=proxy.url), "timeout_s": 2.0})
        looks = follow(there, to, every_s=0, ended=ended)
        first = next(looks)
        assert (first.error, first.backup.files > 0) == ("", True)
        assert next(looks).backup is None
        with small.open() as lake:
            deliver(lake, small, 5)
        proxy.down_limit = 0
        away = next(looks)
        assert (proxy.url in away.error, away.again_s, away.lag_s > 0) == (True, 2, True)
        proxy.heal()
        back = next(looks)
        assert (back.error, back.backup.since, back.lag_s > away.lag_s) == ("", first.backup.id, True)
        ended.set()
        assert list(looks) == []
    assert verify_backups(settings, to).faults == ()


@pytest.mark.parametrize(("file", "cut_after"), [(".avro", 0), (".parquet", 100_000)])
def test_a_store_that_goes_away_while_it_is_read_is_said_to_be_away(small, settings, tmp_path, file, cut_after):
    with small.open() as lake:
        load(lake, 1, 40_000)
    folder, bucket = str(tmp_path / "backup"), f"s3://backup/{uuid.uuid4().hex}"
    with proxied(settings.s3_endpoint) as proxy:
        read = settings.model_copy(update={"s3_endpoint": proxy.url, **QUICK})

        def cut(request):
            proxy.down_limit = cut_after if file in request else proxy.down_limit

        proxy.on_request = cut
        with pytest.raises(StorageUnavailable, match=proxy.url):
            create_backup(read, folder)
        proxy.heal()
        made = create_backup(read, folder)
        assert (made.since, made.missing) == ("", ())

        create_backup(settings, bucket)
        there = settings.model_copy(update={"backup": BackupRules(endpoint=proxy.url), **QUICK})
        proxy.down_limit = cut_after
        with pytest.raises(StorageUnavailable, match=proxy.url):
            verify_backups(there, bucket)
        proxy.heal()
        assert damaged_backups(open_place(settings, bucket)) == set()
        assert verify_backups(there, bucket).faults == ()


@pytest.mark.nightly
@pytest.mark.parametrize("step", ["restore.begun", "restore.files", "restore.catalog"])
@pytest.mark.parametrize("server", ["nessie", "minio", "postgres"])
def test_a_restore_without_a_server_is_done_again(small, settings, stack, root, admin, tmp_path, server, step):  # noqa: PLR0913, PLR0917
    before, _ = filled(small)
    create_backup(settings, str(tmp_path / "backup"))
    emptied(settings.nessie_url)
    without_files(root, settings)
    without_receipts(admin)
    back: list[Thread] = []
    with at_step(step, lambda: back.append(restart(stack, server, 0.0, 2.0))):
        while True:
            try:
                restore_backup(settings.model_copy(update=QUICK), str(tmp_path / "backup"))
                break
            except TransientError:
                back[0].join()
    back[0].join()
    with small.open() as lake:
        assert held(lake, ids=False) == before


def test_the_warehouse_is_no_place_for_a_backup(small, settings):
    filled(small)
    for place in (settings.warehouse, f"{settings.warehouse}/x", "s3://lagoa", f"{settings.warehouse}//"):
        with pytest.raises(BackupRefused, match="warehouse"):
            create_backup(settings, place)
