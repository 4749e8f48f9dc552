"""Which publications wrote a row: when it came, changed and went."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise
from uuid import UUID

import foreign_tables as others
import pyarrow as pa
import pytest
from effort import many
from hypothesis import given, settings
from hypothesis import strategies as st
from lakes import LakeFolder
from pyiceberg.types import LongType, StringType

from lagoa.domain.tables import TableName
from lagoa.errors import (
    CatalogDamaged,
    KeyRefused,
    NotAllowed,
    PublishConflict,
    QueryError,
    RefNotFound,
    RowNotFound,
    TableNotFound,
    TableUnreadable,
)
from lagoa.review.blame import blame
from lagoa.review.blame.changes import changes_between
from lagoa.review.blame.rows import Found

ORDERS = "silver.orders"
COLUMNS = {"id": {"physicalType": "long*"}, "state": {"physicalType": "string"}}


@pytest.fixture
def folder(folder):
    folder.settings(author="ana")
    folder.contract(ORDERS, COLUMNS)
    return folder


def orders(*rows):
    return pa.table(
        {"id": pa.array([i for i, _ in rows], pa.int64()), "state": pa.array([s for _, s in rows], pa.string())}
    )


def published(lake, name, *steps):
    """Publish a branch on which some steps were taken; return the publication."""
    branch = lake.create_branch(name)
    for step in steps:
        step(branch)
    return branch.publish(f"Publish {name}")


def appended(*rows):
    return lambda branch: branch.append(ORDERS, orders(*rows))


def merged(*rows):
    return lambda branch: branch.merge(ORDERS, orders(*rows))


def deleted(condition):
    return lambda branch: branch.delete(ORDERS, condition)


def told(found):
    """Return what happened, newest first: kind, how, the values of `state` before and after."""
    return [
        (each.kind, *each.how, each.before and each.before["state"], each.after and each.after["state"])
        for each in found.writes
    ]


def test_a_row_from_its_removal_back_to_its_origin(lake):
    came = published(lake, "load", appended((1, "new"), (2, "new")))
    paid = published(lake, "pay", merged((1, "paid")))
    published(lake, "other", merged((2, "paid")))
    went = published(lake, "clean", deleted("id = 1"))
    found = lake.blame(ORDERS, 1)
    assert told(found) == [
        ("removed", "delete", "paid", None),
        ("changed", "merge", "new", "paid"),
        ("added", "append", None, "new"),
    ]
    assert [each.commit for each in found.writes] == [went.commit, paid.commit, came.commit]
    assert [each.at for each in found.writes] == [went.published_at, paid.published_at, came.published_at]
    assert [each.branch for each in found.writes] == ["clean", "pay", "load"]
    assert [each.message for each in found.writes] == ["Publish clean", "Publish pay", "Publish load"]
    assert {(each.author, each.publisher, each.published) for each in found.writes} == {("ana", "ana", True)}
    assert [each.columns for each in found.writes] == [(), ("state",), ()]
    assert (found.key, found.states, found.more, found.repeated) == ({"id": 1}, 4, False, ())
    assert found.commit == lake.resolve("main").id
    assert lake.blame(ORDERS, {"id": "1"}, "main~2").writes == found.writes[1:]
    assert repr(found) == "<Blame silver.orders id = 1: 3 writes>"
    assert "Publish" not in found._repr_html_()
    assert "<td>removed</td>" in found._repr_html_()


def test_a_limit_leaves_the_older_ones_out(lake):
    published(lake, "load", appended((1, "a")))
    for state in "bcd":
        published(lake, state, merged((1, state)))
    found = lake.blame(ORDERS, 1, limit=2)
    assert (told(found), found.more) == ([("changed", "merge", "c", "d"), ("changed", "merge", "b", "c")], True)
    assert lake.blame(ORDERS, 1, limit=4).more is False


def test_a_rollback_takes_it_away_and_another_brings_it_back(lake):
    published(lake, "load", appended((1, "a"), (2, "a")))
    changed = published(lake, "change", merged((1, "b")))
    back = lake.rollback("main~1")
    again = lake.rollback(f"main@{changed.commit}")
    found = lake.blame(ORDERS, 1)
    assert told(found) == [
        ("changed", "rollback", "a", "b"),
        ("changed", "rollback", "b", "a"),
        ("changed", "merge", "a", "b"),
        ("added", "append", None, "a"),
    ]
    assert [each.commit for each in found.writes[:2]] == [again.commit, back.commit]
    assert found.writes[0].restored == changed.commit
    assert told(lake.blame(ORDERS, 2)) == [("added", "append", None, "a")]


def test_a_row_that_came_back_by_a_rollback_has_an_origin_before_it(lake):
    published(lake, "load", appended((1, "a")))
    published(lake, "more", appended((2, "a")))
    published(lake, "clean", deleted("id = 1"))
    lake.rollback("main~1")
    assert told(lake.blame(ORDERS, 1)) == [
        ("added", "rollback", None, "a"),
        ("removed", "delete", "a", None),
        ("added", "append", None, "a"),
    ]


def test_a_restored_table(lake):
    published(lake, "load", appended((1, "a")))
    published(lake, "change", merged((1, "b")))
    published(lake, "back", lambda branch: branch.restore([ORDERS], "main~1"))
    published(lake, "on", merged((1, "c")))
    assert told(lake.blame(ORDERS, 1)) == [
        ("changed", "merge", "a", "c"),
        ("changed", "restore", "b", "a"),
        ("changed", "merge", "a", "b"),
        ("added", "append", None, "a"),
    ]


def test_an_earlier_row_of_the_key_is_found_on_demand(lake):
    published(lake, "load", appended((1, "a")))
    published(lake, "clean", deleted("id = 1"))
    published(lake, "again", appended((1, "b")))
    assert told(lake.blame(ORDERS, 1)) == [("added", "append", None, "b")]
    assert told(lake.blame(ORDERS, 1, every=True)) == [
        ("added", "append", None, "b"),
        ("removed", "delete", "a", None),
        ("added", "append", None, "a"),
    ]


def test_a_table_that_was_dropped_and_created_again(lake):
    published(lake, "load", appended((1, "a"), (2, "a")))
    published(lake, "drop", lambda branch: branch.drop(ORDERS))
    assert told(lake.blame(ORDERS, 1)) == [("removed", "drop", "a", None), ("added", "append", None, "a")]
    published(lake, "again", appended((1, "b")))
    assert told(lake.blame(ORDERS, 1)) == [("added", "append", None, "b")]
    assert told(lake.blame(ORDERS, 2)) == [("removed", "drop", "a", None), ("added", "append", None, "a")]
    published(lake, "anew", lambda branch: branch.drop(ORDERS), appended((1, "c")))
    assert told(lake.blame(ORDERS, 1, every=True)) == [
        ("changed", "drop", "append", "b", "c"),
        ("added", "append", None, "b"),
        ("removed", "drop", "a", None),
        ("added", "append", None, "a"),
    ]


def test_a_branch_has_its_own_commits_first(lake):
    came = published(lake, "load", appended((1, "a")))
    branch = lake.create_branch("dev/1")
    branch.merge(ORDERS, orders((1, "b")))
    changed = branch.head
    branch.append(ORDERS, orders((2, "b")))
    found = lake.blame(ORDERS, 1, "dev/1")
    assert told(found) == [("changed", "merge", "a", "b"), ("added", "append", None, "a")]
    first, second = found.writes
    assert (first.commit, first.published, first.branch, first.message) == (
        changed,
        False,
        "dev/1",
        f"merge into {ORDERS}",
    )
    assert lake.blame(ORDERS, 1, f"dev/1@{changed}").writes == found.writes
    assert first.at == lake.context.catalog.get(changed).committed_at
    assert (second.commit, second.published, second.branch) == (came.commit, True, "load")


def test_only_the_commits_of_a_branch_that_changed_the_row_tell_how(lake):
    published(lake, "load", appended((1, "a"), (2, "a")))
    published(lake, "two", merged((2, "b")), deleted("id = 1"))
    assert [each.how for each in lake.blame(ORDERS, 2).writes] == [("merge",), ("append",)]
    assert [each.how for each in lake.blame(ORDERS, 1).writes] == [("delete",), ("append",)]


def test_a_rebased_branch_stands_on_main_as_it_is_now(lake):
    came = published(lake, "load", appended((1, "a"), (2, "a")))
    one, two = (lake.create_branch(name) for name in ("one", "two"))
    two.append(ORDERS, orders((3, "c")))
    two.merge(ORDERS, orders((2, "c")))
    one.merge(ORDERS, orders((1, "b")))
    first = one.publish()
    two.rebase()

    def commits(key, ref):
        return [(each.commit, each.how, each.published) for each in lake.blame(ORDERS, key, ref).writes]

    rebased = two.head
    assert commits(1, "two") == [(first.commit, ("merge",), True), (came.commit, ("append",), True)]
    assert commits(2, "two") == [(rebased, ("merge",), False), (came.commit, ("append",), True)]
    assert commits(3, "two") == [(rebased, ("append",), False)]
    two.merge(ORDERS, orders((3, "d")))
    second = two.publish()
    assert commits(1, "main") == [(first.commit, ("merge",), True), (came.commit, ("append",), True)]
    assert commits(2, "main") == [(second.commit, ("merge",), True), (came.commit, ("append",), True)]
    assert commits(3, "main") == [(second.commit, ("append", "merge"), True)]


def test_who_wrote_and_who_published(folder, lake):
    branch = lake.create_branch("load")
    branch.append(ORDERS, orders((1, "a")))
    folder.settings(author="bob")
    with folder.open() as others_lake:
        others_lake.branch("load").publish()
    (write,) = lake.blame(ORDERS, 1).writes
    assert (write.author, write.publisher) == ("ana", "bob")


def test_batches(folder, lake):
    folder.contract("bronze.people", "id:long* name:string", source={"format": "csv", "file": "people.csv"})
    lake.context.refresh()
    for day, name in (("monday", "Ana"), ("tuesday", "Ana"), ("wednesday", "Ann")):
        file = folder.file("people.csv", f"id,name\n1,{name}\n")
        branch = lake.create_branch(day)
        if day != "monday":
            branch.delete("bronze.people", "true")
        branch.ingest(file, "bronze.people", batch=day)
        branch.publish()
    found = lake.blame("bronze.people", 1)
    assert [(each.kind, each.batch, each.columns) for each in found.writes] == [
        ("changed", "wednesday", ("name",)),
        ("reloaded", "tuesday", ()),
        ("added", "monday", ()),
    ]
    assert found.writes[1].after["_batch_id"] == "tuesday"
    published(lake, "load", lambda branch: branch.append(ORDERS, orders((1, "a")), batch="orders of May"))
    assert lake.blame(ORDERS, 1).writes[0].batch == "orders of May"


def test_a_model_that_replaces_its_table(folder, lake):
    folder.contract("gold.counts", "state:string* orders:long", materialization="full")
    folder.model("gold.counts", f"SELECT state, count(*) AS orders FROM {ORDERS} GROUP BY state")
    lake.context.refresh()
    for number, state in ((1, "a"), (2, "b"), (3, "a")):
        published(lake, f"load/{number}", appended((number, state)), lambda branch: branch.transform())
    found = lake.blame("gold.counts", "a")
    assert [(each.kind, each.how, each.built_from) for each in found.writes] == [
        ("changed", ("model",), (ORDERS,)),
        ("added", ("model",), (ORDERS,)),
    ]
    assert [each.branch for each in found.writes] == ["load/3", "load/1"], "it was built by all three"
    assert found.writes[0].columns == ("orders",)


def test_a_history_has_all_versions_of_the_key(folder, lake):
    columns = {
        "id": {"physicalType": "long*"},
        "city": {"physicalType": "string"},
        "valid_from": {"physicalType": "timestamptz*"},
        "valid_to": {"physicalType": "timestamptz"},
        "is_current": {"physicalType": "boolean!"},
    }
    folder.contract("silver.people", columns, materialization="scd2", scd2={"deletions": "none"})
    lake.context.refresh()
    moments = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2)]
    seen = []
    for moment, city in zip(moments, ("Rio", "Belém"), strict=True):
        seen.append({"id": 1, "city": city, "valid_from": moment})
        rows = pa.Table.from_pylist(seen).cast(
            pa.schema([("id", pa.int64()), ("city", pa.string()), ("valid_from", pa.timestamp("us", "UTC"))])
        )
        published(lake, f"seen/{city.encode().hex()}", lambda branch, rows=rows: branch.scd2("silver.people", rows))
    found = lake.blame("silver.people", {"id": 1})
    assert [(each.kind, each.columns, (each.after or {})["valid_from"]) for each in found.writes] == [
        ("changed", ("valid_to", "is_current"), moments[0]),
        ("added", (), moments[1]),
        ("added", (), moments[0]),
    ]
    assert {each.how for each in found.writes} == {("scd2",)}
    assert found.repeated == ()
    one = lake.blame("silver.people", {"id": 1, "valid_from": "2026-01-02T00:00:00Z"})
    assert [(each.kind, each.after["city"]) for each in one.writes] == [("added", "Belém")]


def test_renamed_and_wider_columns_are_the_same(folder):
    folder.contract(ORDERS, "id:int* state:string old:string")
    with folder.open() as lake:
        rows = pa.table({"id": pa.array([1], pa.int32()), "state": ["a"], "old": ["x"]})
        published(lake, "load", lambda branch: branch.append(ORDERS, rows))
    columns = {
        "number": {"physicalType": "long*", "lagoa.formerName": "id"},
        "status": {"physicalType": "string", "lagoa.formerName": "state"},
        "note": "string",
    }
    folder.contract(ORDERS, columns, dropped=["old"])
    with folder.open() as lake:
        assert [each.kind for each in lake.blame(ORDERS, {"number": 1}).writes] == ["added"], (
            "it has the old columns yet"
        )
        published(lake, "evolve", lambda branch: branch.evolve())
        select = "SELECT {} AS number, '{}' AS status, NULL AS note"
        published(lake, "other", lambda branch: branch.append(ORDERS, select.format(2, "a")))
        published(lake, "change", lambda branch: branch.merge(ORDERS, select.format(1, "b")))
        found = lake.blame(ORDERS, 1)
        assert [(each.kind, each.columns) for each in found.writes] == [("changed", ("status",)), ("added", ())]
        assert found.writes[0].before == {"number": 1, "status": "a", "note": None}
        assert found.writes[1].after == {"id": 1, "state": "a", "old": "x"}
        with pytest.raises(RowNotFound):
            lake.blame(ORDERS, 2**40)  # more than the column held at first


def test_a_contract_that_is_not_applied(folder):
    with folder.open() as lake:
        published(lake, "load", appended((1, "a")))
    folder.contract(ORDERS, "number:long* state:string")
    with folder.open() as lake, pytest.raises(KeyRefused, match=r"has no column 'number'.*lagoa contract apply"):
        lake.blame(ORDERS, 1)


def test_not_a_number_is_no_change():
    nan, other = (Found(({"id": 1, "price": float("nan")},)) for _ in range(2))
    assert changes_between(nan, other, versions=False) == []


def test_keys_of_several_columns(folder, lake):
    folder.contract("silver.items", "id:long* item:string* price:double")
    lake.context.refresh()

    select = "SELECT * FROM (VALUES {}) AS rows(id, item, price)"
    first = select.format("(1, 'a', 1.0::double), (1, 'b', 3.0), (2, 'a', 1.0)")
    second = select.format("(1, 'a', 2.0::double), (1, 'b', 3.0)")
    published(lake, "a", lambda branch: branch.append("silver.items", first))
    published(lake, "b", lambda branch: branch.merge("silver.items", second))
    assert [each.columns for each in lake.blame("silver.items", [1, "a"]).writes] == [("price",), ()]
    assert [each.columns for each in lake.blame("silver.items", {"item": "b", "id": 1}).writes] == [()]
    with pytest.raises(KeyRefused, match=r"the key lacks item\. Give id=… and item=…"):
        lake.blame("silver.items", {"id": 1})
    with pytest.raises(KeyRefused, match=r"has the columns id, item; 1 were given"):
        lake.blame("silver.items", 1)
    with pytest.raises(KeyRefused, match=r"'itm' is no column of its key\. Did you mean 'item'\?"):
        lake.blame("silver.items", {"id": 1, "itm": "a"})


MOMENT = datetime.fromisoformat("2026-01-02T03:04:05.000006")
KEYS = {
    "int": (pa.int32(), 7, "7", "7.0"),
    "boolean": (pa.bool_(), True, "true", "yes"),
    "decimal(9, 2)": (pa.decimal128(9, 2), Decimal("1.50"), "1.5", "1.555"),
    "string": (pa.string(), "a'b\"; DROP", "a'b\"; DROP", "x" * 20_000),
    "date": (pa.date32(), date(2026, 1, 2), "2026-01-02", "2026-01-32"),
    "timestamp": (pa.timestamp("us"), MOMENT, "2026-01-02T03:04:05.000006", "2026-01-02T03:04Z"),
    "timestamptz": (pa.timestamp("us", "UTC"), MOMENT.replace(tzinfo=UTC), "2026-01-02T00:04:05.000006-03:00", "noon"),
    "uuid": (pa.string(), UUID(int=7), str(UUID(int=7)), "7"),
    "binary": (pa.binary(), b"\x00\xff", "00ff", "0"),
}


@pytest.mark.parametrize("kind", KEYS)
def test_each_type_of_key(folder, lake, kind):
    arrow, value, text, wrong = KEYS[kind]
    folder.contract("silver.typed", {"k": {"physicalType": f"{kind}*"}, "v": {"physicalType": "long"}})
    lake.context.refresh()
    keys = pa.array([str(value) if kind == "uuid" else value], arrow)
    lake.branch("dev").append("silver.typed", pa.table({"k": keys, "v": pa.array([1], pa.int64())}))
    for key in (value, text):
        assert [each.kind for each in lake.blame("silver.typed", [key], "dev").writes] == ["added"]
    with pytest.raises(KeyRefused, match=r"the key column 'k' is of type .* and the value"):
        lake.blame("silver.typed", wrong, "dev")


@pytest.mark.parametrize("value", [None, [1], object(), {"a": 1}])
def test_what_is_no_value_of_a_key(lake, value):
    published(lake, "load", appended((1, "a")))
    with pytest.raises(KeyRefused, match="the key column 'id' is"):
        lake.blame(ORDERS, {"id": value})


def test_values_beyond_the_type_and_numbers_of_numpy(lake):
    published(lake, "load", appended((1, "a")))
    assert len(lake.blame(ORDERS, orders((1, "a")).to_pandas()["id"][0]).writes) == 1
    for value in (2**63, True, 1.5, "1 OR true", "1" * 20_000):
        with pytest.raises(KeyRefused):
            lake.blame(ORDERS, value)


def test_a_row_that_never_was(lake):
    published(lake, "load", appended((1, "a")))
    published(lake, "more", appended((2, "a")))
    with pytest.raises(RowNotFound, match="no row with id = 3 in any of the 2 states at 'main'") as refused:
        lake.blame(ORDERS, 3)
    assert (refused.value.states, refused.value.commit) == (2, lake.resolve("main").id)


def test_unknown_tables_and_refs(folder, lake):
    published(lake, "load", appended((1, "a")))
    with pytest.raises(TableNotFound, match=r"Did you mean 'silver.orders'\?"):
        lake.blame("silver.ordrs", 1)
    folder.contract("silver.later", "id:long*")
    lake.context.refresh()
    with pytest.raises(TableNotFound):
        lake.blame("silver.later", 1)
    with pytest.raises(RefNotFound):
        lake.blame(ORDERS, 1, "nowhere")


def test_a_table_without_a_key_or_a_contract(folder, lake):
    folder.contract("silver.plain", "id:long")
    lake.context.refresh()
    lake.branch("dev").append("silver.plain", pa.table({"id": [1]}))
    with pytest.raises(KeyRefused, match=r"no key.*primaryKey: true.*lagoa diff"):
        lake.blame("silver.plain", 1, "dev")
    catalog = lake.catalog("dev")
    catalog.create_table("silver.foreign", pa.schema([("id", pa.int64())]))
    with pytest.raises(KeyRefused, match="it has no contract"):
        lake.blame("silver.foreign", 1, "dev")


def test_a_key_that_is_not_unique_is_told(folder, lake):
    folder.contract(ORDERS, COLUMNS, severity={"key": "warn"})
    lake.context.refresh()
    published(lake, "load", appended((1, "a")))
    twice = published(lake, "twice", appended((1, "b")))
    found = lake.blame(ORDERS, 1)
    assert told(found) == [("added", "append", None, "b"), ("added", "append", None, "a")]
    assert found.repeated == (twice.commit,)
    published(lake, "once", merged((1, "c")))
    assert sorted(told(lake.blame(ORDERS, 1))[:3], key=str) == [
        ("added", "merge", None, "c"),
        ("removed", "merge", "a", None),
        ("removed", "merge", "b", None),
    ]


def test_a_key_of_very_many_rows_is_refused(lake):
    lake.branch("dev").append(ORDERS, "SELECT 1 AS id, 'a' AS state FROM range(10001)")
    with pytest.raises(KeyRefused, match=r"more than 10,000 rows have this key"):
        lake.blame(ORDERS, 1, "dev")


def test_other_writers_leave_no_intent(lake):
    published(lake, "load", appended((1, "a"), (2, "a")))

    def foreign(branch):
        table = lake.catalog(branch.name).load_table(ORDERS)
        table.append(orders((3, "x")).cast(table.schema().as_arrow()))

    published(lake, "mixed", merged((1, "b")), foreign)
    assert [each.how for each in lake.blame(ORDERS, 1).writes] == [("merge",), ("append",)]
    assert told(lake.blame(ORDERS, 3)) == [("added", "unknown", None, "x")]


def test_deletes_of_other_writers(lake):
    published(lake, "load", appended((1, "a"), (2, "a")))
    published(
        lake, "del", lambda branch: others.delete_positions(lake.catalog(branch.name).load_table(ORDERS), "id", 1)
    )
    published(lake, "on", appended((3, "a")))
    assert told(lake.blame(ORDERS, 1)) == [("removed", "unknown", "a", None), ("added", "append", None, "a")]
    assert told(lake.blame(ORDERS, 2)) == [("added", "append", None, "a")]
    lake.create_branch("work")
    others.delete_equal(lake.catalog("work").load_table(ORDERS), "id", 2)
    with pytest.raises(TableUnreadable):
        lake.blame(ORDERS, 2, "work")


def test_columns_of_other_writers(lake):
    published(lake, "load", appended((1, "a")))
    branch = lake.create_branch("foreign")
    table = lake.catalog("foreign").load_table(ORDERS)
    with table.update_schema() as update:
        update.rename_column("state", "word")
        update.add_column("n", LongType())
        update.add_column("s", StringType())
    table.overwrite(pa.table({"id": [1], "word": ["a"], "n": [7], "s": [None]}, schema=table.schema().as_arrow()))
    found = lake.blame(ORDERS, 1, branch.name)
    assert [(each.kind, each.columns) for each in found.writes] == [("changed", ("n",)), ("added", ())]


def test_personal_values_are_hidden_on_demand(folder, lake):
    columns = {"cpf": {"physicalType": "string*", "classification": "personal"}, "state": {"physicalType": "string"}}
    folder.contract("silver.clients", columns)
    lake.context.refresh()
    rows = pa.table({"cpf": ["529.982.247-25"], "state": ["PA"]})
    published(lake, "load", lambda branch: branch.append("silver.clients", rows))
    shown = lake.blame("silver.clients", "529.982.247-25")
    assert (shown.key, shown.writes[0].after["cpf"], shown.hidden) == ({"cpf": "529.982.247-25"}, "529.982.247-25", ())
    hidden = lake.blame("silver.clients", "529.982.247-25", personal=False)
    assert (hidden.key, hidden.writes[0].after) == ({"cpf": "•••"}, {"cpf": "•••", "state": "PA"})
    assert hidden.hidden == ("cpf",)
    with pytest.raises(RowNotFound, match="cpf = •••"):
        lake.blame("silver.clients", "1", personal=False)


def test_the_quarantine_is_for_those_who_may_read_it(folder, lake):
    folder.contract(
        "bronze.people", "id:long* name:string", source={"format": "csv", "file": "people.csv"}, quarantineShare=1
    )
    lake.context.refresh()
    branch = lake.branch("dev")
    branch.ingest(folder.file("people.csv", "id,name\nx,Ana\n1,Bob\n"), "bronze.people", batch="b")
    key = lake.context.contracts[TableName.parse("quarantine.bronze__people")].key
    row = lake.sql(f"SELECT {', '.join(key)} FROM quarantine.bronze__people", "dev").fetchall()[0]
    found = lake.blame("quarantine.bronze__people", dict(zip(key, row, strict=True)), "dev")
    assert [each.kind for each in found.writes] == ["added"]
    reader = lake.settings.model_copy(update={"sign_in": "oidc", "role": "reader"})
    with pytest.raises(NotAllowed, match="quarantine"):
        blame(replace(lake.context, settings=reader), "quarantine.bronze__people", key, "dev")


def test_files_without_the_key_and_files_that_states_share_are_not_read(lake):
    published(lake, "load", appended(*((number, "a") for number in range(100))))
    for number in range(100, 110):
        published(lake, f"more/{number}", appended((number, "a")))
    files = [task.file for task in lake.catalog().load_table(ORDERS).scan().plan_files()]
    (first,) = [file for file in files if file.record_count == 100]
    for file in files:
        if file is not first:
            (lake.settings.root / file.file_path.removeprefix("file://")).unlink()
    found = lake.blame(ORDERS, 5)
    assert (told(found), found.states) == ([("added", "append", None, "a")], 11)


def test_what_is_behind_a_missing_file_is_not_told(lake):
    first = published(lake, "load", appended((1, "a")))
    published(lake, "b", merged((1, "b")))
    (task,) = lake.catalog(f"main@{first.commit}").load_table(ORDERS).scan().plan_files()
    (lake.settings.root / task.file.file_path.removeprefix("file://")).unlink()
    with pytest.raises(QueryError):
        lake.blame(ORDERS, 1)
    published(lake, "c", merged((1, "c")))
    found = lake.blame(ORDERS, 1)
    assert told(found) == [("changed", "merge", "b", "c")]
    assert ".parquet" in found.unread
    assert lake.blame(ORDERS, 1, limit=1).unread == found.unread


def test_what_was_appended_since_is_told_without_the_manifests_of_each_state(lake):
    published(lake, "load", appended((1, "a")))
    for number in range(2, 8):
        published(lake, f"more/{number}", appended((number, "a")))
    snapshots = lake.catalog().load_table(ORDERS).metadata.snapshots
    for snapshot in snapshots[:-1]:
        (lake.settings.root / snapshot.manifest_list.removeprefix("file://")).unlink()
    assert told(lake.blame(ORDERS, 1)) == [("added", "append", None, "a")]
    with pytest.raises(RowNotFound, match="any of the 7 states"):
        lake.blame(ORDERS, 99)
    with pytest.raises(CatalogDamaged, match=r"silver\.orders as .* describes it cannot be read"):
        lake.blame(ORDERS, 1, "main~1")


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["merge", "append", "delete", "rollback", "restore", "drop", "foreign", "behind"]),
        st.integers(1, 3),
        st.sampled_from("ab"),
    ),
    min_size=1,
    max_size=9,
)


@pytest.mark.slow
@settings(max_examples=many(40))
@given(steps=STEPS)
def test_any_history(tmp_path_factory, steps):
    """Whatever happened, the writes are what differs between each two states, as a query of each sees them."""
    folder = LakeFolder(tmp_path_factory.mktemp("lake"))
    folder.contract(ORDERS, COLUMNS)
    with folder.open() as lake:
        for number, step in enumerate(steps):
            _take(lake, f"step/{number}", *step)
        states = [_states_of(lake, commit.id) for commit in lake.log("main", 100)]
        for key in (1, 2, 3):
            expected = [
                (kind, before, after)
                for newer, older in pairwise(states)
                for before, after in [(older.get(key), newer.get(key))]
                if before != after
                for kind in ["added" if before is None else "removed" if after is None else "changed"]
            ]
            try:
                found = [
                    (each.kind, each.before and each.before["state"], each.after and each.after["state"])
                    for each in lake.blame(ORDERS, key, every=True).writes
                ]
            except (RowNotFound, TableNotFound):
                found = []
            assert found == expected


def _states_of(lake, commit):
    if ORDERS not in map(str, lake.tables(f"main@{commit}")):
        return {}
    return dict(lake.sql(f"SELECT id, state FROM {ORDERS}", f"main@{commit}").fetchall())


def _take(lake, name, step, key, state):
    """Take a step on a branch and publish it, if it is possible now."""
    there = ORDERS in map(str, lake.tables())
    has = there and key in _states_of(lake, lake.resolve("main").id)
    if step == "rollback":
        target = f"main~{key}"
        if len(lake.log("main", 10)) > key and lake.tables(target) != lake.tables():
            lake.rollback(target)
        return
    behind = "main~1" if step == "behind" and len(lake.log("main", 2)) > 1 else "main"
    branch = lake.create_branch(name, behind)
    if step == "behind":
        branch.merge(ORDERS, orders((key, state)))
        with suppress(PublishConflict):
            branch.publish()
        return
    if step in {"merge", "append"} and not (step == "append" and has):
        getattr(branch, step)(ORDERS, orders((key, state)))
    elif step == "delete" and has:
        branch.delete(ORDERS, f"id = {key}")
    elif step == "drop" and there:
        branch.drop(ORDERS)
    elif step == "foreign" and has:
        others.delete_positions(lake.catalog(name).load_table(ORDERS), "id", key)
    elif step == "restore" and len(lake.log("main", 10)) > key and ORDERS in map(str, lake.tables(f"main~{key}")):
        branch.restore([ORDERS], f"main~{key}")
    if lake.diff("main", name).tables or lake.tables(name) != lake.tables():
        branch.publish()
