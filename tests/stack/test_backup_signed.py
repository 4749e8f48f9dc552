"""A lake whose users sign in is saved by the publisher, and restored by the two roles that may write its parts."""

from __future__ import annotations

import uuid

import psycopg
import pytest
from aged import with_retention
from minio import Minio
from saved_lake import deliver, held, killed, rows
from small_lake import SmallLake

import lagoa
from lagoa.backup.clone import clone_lake
from lagoa.backup.create import create_backup
from lagoa.backup.restore import restore_backup
from lagoa.backup.roles import restore_as_roles
from lagoa.errors import LakeNotEmpty, NotAllowed, StateExpired, StorageUnavailable
from lagoa.settings import load_settings
from tests.stack.test_backup import without_files
from tests.stack.test_sign_in import Servers

pytestmark = pytest.mark.timeout(300)

OWN = "dev/engineer/load"


@pytest.fixture
def servers(signed):
    found = Servers(signed)
    found.empty()
    return found


@pytest.fixture
def small(tmp_path):
    return SmallLake(tmp_path / "lake")


@pytest.fixture
def settings_of(small, servers, monkeypatch):
    """Return what gives the settings of the lake as a role."""
    for name, value in servers.environment.items():  # the other stack's stand there, and go before the file
        monkeypatch.setenv(name, value)
    (small.root / ".stack").mkdir()
    (small.root / ".stack/stack").symlink_to(servers.folder)
    with (small.root / "lagoa.toml").open("a") as file:
        file.write(
            f'[profiles.stack]\nstate = ".stack"\ncatalog = "nessie"\nnessie_url = "{servers.nessie}"\n'
            f'warehouse = "s3://lagoa/warehouse/{uuid.uuid4().hex}"\ns3_endpoint = "{servers.s3}"\n'
            f'sign_in = "oidc"\noidc_url = "{servers.oidc}"\nreceipts = "postgres"\n'
        )

    def as_role(role):
        monkeypatch.setenv("LAGOA_ROLE", role)
        return load_settings(small.root, "stack")

    return as_role


def saved(settings_of, small, place):
    """Give a lake two publications, a branch and a tag; save it; return what it has, and its backup."""
    with lagoa.open_lake(settings_of("engineer")) as lake:
        for id_ in (1, 2):
            deliver(lake, small, id_, prefix=OWN)
        lake.create_tag("closing", "main~1")
        before = held(lake, ids=False)
    return before, create_backup(settings_of("publisher"), place)


def lose(settings_of, servers):
    """Lose the commits, the files and the receipts."""
    servers.empty()
    drawn = servers.credentials
    user, password = drawn["minio-root-user"], drawn["minio-root-password"]
    host = servers.s3.removeprefix("http://")
    without_files(Minio(endpoint=host, access_key=user, secret_key=password, secure=False), settings_of("engineer"))
    url = servers.environment["LAGOA_POSTGRES_URL"]
    with psycopg.connect(url, user="postgres", password=drawn["postgres-admin"], autocommit=True) as admin:
        admin.execute("truncate lagoa.receipts, lagoa.approvals")


def test_what_is_lost_comes_back_role_by_role(settings_of, servers, small):
    place = f"s3://backup/{uuid.uuid4().hex}"
    before, made = saved(settings_of, small, place)
    with pytest.raises((NotAllowed, StorageUnavailable)):
        create_backup(settings_of("engineer"), place)
    assert create_backup(settings_of("publisher"), place).copied == 0

    lose(settings_of, servers)
    assert restore_backup(settings_of("engineer"), place, missing=True).files == made.files
    done = restore_backup(settings_of("publisher"), place)
    assert (done.files, done.there) == (0, made.files)
    restore_backup(settings_of("engineer"), place, missing=True)
    with lagoa.open_lake(settings_of("engineer")) as lake:
        assert held(lake, ids=False) == before
        deliver(lake, small, 3, prefix=OWN)


def test_a_restore_that_was_killed_between_two_roles_goes_on(settings_of, servers, small):
    place = f"s3://backup/{uuid.uuid4().hex}"
    before, made = saved(settings_of, small, place)
    lose(settings_of, servers)
    killed("restore.done", lambda: restore_as_roles(settings_of("engineer"), place))
    done = restore_as_roles(settings_of("engineer"), place)
    assert (done.files, done.there, done.left_out, done.refs) == (0, made.files, 0, 0)
    with lagoa.open_lake(settings_of("engineer")) as lake:
        assert held(lake, ids=False) == before
        for publication in lake.publications():
            assert lake.context.receipts.of_commit(publication.commit) is not None
        deliver(lake, small, 3, prefix=OWN)
    with pytest.raises(LakeNotEmpty):  # something was published since
        restore_as_roles(settings_of("engineer"), place)


def test_what_is_lost_comes_back_at_once(settings_of, servers, small):
    place = f"s3://backup/{uuid.uuid4().hex}"
    before, made = saved(settings_of, small, place)
    with pytest.raises(LakeNotEmpty):
        restore_as_roles(settings_of("engineer"), place)
    lose(settings_of, servers)
    done = restore_as_roles(settings_of("engineer"), place)
    assert (done.files, done.there, done.left_out) == (made.files, 0, 0)
    with lagoa.open_lake(settings_of("engineer")) as lake:
        assert held(lake, ids=False) == before
        deliver(lake, small, 3, prefix=OWN)


def test_a_lake_of_files_goes_to_servers_with_sign_in_and_back_and_what_expired_stays_expired(
    settings_of, small, tmp_path
):
    embedded, back = SmallLake(tmp_path / "embedded"), SmallLake(tmp_path / "back")
    with embedded.open() as lake:
        old = deliver(lake, embedded, 1, prefix=OWN).commit
        kept = deliver(lake, embedded, 2, prefix=OWN).commit
        lake.create_tag("closing", f"main@{kept}")
        last = deliver(lake, embedded, 3, prefix=OWN).commit
        lake.delete_ref(f"{OWN}/1")
        aged = with_retention(lake, history_days=0, grace_hours=0)
        assert aged.expire(dry_run=False).expired
        aged.collect(dry_run=False)
        assert aged.collect(dry_run=False).garbage
        before = {ref: rows(lake, ref) for ref in ("main", "closing")}
        history = [each.message for each in lake.log()]
    with (small.root / "lagoa.toml").open("a") as file:
        file.write(f'warehouse_home = "{embedded.root}/.lagoa/warehouse"\n')
    there = settings_of("engineer")
    done = clone_lake(load_settings(embedded.root), there)
    assert done.left_out == 0
    with lagoa.open_lake(there) as lake:
        assert {ref: rows(lake, ref) for ref in ("main", "closing")} == before
        assert [each.message for each in lake.log()] == history
        assert rows(lake, f"main@{done.ids[kept]}") == before["closing"]
        with pytest.raises(StateExpired):
            rows(lake, f"main@{done.ids[old]}")
        deliver(lake, small, 4, prefix=OWN)
        moved = rows(lake, "main")
    again = clone_lake(there, load_settings(back.root))
    with back.open() as lake:
        assert rows(lake, "main") == moved
        assert rows(lake, f"main@{again.ids[done.ids[last]]}") == before["main"]
        with pytest.raises(StateExpired):
            rows(lake, f"main@{again.ids[done.ids[old]]}")
        assert lake.context.catalog.verify() == []
        deliver(lake, back, 5)
