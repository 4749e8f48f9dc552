"""The raw layer: what a source gave is kept byte for byte, and tables are made again from it alone."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time

import pytest
from command_line import lagoa, ok
from fake_api import Given, fake_api

from lagoa.errors import SourceError

PEOPLE = "bronze.people"


@pytest.fixture
def folder(folder):
    folder.contract(
        "bronze.orders", "id:long* amount:long", source={"format": "json", "records": "data"}, quarantineShare=1
    )
    folder.contract(PEOPLE, "id:long* name:string", source={"format": "csv", "delimiter": ","}, quarantineShare=1)
    tables = {PEOPLE: {"files": "*.csv*"}}
    folder.source("crm", kind="files", raw=True, connection={"folder": "in"}, tables=tables)
    return folder


@pytest.fixture
def api():
    with fake_api() as running:
        yield running


def put(folder, name, text):
    file = folder.file(f"in/{name}", text)
    os.utime(file, (time.time() - 60,) * 2)
    return file


def raw_files(folder):
    root = folder.root / ".lagoa/warehouse/raw"
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def content(lake, ref="dev", table=PEOPLE):
    rows = lake.sql(f"SELECT * FROM {table} ORDER BY ALL", ref).fetchall()
    refused = lake.sql(f"SELECT * EXCLUDE _quarantined_at FROM quarantine.{table.replace('.', '__')} ORDER BY ALL", ref)
    return rows, refused.fetchall()


def test_files_are_kept_with_their_hashes_and_tables_made_again(folder, lake, dev):
    texts = ["id,name\n1,Ana\nx,Bea\n", "id,name\n2,Rui\n"]
    for number, text in enumerate(texts):
        put(folder, f"people {number}.csv", text)
    dev.load_source("crm")
    dev.load_source("crm")  # nothing is kept twice
    kept = raw_files(folder)
    names = list(kept)
    place = r"crm/year=(\d{4})/month=(\d\d)/day=(\d\d)/people_\1\2\3_00"
    endings = (r"1\.csv", r"1\.extract\.json", r"2\.csv", r"2\.extract\.json")
    assert all(re.fullmatch(place + ending, name) for name, ending in zip(names, endings, strict=True)), names
    assert [kept[name].decode() for name in names if name.endswith(".csv")] == texts
    record = json.loads(kept[names[1]])
    digest = hashlib.sha256(texts[0].encode()).hexdigest()
    assert record["files"] == [{"name": "people 0.csv", "file": names[0].rpartition("/")[2], "sha256": digest}]
    assert [row[2] for row in content(lake)[0]] == [digest[:16], hashlib.sha256(texts[1].encode()).hexdigest()[:16]]

    before = content(lake)
    shutil.rmtree(folder.root / "in")
    again = dev.rebuild_from_raw("crm")
    assert [each.accepted for each in again] == [1, 1]
    assert content(lake) == before
    fresh = lake.create_branch("fresh")
    fresh.rebuild_from_raw("crm")  # where the table has never been
    assert content(lake, "fresh") == before
    assert raw_files(folder) == kept


def test_pages_of_one_read_are_one_batch_again(folder, lake, dev, api):
    pages = {
        "1": [{"id": 1, "amount": 1}, {"id": 7, "amount": 1}],
        "2": [{"id": 7, "amount": 2}, {"id": 3, "amount": "x"}],
    }
    api.answer = lambda asked: Given({"data": pages.get(asked.params["page"], [])})
    for mode in ("merge", "replace"):
        said = {"path": "o", "mode": mode, "paging": {"kind": "page"}}
        name = f"shop_{mode}"
        folder.source(name, kind="rest", raw=True, connection={"url": api.url}, tables={"bronze.orders": said})
        branch = lake.create_branch(f"b_{mode}")
        branch.load_source(name)
        pages["1"][0]["amount"] += 1
        branch.load_source(name)
        before = content(lake, branch.name, "bronze.orders")
        branch.rebuild_from_raw(name)
        rows, refused = content(lake, branch.name, "bronze.orders")
        assert rows == before[0]
        if mode == "merge":
            assert refused == before[1]
        else:  # those of what was replaced are gone
            assert [row[7] for row in refused] == [rows[0][2]]
        folder.file(f"sources/{name}.yaml", "").unlink()


def test_what_never_came_into_the_table_does_not_come_from_raw(folder, lake, dev):
    put(folder, "a.csv", "id,name\n1,Ana\n")
    dev.load_source("crm")
    other = lake.create_branch("other")
    put(folder, "b.csv", "id,name\n2,Rui\n")
    other.load_source("crm")
    dev.rebuild_from_raw("crm")
    assert lake.sql(f"SELECT id FROM {PEOPLE}", "dev").fetchall() == [(1,)]


def test_a_file_that_is_gone_or_was_changed_is_told(folder, lake, dev):
    put(folder, "a.csv", "id,name\n1,Ana\n")
    with pytest.raises(SourceError, match=r"the raw layer has nothing of bronze\.people"):
        dev.rebuild_from_raw("crm")
    dev.load_source("crm")
    (file,) = (folder.root / ".lagoa/warehouse/raw").rglob("*.csv")
    head = dev.head
    file.write_text("id,name\n1,Eve\n")
    with pytest.raises(SourceError, match="is not what was kept"):
        dev.rebuild_from_raw("crm")
    file.unlink()
    with pytest.raises(SourceError, match="the raw file is missing"):
        lake.create_branch("other", at="dev").rebuild_from_raw("crm")
    assert dev.head != head


def test_collection_leaves_it_alone(folder, lake, dev):
    put(folder, "a.csv", "id,name\n1,Ana\n")
    dev.load_source("crm")
    kept = raw_files(folder)
    lake.delete_ref("dev")
    lake.collect(dry_run=False)
    assert raw_files(folder) == kept


def test_the_command(folder, lake, dev):
    put(folder, "a.csv", "id,name\n1,Ana\n")
    ok(folder.root, "source", "run")
    done = ok(folder.root, "ingest", "--from-raw", "crm")
    assert "main is now at" in done.out
    assert lagoa(folder.root, "ingest", "--from-raw", "crm", "--into", PEOPLE).code == 2
    assert lagoa(folder.root, "ingest").code == 2
    assert "no such source" in lagoa(folder.root, "ingest", "--from-raw", "none").err
