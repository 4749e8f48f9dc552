"""Any sequence of writes leaves what a list of rows in Python would hold, read by DuckDB and by PyIceberg."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from effort import many
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from lakes import LakeFolder

from lagoa.adapters.duckdb.engine import DuckDBEngine
from lagoa.domain.tables import TableName
from lagoa.errors import BatchChanged

if TYPE_CHECKING:
    from collections.abc import Sequence

Row = tuple[int, str | None, int | None]

_ROWS = st.lists(
    st.tuples(st.integers(0, 6), st.one_of(st.none(), st.sampled_from("abc")), st.one_of(st.none(), st.integers(0, 4))),
    max_size=5,
)
_LAYOUTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "sorted": {"sort": ["k"]},
    "partitioned": {"partition": ["bucket(2, v)"]},
}


def _order(value: Any) -> tuple[bool, Any]:
    """As DuckDB orders when nulls come first."""
    return (value is not None, value if value is not None else 0)


def _text(value: str | None) -> tuple[bool, str]:
    return (value is not None, value or "")


def merged(rows: Sequence[Row], new: Sequence[Row]) -> list[Row]:
    """What a merge by `k` with the order `t` is to leave."""
    latest: dict[int, Row] = {}
    for row in new:
        there = latest.get(row[0])
        if there is None or (_order(row[2]), _text(row[1])) > (_order(there[2]), _text(there[1])):
            latest[row[0]] = row
    for key in list(latest):
        if any(row[0] == key and _order(row[2]) > _order(latest[key][2]) for row in rows):
            del latest[key]
    return [row for row in rows if row[0] not in latest] + list(latest.values())


class Writes(RuleBasedStateMachine):
    """One table of a branch beside a list of rows."""

    @initialize(layout=st.sampled_from(sorted(_LAYOUTS)))
    def start(self, layout: str) -> None:
        self.root = Path(mkdtemp(prefix="lagoa-writes-"))
        folder = LakeFolder(self.root)
        folder.contract("bronze.a", "k:long* v:string t:int", orderBy="t", **_LAYOUTS[layout])
        self.lake = folder.open()
        self.branch = self.lake.create_branch("dev")
        self.rows: list[Row] = []
        self.batches: dict[str, list[Row]] = {}
        self.there = False

    def _arrow(self, rows: Sequence[Row]) -> pa.Table:
        types = {"k": pa.int64(), "v": pa.string(), "t": pa.int32()}
        return pa.table({name: pa.array([row[at] for row in rows], types[name]) for at, name in enumerate(types)})

    @rule(rows=_ROWS)
    def append(self, rows: list[Row]) -> None:
        assert self.branch.append("bronze.a", self._arrow(rows)).rows_added == len(rows)
        self.rows += rows
        self.there = True

    @rule(rows=_ROWS)
    def replace(self, rows: list[Row]) -> None:
        result = self.branch.replace("bronze.a", self._arrow(rows))
        assert (result.rows_added, result.rows_removed) == (len(rows), len(self.rows))
        self.rows = list(rows)
        self.there = True

    @rule(rows=_ROWS)
    def merge(self, rows: list[Row]) -> None:
        after = merged(self.rows, rows)
        result = self.branch.merge("bronze.a", self._arrow(rows))
        assert result.rows_added - result.rows_removed == len(after) - len(self.rows)
        self.rows = after
        self.there = True

    @precondition(lambda self: self.there)
    @rule(k=st.integers(0, 6), v=st.sampled_from("abc"))
    def delete(self, k: int, v: str) -> None:
        after = [row for row in self.rows if not (row[0] == k or row[1] == v)]
        assert self.branch.delete("bronze.a", f"k = {k} or v = '{v}'").rows_removed == len(self.rows) - len(after)
        self.rows = after

    @rule(name=st.sampled_from(["x", "y"]), rows=_ROWS)
    def append_a_batch(self, name: str, rows: list[Row]) -> None:
        known = self.batches.get(name)
        if known is None:
            assert not self.branch.append("bronze.a", self._arrow(rows), batch=name).skipped
            self.batches[name] = rows
            self.rows += rows
            self.there = True
        elif sorted(known, key=repr) == sorted(rows, key=repr):
            assert self.branch.append("bronze.a", self._arrow(rows), batch=name).skipped
        else:
            try:
                self.branch.append("bronze.a", self._arrow(rows), batch=name)
            except BatchChanged:
                return
            raise AssertionError("another content came in under the same id")

    @precondition(lambda self: self.batches)
    @rule(data=st.data())
    def repeat_a_batch(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.batches)))
        assert self.branch.append("bronze.a", self._arrow(list(reversed(self.batches[name]))), batch=name).skipped

    @invariant()
    def rows_are_what_they_should_be(self) -> None:
        if getattr(self, "there", False):
            wanted = sorted(self.rows, key=repr)
            assert sorted(self.branch.sql("select k, v, t from bronze.a").fetchall(), key=repr) == wanted
            table = self.branch.catalog().load_table("bronze.a")
            found = [tuple(row.values()) for row in table.scan().to_arrow().to_pylist()]
            assert sorted(found, key=repr) == wanted

    def teardown(self) -> None:
        if getattr(self, "there", False):
            name, pointer = TableName.parse("bronze.a"), self.lake.tables("dev")[TableName.parse("bronze.a")]
            options = {"memory_limit": "1GB", "threads": 1, "target_file_bytes": 2**27}
            with (
                DuckDBEngine(self.lake.context.storage, spill=self.root / "spill", **options) as fresh,
                fresh.session({name: pointer}) as session,
            ):
                found = session.query("select k, v, t from bronze.a").fetchall()
                assert sorted(found, key=repr) == sorted(self.rows, key=repr), "through the metadata"
        if hasattr(self, "lake"):
            self.lake.close()
            shutil.rmtree(self.root)


TestWrites = pytest.mark.slow(Writes.TestCase)
TestWrites.settings = settings(
    max_examples=many(6), stateful_step_count=8, deadline=None, suppress_health_check=list(HealthCheck)
)
