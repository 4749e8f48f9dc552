"""Files in folders of this machine."""

from __future__ import annotations

import pytest

from lagoa.errors import OutsideWarehouse
from lagoa.storage.local import LocalStorage
from lagoa.storage.port import local_path

FORMS = ["", "file:", "file://"]
"""How the locations of one file begin, as engines write them."""


@pytest.fixture
def storage(tmp_path):
    return LocalStorage(tmp_path / "warehouse")


@pytest.mark.parametrize("form", FORMS)
def test_files_are_made_read_and_discarded(storage, tmp_path, form):
    folder = f"{form}{tmp_path}/warehouse/a b#c?d%20e"
    storage.make_folder(folder)
    with pytest.raises(FileExistsError):
        storage.make_folder(folder)
    with storage.file_io({}).new_output(f"{folder}/c").create() as stream:
        stream.write(b"x")
    assert (tmp_path / "warehouse/a b#c?d%20e/c").read_bytes() == b"x"
    assert storage.read(f"{folder}/c") == b"x"
    assert len(storage.file_io({}).new_input(f"{folder}/c")) == 1
    storage.discard(f"{folder}/c")
    assert not (tmp_path / "warehouse/a b#c?d%20e/c").exists()
    storage.discard(f"{folder}/c")
    storage.discard(folder)
    assert not (tmp_path / "warehouse/a b#c?d%20e").exists()


def test_pyiceberg_sees_the_location_that_it_gave(storage, tmp_path):
    location = f"file://{tmp_path}/a.avro"
    files = storage.file_io({})
    assert files.new_output(location).location == files.new_input(location).location == location


def test_pyiceberg_deletes_what_it_could_not_commit(storage, tmp_path):
    (tmp_path / "a.avro").write_bytes(b"x")
    files = storage.file_io({})
    files.delete(files.new_input(f"file://{tmp_path}/a.avro"))
    with pytest.raises(FileNotFoundError):
        files.delete(f"{tmp_path}/a.avro")


@pytest.mark.parametrize("location", ["s3://bucket/a", "https://example.org/a", "gs://bucket/a"])
def test_nothing_is_opened_in_an_object_store(storage, location):
    for call in (storage.path, storage.read, storage.make_folder, storage.discard, storage.file_io({}).new_input):
        with pytest.raises(OutsideWarehouse):
            call(location)


def test_a_table_cannot_say_by_what_class_its_files_are_opened(storage, tmp_path):
    files = storage.file_io({"py-io-impl": "somebody.elses.Files", "kept": "yes"})
    (tmp_path / "a").write_bytes(b"x")
    assert files.new_input(str(tmp_path / "a")).open().read() == b"x"
    assert files.properties["kept"] == "yes"


def test_a_file_system_has_no_uploads_and_no_versions(storage):
    assert (storage.unfinished_uploads(), storage.changed_files()) == ((), ())


def test_only_the_beginning_of_a_location_is_a_scheme():
    assert [local_path(each) for each in ("file:///a/file:b", "/a/file://b", "s3://a/b")] == [
        "/a/file:b",
        "/a/file://b",
        "s3://a/b",
    ]
