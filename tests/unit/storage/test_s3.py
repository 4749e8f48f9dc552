"""Files in an object store, as far as no store is needed to tell."""

from __future__ import annotations

from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from pydantic import SecretStr

from lagoa.errors import OutsideWarehouse, SettingsError, SignInFailed, StorageUnavailable
from lagoa.settings import load_settings
from lagoa.storage.local import LocalStorage
from lagoa.storage.s3 import DELETER, Keys, S3Server, S3Storage
from lagoa.storage.s3.keys import signing_keys

KEYS = Keys("AK", SecretStr("hidden"), SecretStr("token"))


def storage_of(location="s3://unit/warehouse", keys=KEYS, home="", endpoint="http://127.0.0.1:9"):
    return S3Storage(location, S3Server(endpoint, "us-east-1", lambda: keys), home)


@pytest.fixture
def storage():
    return storage_of()


def test_what_lies_under_its_location_is_opened(storage):
    for inside in ("s3://unit/warehouse", "s3://unit/warehouse/bronze/a.parquet"):
        assert storage.path(inside) == inside
    for outside in ("s3://unit/warehouse2/a", "s3://unit", "s3://other/warehouse/a", "gs://unit/warehouse/a"):
        for call in (storage.path, storage.read, storage.make_folder, storage.discard, storage.file_io({}).new_input):
            with pytest.raises(OutsideWarehouse):
                call(outside)


def test_a_table_cannot_say_that_the_store_is_another(storage):
    files = storage.file_io({"s3.endpoint": "http://elsewhere", "kept": "yes"})
    assert files.properties["s3.endpoint"] == storage.server.endpoint
    assert files.properties["kept"] == "yes"


def test_nothing_is_made_or_deleted_in_the_store(storage):
    storage.make_folder("s3://unit/warehouse/a")  # nothing listens at the endpoint
    storage.discard("s3://unit/warehouse/a")


def test_a_table_that_a_lake_has_on_this_machine_is_opened_too(storage, tmp_path):
    storage.make_folder(f"{tmp_path}/a")
    with storage.file_io({}).new_output(f"file://{tmp_path}/a/b").create() as stream:
        stream.write(b"x")
    assert storage.read(f"{tmp_path}/a/b") == b"x"
    storage.discard(f"{tmp_path}/a")
    assert not (tmp_path / "a").exists()


def test_two_storages_of_one_place_have_nothing_in_common():
    """Neither keys nor connections nor what the other has read: two lakes may open one place by different roles."""
    one, other = storage_of(), storage_of(keys=Keys("AK2", SecretStr("hidden2"), SecretStr("token2")))
    for storage, access in ((one, "AK"), (other, "AK2")):
        assert storage.file_io({}).properties["s3.access-key-id"] == access
    place = "s3://unit/warehouse/a.metadata.json"
    one._objects.keep(place, b"{}")
    assert one.read(place) == b"{}"
    assert len(one.file_io({}).new_input(place)) == len(b"{}")
    assert other._objects.kept(place) is None
    assert one._objects.connection() is one._objects.connection()
    assert one._objects.connection() is not other._objects.connection()


@pytest.mark.parametrize("home", ["s3://old/warehouse", "s3://old/warehouse/", "/srv/old/warehouse"])
def test_a_bucket_that_was_copied_is_read_at_its_own_place(home, tmp_path):
    storage, home = storage_of(home=home), home.rstrip("/")
    assert (storage.home, storage.location) == (home, "s3://unit/warehouse")
    place, named = "s3://unit/warehouse/a/t/metadata/1.metadata.json", f"{home}/a/t/metadata/1.metadata.json"
    assert storage.path(named) == place
    assert storage.location_of(place) == named
    storage._objects.keep(place, b"{}")
    assert storage.read(named) == b"{}"
    file = storage.file_io({}).new_input(named)
    assert (file.location, file._path) == (named, place.removeprefix("s3://"))
    storage.make_folder(named)
    storage.discard(named)


def test_what_is_in_the_bucket_that_was_copied_is_not_opened():
    storage = storage_of(home="s3://old/warehouse")
    assert storage.path("s3://old/warehouse") == "s3://unit/warehouse"
    for location in ("s3://old/other", "s3://old/warehouse2/a"):
        with pytest.raises(OutsideWarehouse) as told:
            storage.path(location)
        assert "warehouse_home" in told.value.advice


def test_files_of_a_store_may_be_brought_to_this_machine(tmp_path):
    storage = LocalStorage(tmp_path, "s3://old/warehouse")
    (tmp_path / "a").write_bytes(b"x")
    assert storage.read("s3://old/warehouse/a") == b"x"
    assert storage.location_of(f"file://{tmp_path}/a") == "s3://old/warehouse/a"
    with pytest.raises(OutsideWarehouse):
        storage.read("s3://old/other/a")


@pytest.mark.parametrize(
    ("line", "right"),
    [
        ('warehouse = "s3://lagoa/warehouse"', True),
        ('warehouse = "files"', True),
        ('warehouse = "s3:/lagoa"', False),
        ('warehouse = "gs://lagoa"', False),
        ('warehouse = "s3://lagoa/a/../b"', False),
        ('warehouse = ""', False),
        ('warehouse_home = "s3://old/warehouse"', True),
        ('warehouse_home = "/srv/old/warehouse"', True),
        ('warehouse_home = "file:///srv/old/warehouse"', True),
        ('warehouse_home = ""', True),
        ('warehouse_home = "old/warehouse"', False),
        ('warehouse_home = "gs://old"', False),
        ('s3_endpoint = "http://user:secret@host"', False),
        ('s3_access_key = "AK"', False),
    ],
)
def test_settings_of_the_warehouse(tmp_path, monkeypatch, line, right):
    monkeypatch.delenv("LAGOA_S3_ENDPOINT", raising=False)
    (tmp_path / "lagoa.toml").write_text(f"{line}\n")
    if right:
        location = load_settings(tmp_path).warehouse_location
        assert location in {
            "s3://lagoa/warehouse",
            *(str(tmp_path / ".lagoa" / name) for name in ("files", "warehouse")),
        }
    else:
        with pytest.raises(SettingsError):
            load_settings(tmp_path)


def test_keys_show_no_secret(storage):
    assert "hidden" not in f"{storage!r} {storage.server!r} {storage.server.keys()!r} {SignInFailed('x')}"


def test_who_deletes_files_signs_in_with_keys_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setenv("LAGOA_S3_ACCESS_KEY", "writer")
    monkeypatch.setenv("LAGOA_S3_SECRET_KEY", "s")
    assert signing_keys(tmp_path, deletes=True)[0] == "writer"  # of a store that has no user for it
    kept = tmp_path / "credentials.json"
    kept.touch(0o600)
    kept.write_text(f'{{"minio-{DELETER}": "drawn"}}')
    assert signing_keys(tmp_path, deletes=True) == (DELETER, SecretStr("drawn"))
    assert signing_keys(tmp_path)[0] == "writer"
    monkeypatch.setenv("LAGOA_MAINTAINER_ACCESS_KEY", "janitor")
    monkeypatch.setenv("LAGOA_MAINTAINER_SECRET_KEY", "s")
    assert signing_keys(tmp_path, deletes=True)[0] == "janitor"


class Store(ThreadingHTTPServer):
    """An object store that has one content under any name; of its answers to some requests the end is missing."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Answers)
        self.content = b"rows " * 20
        self.cut: tuple[str, int] = ("", 0)


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        content, part = self.server.content, self.headers.get("Range")
        if part:
            first, last = part.removeprefix("bytes=").split("-")
            content = content[int(first) : int(last) + 1]
        head = f"HTTP/1.1 200 OK\r\nAccept-Ranges: bytes\r\nContent-Length: {len(content)}\r\n"
        answer = f'{head}ETag: "e"\r\nLast-Modified: Tue, 01 Dec 2026 00:00:00 GMT\r\n\r\n'.encode()
        answer += content if self.command == "GET" else b""
        method, left = self.server.cut
        self.wfile.write(answer[:left] if method == self.command else answer)

    do_HEAD = do_GET  # noqa: N815 - as the library calls it

    def log_message(self, *arguments):
        pass


@pytest.fixture
def cutting():
    with Store() as found:
        thread = Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield found
        found.shutdown()
        thread.join()


@pytest.mark.parametrize("left", [20, 54, *(pytest.param(left, marks=pytest.mark.slow) for left in (40, 57, 70, 150))])
@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_no_part_of_an_answer_is_taken_for_the_whole(cutting, method, left):
    """Arrow takes an answer that ends within its headers for one without content."""
    storage = storage_of(endpoint=f"http://127.0.0.1:{cutting.server_port}")
    cutting.cut = (method, left)
    for name in ("a.avro", "a.parquet"):
        with (
            suppress(StorageUnavailable),
            storage.file_io({}).new_input(f"{storage.location}/{name}").open(False) as stream,
        ):
            assert stream.read() == cutting.content
    cutting.cut = ("", 0)
    assert storage.read(f"{storage.location}/a.avro") == cutting.content


@pytest.mark.parametrize("content", [b"", b"t", b"e", bytes(1), bytes(40), b"nothing has come", b"so nothing has come"])
def test_any_content_is_read(cutting, content):
    cutting.content = content
    storage = storage_of(endpoint=f"http://127.0.0.1:{cutting.server_port}")
    assert storage.read(f"{storage.location}/a") == content
    with storage.file_io({}).new_input(f"{storage.location}/a").open(False) as stream:
        assert [stream.read(15), stream.read(15), stream.read()] == [content[:15], content[15:30], content[30:]]
