"""A load from a source that is killed at any step: the next one ends it, and each record is there once."""

from __future__ import annotations

import signal
from multiprocessing import get_context

import pytest
from fake_api import Given, fake_api

from lagoa.domain import faults
from lagoa.domain.tables import TableName
from lagoa.sources.run import position_of

LOAD = """
import os, signal
import lagoa
from lagoa.domain import faults

left = [count]

def hook(step):
    left[0] -= step == last
    if step == last and left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)

faults.set_hook(hook)
with lagoa.open_lake(root) as lake:
    lake.branch("dev").load_source("shop")
"""
STEPS = [*faults.OF_SOURCES, "write.files", "write.metadata", "write.committed"]
ORDERS = TableName.parse("bronze.orders")
SIZE, PAGES = 50, 6
ALL = [
    {"id": n, "at": f"2026-01-01T00:00:{n % 60:02}Z", "amount": "x" if n % 40 == 3 else n} for n in range(SIZE * PAGES)
]


def killed_at(root, last, count):
    process = get_context("spawn").Process(target=exec, args=(LOAD, {"root": str(root), "last": last, "count": count}))
    process.start()
    process.join(60)
    return process.exitcode


@pytest.fixture
def api():
    with fake_api() as running:
        running.answer = lambda asked: Given({"data": ALL[int(asked.params["offset"]) :][:SIZE], "pad": "x" * 600_000})
        yield running


CASES = [(step, count) for step in STEPS for count in (1, 2)]


@pytest.mark.parametrize("mode", ["append", "merge"])
@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=[pytest.mark.slow] * (case != ("source.written", 2))) for case in CASES]
)
@pytest.mark.usefixtures("dev")
def test_the_next_load_ends_it(folder, lake, api, mode, case):
    columns = "id:long* at:timestamptz amount:long"
    folder.contract("bronze.orders", columns, source={"format": "json", "records": "data"}, quarantineShare=1)
    cursor = {"cursor": {"field": "at", "param": "since", "first": "2020-01-01"}} if mode == "merge" else {}
    said = {"path": "o", "mode": mode, "paging": {"kind": "offset", "size": SIZE}, "commit_mb": 1, **cursor}
    folder.source("shop", kind="rest", raw=True, connection={"url": api.url}, tables={"bronze.orders": said})
    lake.context.refresh()
    assert killed_at(folder.root, *case) == -signal.SIGKILL
    asked = len(api.asked)
    lake.branch("dev").load_source("shop")
    again = len(api.asked) - asked
    good = [(each["id"],) for each in ALL if each["amount"] != "x"]
    assert lake.sql("SELECT id FROM bronze.orders ORDER BY id", "dev").fetchall() == good
    refused = lake.sql("SELECT count(*) FROM quarantine.bronze__orders", "dev").fetchall()
    assert refused == [(len(ALL) - len(good),)]
    if case[1] == 2 and case[0] != "write.files":  # which each commit reaches twice
        assert again < PAGES
    assert "next" not in position_of(lake.context, "dev", ORDERS, "shop")
    lake.branch("dev").rebuild_from_raw("shop")
    assert lake.sql("SELECT id FROM bronze.orders ORDER BY id", "dev").fetchall() == good
