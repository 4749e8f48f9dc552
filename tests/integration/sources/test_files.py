"""A folder as a source: what is new is loaded once, by content, whatever happens in between."""

from __future__ import annotations

import os
import time

import pytest

from lagoa.errors import DeclarationError, SourceError
from lagoa.sources.run import position_of

ORDERS = "bronze.orders"
CSV = {"format": "csv", "delimiter": ","}


@pytest.fixture
def folder(folder):
    folder.contract(ORDERS, "id:long* amount:decimal(10,2)", source=CSV)
    folder.source("shop", kind="files", connection={"folder": "incoming"}, tables={ORDERS: {"files": "**/orders*.csv"}})
    return folder


def put(folder, name, *rows, age_s=60.0):
    file = folder.file(f"incoming/{name}", "id,amount\n" + "".join(f"{row}\n" for row in rows))
    then = time.time() - age_s
    os.utime(file, (then, then))
    return file


def declare(folder, **said):
    folder.source("shop", kind="files", connection={"folder": "incoming"}, tables={ORDERS: {"files": "*.csv", **said}})


def rows(lake, ref="dev", table=ORDERS):
    return lake.sql(f"SELECT id, amount::VARCHAR FROM {table} ORDER BY ALL", ref).fetchall()


def test_each_content_is_loaded_once(folder, lake, dev):
    put(folder, "2026/orders1.csv", "1,1.50", "2,x")
    put(folder, "2026/orders2.csv", "3,2.00")
    put(folder, "2026/copy/orders3.csv", "3,2.00")
    put(folder, "2026/other.csv", "4,1")
    first = dev.load_source("shop")
    assert [(each.source, each.accepted, each.quarantined, each.skipped) for each in first] == [
        ("orders3.csv", 1, 0, False), ("orders1.csv", 1, 1, False), ("orders2.csv", 0, 0, True)
    ]  # fmt: skip
    assert rows(lake) == [(1, "1.50"), (3, "2.00")]
    assert lake.sql("SELECT raw::VARCHAR FROM quarantine.bronze__orders", "dev").fetchall() == [("2,x\\x0A",)]
    again = put(folder, "2026/orders1.csv", "1,1.50", "2,9")
    assert [each.accepted for each in dev.load_source("shop") if not each.skipped] == [2]
    again.touch()
    head = dev.head
    assert all(each.skipped for each in dev.load_source("shop"))
    assert dev.head == head


def test_a_file_that_may_still_be_written_is_left_for_the_next_time(folder, lake, dev):
    fresh = put(folder, "orders1.csv", "1,1", age_s=0.5)
    put(folder, "orders2.csv.part", "2,1")
    put(folder, ".orders3.csv", "3,1")
    assert dev.load_source("shop") == []
    os.utime(fresh, (time.time() - 60,) * 2)
    assert len(dev.load_source("shop")) == 1
    assert rows(lake) == [(1, "1.00")]


def test_a_file_of_a_time_to_come_is_loaded(folder, lake, dev):
    put(folder, "orders1.csv", "1,1", age_s=-86_400)
    assert len(dev.load_source("shop")) == 1


def test_what_a_killed_process_left_is_removed(folder, lake, dev):
    old, fresh = (folder.file(f".lagoa/sources/shop-{name}/page.json", "[]").parent for name in ("old", "new"))
    os.utime(old, (0, 0))
    put(folder, "orders1.csv", "1,1")
    dev.load_source("shop")
    assert (old.exists(), fresh.exists()) == (False, True)


def test_the_rows_of_a_file_update_those_of_the_same_key(folder, lake, dev):
    declare(folder, mode="merge")
    put(folder, "a.csv", "1,1", "2,2", "2,3", "x,1")
    (done,) = dev.load_source("shop")
    assert (done.received, done.accepted, done.quarantined) == (4, 3, 1)
    put(folder, "b.csv", "2,5", "3,1")
    dev.load_source("shop")
    assert rows(lake) == [(1, "1.00"), (2, "5.00"), (3, "1.00")]
    assert [each.skipped for each in dev.load_source("shop")] == [True, True]


def test_the_last_file_replaces_all_rows(folder, lake, dev):
    declare(folder, mode="replace")
    first = put(folder, "a.csv", "1,1", "2,2")
    put(folder, "b.csv", "3,1", "y,1")
    (done,) = dev.load_source("shop")
    assert (done.source, done.accepted, done.quarantined) == ("b.csv", 1, 1)
    assert dev.load_source("shop") == []
    first.rename(first.with_name("c.csv"))
    (done,) = dev.load_source("shop")
    assert rows(lake) == [(1, "1.00"), (2, "2.00")]
    put(folder, "d.csv", "3,1", "y,1")  # what it was before
    dev.load_source("shop")
    assert rows(lake) == [(3, "1.00")]
    assert set(position_of(lake.context, "dev", done.table, "shop")) == {"sha256"}


def test_a_position_is_that_of_the_branch(folder, lake, dev):
    declare(folder, mode="replace")
    put(folder, "a.csv", "1,1")
    (done,) = dev.load_source("shop")
    at = position_of(lake.context, "dev", done.table, "shop")
    assert at is not None
    assert position_of(lake.context, "main", done.table, "shop") is None
    assert len(lake.create_branch("other").load_source("shop")) == 1
    dev.publish()
    assert position_of(lake.context, "main", done.table, "shop") == at
    assert lake.run("again").load_source("shop") == []
    lake.rollback("main~1")
    assert len(lake.run("once_more").load_source("shop")) == 1


@pytest.mark.parametrize(
    ("said", "line", "told"),
    [
        ({"kind": "file"}, 3, "there is no kind of source 'file'. Did you mean 'files'?"),
        (
            {"kind": "files", "tables": {"bronze.order": {"files": "*"}}, "connection": {"folder": "x"}},
            5,
            "no contract",
        ),
        ({"kind": "files", "tables": {}, "connection": {"folder": "x"}}, 4, "tables"),
        ({"kind": "files", "tables": {ORDERS: {"files": "/etc/*"}}, "connection": {"folder": "x"}}, 6, "files"),
        ({"kind": "files", "tables": {ORDERS: {"files": "*", "mod": "x"}}, "connection": {"folder": "x"}}, 7, "mod"),
    ],
)
def test_what_is_wrong_with_a_declaration_is_told_with_its_line(folder, dev, said, line, told):
    file = folder.source("crm", **said)
    with pytest.raises(DeclarationError) as error:
        dev.load_source("crm")
    assert (error.value.file, told in str(error.value)) == (str(file), True), error.value
    assert error.value.line


def test_what_is_not_there_is_told(folder, dev):
    with pytest.raises(SourceError, match=r"no such source is declared\. Did you mean 'shop'\?"):
        dev.load_source("shops")
    with pytest.raises(SourceError, match=r"it has no table 'bronze\.order'"):
        dev.load_source("shop", ["bronze.order"])
    with pytest.raises(SourceError, match="there is no such folder"):
        dev.load_source("shop")
    folder.file("secret.csv", "id,amount\n9,9\n")
    folder.file("incoming/orders.csv", "").unlink()
    (folder.root / "incoming/orders.csv").symlink_to(folder.root / "secret.csv")
    with pytest.raises(SourceError, match="it leads out of the folder"):
        dev.load_source("shop")
