"""A process that is killed while it rewrites files, at every named step: main has the same rows before and after."""

from __future__ import annotations

import signal
from multiprocessing import get_context

import pyarrow as pa
import pytest

from lagoa.domain import faults
from lagoa.maintain.retention import compactions_left

COMPACT = """
import os, signal
import lagoa
from lagoa.domain import faults

faults.set_hook(lambda step: os.kill(os.getpid(), signal.SIGKILL) if step == last else None)
with lagoa.open_lake(root) as lake:
    lake.compact()
"""
STEPS = [*faults.OF_COMPACTION, *faults.STEPS]


def killed_at(root, last):
    process = get_context("spawn").Process(target=exec, args=(COMPACT, {"root": str(root), "last": last}))
    process.start()
    process.join(60)
    return process.exitcode


@pytest.mark.parametrize(
    "last", [pytest.param(step, marks=[pytest.mark.slow] * (step != "publish.audited")) for step in STEPS]
)
def test_main_has_the_same_rows_and_the_next_one_ends_it(folder, lake, dev, last):
    folder.contract("bronze.t", "id:long")
    for number in range(5):
        dev.append("bronze.t", pa.table({"id": [number]}))
    dev.publish()
    assert killed_at(folder.root, last) == -signal.SIGKILL
    assert lake.sql("select id from bronze.t order by 1").fetchall() == [(each,) for each in range(5)]
    assert lake.describe_table("bronze.t").files == (1 if last in {"publish.swapped", "publish.cleaned"} else 5)
    assert len(compactions_left(lake.context, lake.context.clock())) == 1
    lake.compact()
    assert lake.describe_table("bronze.t").files == 1
    assert lake.sql("select id from bronze.t order by 1").fetchall() == [(each,) for each in range(5)]
    assert lake.publications(1)[0].receipt is not None
