"""What differs between two refs: tables, columns, rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from effort import many
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lakes import LakeFolder
from pyiceberg.types import LongType, StringType

from lagoa.domain.tables import TableName
from lagoa.errors import CatalogDamaged, RefNotFound
from lagoa.review.diff import ColumnChange, diff

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lagoa.lake import Lake
    from lagoa.review.diff import TableDiff


@pytest.fixture
def lake(folder: LakeFolder) -> Iterator[Lake]:
    folder.settings(threads=2)
    folder.contract("silver.keyed", "k:long* v:string")
    folder.contract("silver.plain", "k:long v:string")
    folder.contract("bronze.loaded", "k:long v:string", source={"format": "csv", "file": "x.csv"})
    with folder.open() as lake:
        lake.create_branch("before")
        yield lake


def data(pairs: list[tuple[int, str | None]]) -> pa.Table:
    return pa.table(
        {"k": pa.array([k for k, _ in pairs], pa.int64()), "v": pa.array([v for _, v in pairs], pa.string())}
    )


def only(lake: Lake, table: str = "", **options: object) -> TableDiff:
    """Return the one table that differs between the branches."""
    found = diff(lake.context, "before", "after", **options)  # type: ignore[arg-type]
    assert len(found.tables) == 1
    assert not table or str(found.tables[0].table) == table
    return found.tables[0]


def counts(table: TableDiff) -> tuple[int, int, int]:
    return table.rows_added, table.rows_removed, table.rows_changed


def test_nothing_differs(lake: Lake) -> None:
    lake.branch("before").append("silver.plain", data([(1, "a")]))
    lake.create_branch("after", "before")
    found = lake.diff("before", "after")
    assert found.tables == ()
    assert found.a == found.b == lake.branch("before").head


def test_an_unknown_ref(lake: Lake) -> None:
    with pytest.raises(RefNotFound):
        lake.diff("before", "nowhere")


def test_tables_added_and_removed(lake: Lake) -> None:
    lake.branch("before").append("silver.plain", data([(1, "a"), (2, "b")]))
    lake.create_branch("after")
    lake.branch("after").append("silver.keyed", data([(1, "a")]))
    added, removed = lake.diff("before", "after").tables
    assert (str(added.table), added.kind, counts(added)) == ("silver.keyed", "added", (1, 0, 0))
    assert added.columns[0] == ColumnChange("added", "k", None, "long")
    assert (str(removed.table), removed.kind, counts(removed)) == ("silver.plain", "removed", (0, 2, 0))
    assert removed.columns[1] == ColumnChange("removed", "v", "string", None)


def test_one_table_of_many(lake: Lake) -> None:
    lake.branch("before").append("silver.plain", data([(1, "a")]))
    lake.create_branch("after")
    assert diff(lake.context, "before", "after", tables=[TableName.parse("silver.keyed")]).tables == ()
    assert len(diff(lake.context, "before", "after", tables=[TableName.parse("silver.plain")]).tables) == 1


def test_rows_by_key(lake: Lake) -> None:
    lake.branch("before").append("silver.keyed", data([(1, "a"), (2, "b"), (3, None), (4, "d")]))
    lake.create_branch("after", "before")
    lake.branch("after").replace("silver.keyed", data([(1, "a"), (2, "B"), (3, "c"), (5, "e")]))
    found = only(lake, "silver.keyed")
    assert found.kind == "changed"
    assert found.key == ("k",)
    assert counts(found) == (1, 1, 2)
    samples = {(each.kind, each.before and each.before["v"], each.after and each.after["v"]) for each in found.samples}
    assert samples == {
        ("added", None, "e"),
        ("removed", "d", None),
        ("changed", "b", "B"),
        ("changed", None, "c"),
    }


def test_samples_are_as_many_as_asked_for(lake: Lake) -> None:
    lake.branch("before").append("silver.keyed", data([]))
    lake.create_branch("after", "before")
    lake.branch("after").append("silver.keyed", data([(k, "x") for k in range(9, 0, -1)]))
    assert [each.after["k"] for each in only(lake, samples=3).samples if each.after] == [1, 2, 3]
    assert only(lake, samples=0).samples == ()
    assert only(lake, samples=0).rows_added == 9


def test_rows_without_key(lake: Lake) -> None:
    lake.branch("before").append("silver.plain", data([(1, "a"), (1, "a"), (2, "b"), (3, None)]))
    lake.create_branch("after", "before")
    lake.branch("after").replace("silver.plain", data([(1, "a"), (2, "B"), (3, None), (3, None)]))
    found = only(lake)
    assert found.key == ()
    assert counts(found) == (2, 2, 0)


def test_a_key_that_is_not_unique_is_no_key(lake: Lake) -> None:
    lake.branch("before").append("silver.keyed", data([(1, "a"), (2, "b")]))
    lake.create_branch("after", "before")
    lake.branch("after").append("silver.keyed", data([(3, "c"), (3, "d")]))
    found = only(lake)
    assert found.key == ()
    assert counts(found) == (2, 0, 0)


def test_the_same_rows_written_again(lake: Lake) -> None:
    lake.branch("before").append("silver.keyed", data([(1, "a"), (2, "b")]))
    lake.create_branch("after", "before")
    lake.branch("after").replace("silver.keyed", data([(2, "b"), (1, "a")]))
    assert counts(only(lake)) == (0, 0, 0)


def test_lineage_alone_is_no_change(lake: Lake) -> None:
    lake.create_branch("after")
    lake.branch("before").append("bronze.loaded", data([(1, "a"), (2, "b")]), batch="first")
    lake.branch("after").append("bronze.loaded", data([(2, "b"), (1, "a"), (3, "c")]), batch="second")
    found = only(lake)
    assert counts(found) == (1, 0, 0)
    assert set(found.samples[0].after or {}) == {"k", "v"}


def test_columns_added_renamed_retyped_and_removed(lake: Lake) -> None:
    branch = lake.branch("before")
    branch.append("silver.plain", data([(1, "a"), (2, "b")]))
    lake.create_branch("after", "before")
    table = lake.catalog("after").load_table("silver.plain")
    with table.update_schema() as update:
        update.rename_column("v", "word")
        update.add_column("n", LongType())
    found = only(lake)
    assert set(found.columns) == {
        ColumnChange("renamed", "word", "v", "word"),
        ColumnChange("added", "n", None, "long"),
    }
    assert counts(found) == (0, 0, 0)
    table.append(pa.table({"k": [3], "word": ["c"], "n": [7]}, schema=table.schema().as_arrow()))
    assert counts(only(lake)) == (1, 0, 0)
    back = diff(lake.context, "after", "before").tables[0]
    assert set(back.columns) == {
        ColumnChange("renamed", "v", "word", "v"),
        ColumnChange("removed", "n", "long", None),
    }
    assert counts(back) == (0, 1, 0)


def test_a_new_column_counts_where_it_holds_a_value(lake: Lake) -> None:
    lake.branch("before").append("silver.keyed", data([(1, "a"), (2, "b")]))
    lake.create_branch("after", "before")
    table = lake.catalog("after").load_table("silver.keyed")
    with table.update_schema() as update:
        update.add_column("n", StringType())
    table.overwrite(pa.table({"k": [1, 2], "v": ["a", "b"], "n": [None, "x"]}, schema=table.schema().as_arrow()))
    assert counts(only(lake)) == (0, 0, 1)


def test_two_branches_that_give_one_id_to_two_columns(lake: Lake) -> None:
    lake.branch("before").append("silver.plain", data([(1, "a")]))
    lake.create_branch("after", "before")
    for branch, name in (("before", "left"), ("after", "right")):
        with lake.catalog(branch).load_table("silver.plain").update_schema() as update:
            update.add_column(name, StringType())
    assert set(only(lake).columns) == {
        ColumnChange("removed", "left", "string", None),
        ColumnChange("added", "right", None, "string"),
    }


def test_a_table_made_anew_is_compared_by_names(lake: Lake) -> None:
    lake.create_branch("after")
    lake.branch("before").append("silver.keyed", data([(1, "a"), (2, "b")]))
    catalog = lake.catalog("after")
    catalog.create_namespace("silver")
    schema = pa.schema([("v", pa.string()), ("k", pa.int32())])
    catalog.create_table("silver.keyed", schema).append(pa.table({"v": ["a", "c"], "k": [1, 2]}, schema=schema))
    found = only(lake)
    assert ColumnChange("type", "k", "long", "int") in found.columns
    assert ColumnChange("nullability", "k", "required", "optional") in found.columns
    assert counts(found) == (0, 0, 1)


def test_shared_files_are_not_read(lake: Lake) -> None:
    branch = lake.branch("before")
    branch.append("silver.keyed", data([(k, "x") for k in range(1000)]))
    lake.create_branch("after", "before")
    lake.branch("after").append("silver.keyed", data([(1000, "y")]))
    shared = lake.catalog("before").load_table("silver.keyed").scan().plan_files()
    for task in shared:
        (lake.settings.root / task.file.file_path.removeprefix("file://")).unlink()
    assert counts(only(lake)) == (1, 0, 0)


def test_nested_columns(lake: Lake) -> None:
    catalog = lake.catalog("before")
    catalog.create_namespace("silver")
    schema = pa.schema([("k", pa.int64()), ("tags", pa.list_(pa.string())), ("s", pa.struct([("a", pa.int64())]))])
    rows = [{"k": 1, "tags": ["x"], "s": {"a": 1}}, {"k": 2, "tags": None, "s": {"a": None}}]
    catalog.create_table("silver.keyed", schema).append(pa.Table.from_pylist(rows, schema))
    lake.create_branch("after", "before")
    rows[0]["tags"] = ["x", "y"]
    lake.catalog("after").load_table("silver.keyed").overwrite(pa.Table.from_pylist(rows, schema))
    found = only(lake)
    assert counts(found) == (0, 0, 1)
    assert found.samples[0].after == {"k": 1, "tags": ["x", "y"], "s": {"a": 1}}


ROWS = st.dictionaries(st.integers(0, 6), st.one_of(st.none(), st.sampled_from("ab")), max_size=6)


@settings(max_examples=many(5), deadline=None, suppress_health_check=list(HealthCheck))
@given(first=ROWS, more=ROWS, last=ROWS)
def test_any_rows(
    tmp_path_factory: pytest.TempPathFactory,
    first: dict[int, str | None],
    more: dict[int, str | None],
    last: dict[int, str | None],
) -> None:
    """Files shared or not, the counts are those of two dictionaries."""
    folder = LakeFolder(tmp_path_factory.mktemp("lake"), threads=2)
    folder.contract("silver.keyed", "k:long* v:string")
    with folder.open() as lake:
        lake.create_branch("before").append("silver.keyed", data(list(first.items())))
        lake.create_branch("after", "before")
        more = {k: v for k, v in more.items() if k not in first}
        lake.branch("after").append("silver.keyed", data(list(more.items())))
        lake.branch("before").merge("silver.keyed", data(list(last.items())))
        old, new = {**first, **last}, {**first, **more}
        expected = (
            len(new.keys() - old.keys()),
            len(old.keys() - new.keys()),
            sum(old[k] != new[k] for k in old.keys() & new.keys()),
        )
        found = diff(lake.context, "before", "after", samples=0).tables
        assert (counts(found[0]) if found else (0, 0, 0)) == expected


KEYS = """
select 9223372036854775807::bigint l, true b, (-2147483648)::int i,
  (-99999999999999999999999999999999999.999)::decimal(38,3) n, date '0001-01-01' t,
  timestamp '9999-12-31 23:59:59.999999' s,
  timestamptz '1969-12-31 23:59:59.999999+00' z, 'a''b\\x00\\xFF'::blob x, time '23:59:59.999999' m,
  '00000000-0000-0000-0000-0000000000ff'::uuid u, 'ç"$1'' --' c
"""


def test_rows_are_found_by_keys_of_every_type(folder: LakeFolder) -> None:
    kinds = "l:long* b:boolean* i:int* n:decimal(38,3)* t:date* s:timestamp* z:timestamptz* x:binary*"
    folder.contract("silver.keys", f"{kinds} m:time* u:uuid* c:string* v:long", materialization="full")
    folder.model("silver.keys", f"select *, 1 as v from ({KEYS})")
    with folder.open() as lake:
        lake.create_branch("before").transform(["silver.keys"])
        after = lake.create_branch("after", "before")
        folder.model(
            "silver.keys", f"select *, 2 as v from ({KEYS}) union all select * replace (1 as i), 3 from ({KEYS})"
        )
        lake.context.refresh()
        after.transform(["silver.keys"])
        found = only(lake, "silver.keys")
    assert counts(found) == (1, 0, 1)
    assert found.values_changed == {"v": 1}
    added, changed = found.samples
    assert (added.after or {})["i"] == 1
    assert ((changed.before or {})["v"], (changed.after or {})["v"]) == (1, 2)


def test_rows_of_nested_values_are_compared_without_a_key(folder: LakeFolder) -> None:
    kinds = {
        "v": "long",
        "m": "map<string, int>",
        "s": "struct<a: int, b: list<string>>",
        "l": "list<long>",
        "x": "binary",
    }
    folder.contract("silver.nested", kinds, materialization="full")
    row = "map {'k': 1} as m, {'a': 1, 'b': ['x', null]} as s, [1, null] as l, 'ab'::blob as x"
    folder.model("silver.nested", f"select 1 as v, {row} union all select 2, null, null, null, null")
    with folder.open() as lake:
        lake.create_branch("before").transform(["silver.nested"])
        after = lake.create_branch("after", "before")
        folder.model("silver.nested", f"select 1 as v, {row} union all select 3 as v, {row}")
        lake.context.refresh()
        after.transform(["silver.nested"])
        found = only(lake, "silver.nested")
    assert counts(found) == (1, 1, 0)
    added, removed = found.samples
    assert added.after == {"v": 3, "m": {"k": 1}, "s": {"a": 1, "b": ["x", None]}, "l": [1, None], "x": b"ab"}
    assert removed.before == {"v": 2, "m": None, "s": None, "l": None, "x": None}


def test_personal_values_are_hidden_where_people_look_and_seen_to_change(folder: LakeFolder) -> None:
    columns = {"k": "long*", "v": {"physicalType": "string", "classification": "personal"}, "w": "string"}
    folder.contract("silver.people", columns)
    with folder.open() as lake:
        lake.create_branch("before").merge(
            "silver.people", pa.table({"k": [1, 2], "v": ["ana", None], "w": ["a", "b"]})
        )
        lake.create_branch("after", "before").merge(
            "silver.people", pa.table({"k": [1, 2, 3], "v": ["bia", None, "caio"], "w": ["a", "c", "d"]})
        )
        (shown,) = lake.diff("before", "after").tables
        (hidden,) = lake.diff("before", "after", personal=False).tables
    assert [(row.before, row.after, row.changed) for row in hidden.samples] == [
        (None, {"k": 3, "v": "•••", "w": "d"}, ()),
        ({"k": 1, "v": "•••", "w": "a"}, {"k": 1, "v": "•••", "w": "a"}, ("v",)),
        ({"k": 2, "v": None, "w": "b"}, {"k": 2, "v": None, "w": "c"}, ("w",)),
    ]
    assert [row.after and row.after["v"] for row in shown.samples] == ["caio", "bia", None]
    assert replace(hidden, samples=shown.samples) == shown


def test_a_missing_list_of_manifests_is_told_with_what_to_do(lake: Lake) -> None:
    lake.branch("before").append("silver.plain", data([(1, "a")]))
    lake.create_branch("after", "before").append("silver.plain", data([(2, "b")]))
    snapshot = lake.catalog("before").load_table("silver.plain").current_snapshot()
    assert snapshot is not None
    Path(snapshot.manifest_list.removeprefix("file://")).unlink()
    with pytest.raises(CatalogDamaged, match=r"silver\.plain as .* cannot be read") as told:
        lake.diff("before", "after")
    assert "from a backup" in told.value.advice
