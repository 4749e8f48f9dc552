"""What a publication, and a look at a lake, ask of Nessie and MinIO: the same among many tables and publications."""

from __future__ import annotations

import zlib
from contextlib import ExitStack, contextmanager

import pyarrow as pa
import pytest

from lagoa.domain.tables import TableName
from tests.stack.proxy import proxied

FEW, MANY = 3, 60
MORE = 30
NAMES = [f"bronze.grown_{number:02d}" for number in range(MANY)]


class Watched:
    """The servers of a lake, whose requests and bytes are counted."""

    def __init__(self, *proxies) -> None:
        self.proxies = proxies
        self.found: dict[str, tuple[list[str], int]] = {}

    @contextmanager
    def counting(self, name: str):
        """Count what the block asks for."""
        before = [(len(each.requests), each.passed + each.answered) for each in self.proxies]
        yield
        requests = [one for each, (seen, _) in zip(self.proxies, before, strict=True) for one in each.requests[seen:]]
        octets = sum(each.passed + each.answered - had for each, (_, had) in zip(self.proxies, before, strict=True))
        self.found[name] = requests, octets


@pytest.fixture
def folder(small):
    for name in NAMES:
        small.contract(name, "id:long*")
    return small


def publish(lake, names, batch: str) -> None:
    rows = pa.table({"id": pa.array([zlib.crc32(batch.encode())], pa.int64())})
    with lake.run("load") as branch:
        with branch.write("a row each") as tx:
            for name in names:
                tx.append(TableName.parse(name), rows, batch=batch)
        branch.publish()


def looked_at(folder, url: str, endpoint: str, batch: str) -> dict[str, tuple[list[str], int]]:
    """Return what is asked for by a process that publishes, by the next one, and by one that looks at the lake."""
    with ExitStack() as between:
        nessie, minio = (between.enter_context(proxied(each)) for each in (url, endpoint))
        watched = Watched(nessie, minio)
        open_lake = {"nessie_url": nessie.url, "s3_endpoint": minio.url}
        with folder.open(**open_lake) as lake:
            publish(lake, NAMES[:1], f"{batch} warm")
            with watched.counting("publish"):
                publish(lake, NAMES[:1], f"{batch} next")
        with watched.counting("publish in a new process"), folder.open(**open_lake) as lake:
            publish(lake, NAMES[:1], f"{batch} new")
        with folder.open(**open_lake) as lake:
            lake.sizes()
        with folder.open(**open_lake) as lake:
            with watched.counting("log"):
                commits = lake.log(limit=3)
                lake.published_at(commits)
                assert [len(lake.changed_tables(each)) for each in commits] == [1, 1, 1]
            with watched.counting("branches"):
                lake.branches()
            with watched.counting("status"):
                assert len(lake.publications(1)) == 1
                lake.sizes()
    return watched.found


def test_what_is_asked_for_does_not_grow_with_tables_and_publications(folder, nessie_url):
    with folder.open() as lake:
        endpoint = lake.settings.s3_endpoint
        publish(lake, NAMES[:FEW], "first")
        for number in range(lake.context.settings.snapshots):  # of which a table's metadata lists so many, and no more
            publish(lake, NAMES[:1], f"early {number}")
    before = looked_at(folder, nessie_url, endpoint, "before")
    with folder.open() as lake:
        publish(lake, NAMES[FEW:], "more tables")
        for number in range(MORE):
            publish(lake, NAMES[:1], f"late {number}")
        lake.compact([NAMES[0]])
    after = looked_at(folder, nessie_url, endpoint, "after")
    for name, (requests, octets) in before.items():
        then, weight = after[name]
        assert len(then) <= len(requests) + 2, (name, requests, then)
        if name == "publish":  # a process reads the names of all tables once, and some commits
            assert weight <= 1.2 * octets, (name, octets, weight)
