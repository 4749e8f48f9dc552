"""Random histories with compactions in them: main, each earlier state and each branch have the rows that they must."""

from __future__ import annotations

import random
from contextlib import suppress

import pyarrow as pa
import pytest
from effort import many
from lakes import LakeFolder

from lagoa.errors import NothingToPublish

STEPS = {"load": 8, "begin": 3, "publish": 3, "compact": 4}


class History:
    """A lake with a table and two models, beside the rows that main must have."""

    def __init__(self, root, seed):
        self.draw = random.Random(seed)  # noqa: S311 - it is to be repeated
        folder = LakeFolder(root, workers=1)
        folder.contract("bronze.t", "k:long* v:long", partition=["bucket(2, k)"], sort=["k"])
        folder.contract("gold.sums", "rows:long v:long", materialization="full")
        folder.model("gold.sums", "select count(*) as rows, cast(sum(v) as bigint) as v from bronze.t")
        self.lake = folder.open()
        self.rows, self.past, self.open, self.keys = {}, {}, [], 0
        self.load()

    def change(self, branch):
        """Write to a branch; return what that does to rows."""
        kind = self.draw.choice(["append", "append", "append", "merge", "delete"])
        if kind == "delete":
            low = self.draw.randrange(self.keys + 1)
            if not branch.delete("bronze.t", f"k between {low} and {low + 2}").rows_removed:
                return lambda rows: rows  # nothing was written
            return lambda rows: {k: v for k, v in rows.items() if not low <= k <= low + 2}
        keys = range(self.keys, self.keys + 3) if kind == "append" else self.draw.sample(range(self.keys), 2)
        self.keys += 3 if kind == "append" else 0
        new = {key: self.draw.randrange(100) for key in keys}
        getattr(branch, kind)("bronze.t", pa.table({"k": list(new), "v": list(new.values())}))
        return lambda rows: rows | new

    def begin(self):
        branch = self.lake.create_branch(f"b-{self.draw.random()}")
        self.open.append((branch, self.change(branch)))
        branch.transform()

    def publish(self):
        if self.open:
            self.end(*self.open.pop(self.draw.randrange(len(self.open))))

    def load(self):
        if not self.rows:
            branch = self.lake.create_branch("first")
            self.keys, self.rows = 6, {key: key for key in range(6)}
            branch.append("bronze.t", pa.table({"k": list(self.rows), "v": list(self.rows)}))
            branch.transform()
            branch.publish()
            return
        self.begin()
        self.end(*self.open.pop())

    def end(self, branch, done):
        with suppress(NothingToPublish):
            branch.publish()
        self.rows = done(self.rows)

    def compact(self):
        fresh = self.lake.stale_models()
        self.lake.compact()
        assert self.lake.stale_models() == fresh

    def step(self):
        (what,) = self.draw.choices(list(STEPS), list(STEPS.values()))
        getattr(self, what)()
        assert self.read("main") == self.rows
        self.past[self.lake.resolve("main").id] = self.rows

    def read(self, ref):
        return dict(self.lake.sql("select k, v from bronze.t", ref).fetchall())


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(many(2)))
def test_every_state_has_its_rows(tmp_path, seed):
    history = History(tmp_path, seed)
    for _ in range(40):
        history.step()
    for commit, rows in history.past.items():
        assert history.read(f"main@{commit}") == rows
    last = history.lake.create_branch("last")
    last.transform()
    (found,) = last.sql("select rows, v from gold.sums").fetchall()
    assert found == (len(history.rows), sum(history.rows.values()) if history.rows else None)
    history.lake.close()
