"""Files of an object store are moved some at a time, and deleted a thousand in a request."""

from __future__ import annotations

import socket
import time
from threading import Barrier, Lock
from types import SimpleNamespace

import pytest
from pydantic import SecretStr

from lagoa.errors import NotAllowed, StorageUnavailable
from lagoa.storage.s3 import Keys, S3Server, upkeep
from lagoa.storage.s3.client import Client

AT_ONCE = 8
BUCKET = "bucket"
GIVEN_UP_S = 30


class Store:
    """A client of a store with these objects, which does not delete some."""

    def __init__(self, names, kept=(), code="InternalError"):
        self.names, self.kept, self.code = set(names), set(kept), code
        self.asked = []

    def list_objects(self, *, bucket_name, prefix, recursive):
        assert bucket_name == BUCKET
        assert recursive
        for name in sorted(each for each in self.names if each.startswith(prefix)):
            then = SimpleNamespace(timestamp=lambda: 0.0)
            yield SimpleNamespace(object_name=name, size=1, last_modified=then, storage_class=None)

    def remove_objects(self, *, bucket_name, delete_object_list):
        assert bucket_name == BUCKET
        asked = [each.name for each in delete_object_list]
        self.asked.append(len(asked))
        self.names -= set(asked) - self.kept
        for name in self.kept.intersection(asked):
            yield SimpleNamespace(name=name, code=self.code, message="it is broken")


@pytest.fixture
def opened(monkeypatch):
    """Return a function that opens a client of a store."""
    pytest.importorskip("minio", reason="the extra `stack` is not installed")

    def client(store):
        made = Client(SimpleNamespace(endpoint="http://there", role="maintainer"))
        monkeypatch.setattr(Client, "__call__", lambda _: store)
        monkeypatch.setattr(upkeep, "delete", lambda *_: None)
        return made

    return client


def test_a_folder_is_deleted_a_thousand_files_in_a_request(opened):
    store = Store({"other/1", *(f"old/{number}" for number in range(2_500))})
    upkeep.delete_all(opened(store), "s3://bucket/old")
    assert store.asked == [1000, 1000, 500]
    assert store.names == {"other/1"}


@pytest.mark.parametrize(("code", "kind"), [("InternalError", StorageUnavailable), ("AccessDenied", NotAllowed)])
def test_what_the_store_does_not_delete_is_named_and_the_rest_is_gone(opened, code, kind):
    store = Store((f"old/{number}" for number in range(10)), kept=[f"old/{number}" for number in range(5)], code=code)
    with pytest.raises(kind) as raised:
        upkeep.delete_objects(opened(store), [f"s3://bucket/old/{number}" for number in range(10)])
    assert store.names == store.kept
    if kind is StorageUnavailable:
        assert "does not delete 5 of 10 objects: old/" in raised.value.message
        assert raised.value.message.count("it is broken") == 3
        assert "and 2 more" in raised.value.message


def test_so_many_files_are_moved_at_a_time_and_told_in_their_order():
    together = Barrier(AT_ONCE, timeout=20)  # it opens only if so many wait at it

    def move_one(move):
        together.wait()
        return move[0] != "3"

    moves = [(str(number), "there") for number in range(4 * AT_ONCE)]
    assert list(upkeep.move_all(move_one, moves)) == [number != 3 for number in range(len(moves))]


def test_a_file_that_cannot_be_moved_ends_it():
    moved, lock = [], Lock()

    def move_one(move):
        if move[0] == "5":
            raise StorageUnavailable("http://there", "it is away")
        with lock:
            moved.append(move[0])
        return True

    told = []
    with pytest.raises(StorageUnavailable, match="away"):
        told.extend(upkeep.move_all(move_one, ((str(number), "there") for number in range(1000))))
    assert {"0", "1", "2", "3", "4"} <= set(moved)
    assert len(moved) <= 5 + AT_ONCE


def test_a_store_that_gives_no_answer_is_given_up():
    keys = Keys("AK", SecretStr("hidden"), SecretStr(""))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = S3Server(f"http://127.0.0.1:{silent.getsockname()[1]}", "us-east-1", lambda: keys, timeout_s=0.02)
        began = time.monotonic()
        with pytest.raises(StorageUnavailable, match="list files"):
            next(upkeep.files_under(Client(server), f"s3://{BUCKET}/a"))
        assert time.monotonic() - began < GIVEN_UP_S
