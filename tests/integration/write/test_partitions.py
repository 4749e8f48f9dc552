"""Tables partitioned by a transform: every path finds every row, each time in a lake that is opened again."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from lagoa.errors import AuditFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from lakes import LakeFolder

    from lagoa.lake import Lake

moment = datetime.fromisoformat
MOMENTS = [
    moment("1950-05-05 05:05:05"),
    moment("1969-06-15 12:30:00"),
    moment("1969-12-31 23:59:59.999999"),
    moment("1985-01-01"),
]
OLD = "born >= timestamp '1950-05-05 05:05:05' and born < timestamp '1970-01-01'"


def rows(moments: list[datetime], first: int = 1) -> pa.Table:
    return pa.table({"id": range(first, first + len(moments)), "born": pa.array(moments, pa.timestamp("us"))})


def again(folder: LakeFolder, do: Callable[[Lake], Any]) -> Any:
    """Do something in the lake as a process of its own would: nothing is known of what was written."""
    with folder.open() as lake:
        return do(lake)


def found(folder: LakeFolder, sql: str, ref: str = "dev") -> list[Any]:
    return [row[0] for row in again(folder, lambda lake: lake.sql(sql, ref).fetchall())]


@pytest.fixture(params=["hour(born)", "day(born)", "month(born)", "year(born)", "born"])
def old(request: pytest.FixtureRequest, folder: LakeFolder) -> LakeFolder:
    """Return a lake with moments before 1970 on the branch `dev`."""
    folder.contract("bronze.p", "id:long* born:timestamp", partition=[request.param])
    folder.contract("bronze.copy", "id:long* born:timestamp")
    again(folder, lambda lake: lake.create_branch("dev").append("bronze.p", rows(MOMENTS)))
    return folder


def test_queries_and_models(old: LakeFolder) -> None:
    old.contract("silver.old", "id:long*", materialization="full")
    old.model("silver.old", f"select id from bronze.p where {OLD}")
    assert found(old, f"select id from bronze.p where {OLD} order by id") == [1, 2, 3]
    assert found(old, "select id from bronze.p where born = timestamp '1969-06-15 12:30:00'") == [2]
    again(old, lambda lake: lake.branch("dev").transform())
    assert found(old, "from silver.old order by id") == [1, 2, 3]
    again(old, lambda lake: lake.branch("dev").append("bronze.copy", f"select * from bronze.p where {OLD}"))
    assert found(old, "select id from bronze.copy order by id") == [1, 2, 3]


def test_a_check_fails_in_every_process(old: LakeFolder) -> None:
    old.checks("bronze.p", f'checks: [{{failed_rows: {{name: n, query: "select * from bronze.p where {OLD}"}}}}]')
    with pytest.raises(AuditFailed):
        again(old, lambda lake: lake.branch("dev").publish())
    assert again(old, lambda lake: lake.tables("main")) == {}


def test_deletes_and_merges(old: LakeFolder) -> None:
    condition = "born = timestamp '1969-12-31 23:59:59.999999'"
    assert again(old, lambda lake: lake.branch("dev").delete("bronze.p", condition)).rows_removed == 1
    assert found(old, "select id from bronze.p order by id") == [1, 2, 4]

    def merge(lake: Lake) -> Any:
        return lake.branch("dev").merge("bronze.p", rows([moment("1950-05-05 05:05:05")], first=9), key=["born"])

    merged = again(old, merge)
    assert (merged.rows_added, merged.rows_removed) == (1, 1)
    assert found(old, "select id from bronze.p order by id") == [2, 4, 9]


def test_intervals_that_change_are_built_again(old: LakeFolder) -> None:
    by = {"by": "time", "column": "born", "grain": "month", "inputs": {"bronze.p": "born"}}
    old.contract("silver.sums", "born:timestamp* n:long", materialization="incremental", incremental=by)
    old.model("silver.sums", "select date_trunc('month', born)::timestamp born, count(*) n from bronze.p group by 1")
    again(old, lambda lake: lake.branch("dev").transform())
    again(
        old, lambda lake: lake.branch("dev").append("bronze.p", rows([moment("1969-12-31"), moment("1950-05-01")], 5))
    )
    again(old, lambda lake: lake.branch("dev").transform())
    assert found(old, "select n from silver.sums order by born") == [2, 1, 2, 1]


@pytest.mark.parametrize(
    ("kind", "arrow", "values"),
    [
        ("int", pa.int32(), [-(2**31), -(2**31) + 1, -1, 5, 2**31 - 1]),
        ("long", pa.int64(), [-(2**63), -1, 5, 2**63 - 1]),
        ("decimal(9, 2)", pa.decimal128(9, 2), list(map(Decimal, ("-9999999.99", "-1.50", "5.00", "20.00")))),
    ],
)
def test_keys_next_to_the_limits_of_their_type(folder: LakeFolder, kind: str, arrow: pa.DataType, values: Any) -> None:
    again(folder, lambda lake: lake.create_branch("dev"))
    folder.contract("bronze.n", f"v:{kind.replace(' ', '')}* n:long", partition=["truncate(1000, v)"])
    table = pa.table({"v": pa.array(values, arrow), "n": range(len(values))})
    again(folder, lambda lake: lake.branch("dev").append("bronze.n", table))
    assert len(found(folder, "select v from bronze.n where v < 0")) == sum(value < 0 for value in values)
    merged = again(folder, lambda lake: lake.branch("dev").merge("bronze.n", table))
    assert (merged.rows_added, merged.rows_removed) == (len(values), len(values))
    assert sorted(found(folder, "select v from bronze.n")) == values


def test_dates_next_to_the_limits_of_the_calendar(folder: LakeFolder) -> None:
    again(folder, lambda lake: lake.create_branch("dev"))
    folder.contract("bronze.d", "d:date*", partition=["month(d)"])
    table = pa.table({"d": pa.array([date.min, date.max], pa.date32())})
    for _ in range(2):
        again(folder, lambda lake: lake.branch("dev").merge("bronze.d", table))
    assert found(folder, "select count(*) from bronze.d") == [2]
