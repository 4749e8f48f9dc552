"""`lagoa source`: declared sources from the list to what is on main."""

from __future__ import annotations

import os
import time

import pytest
from command_line import lagoa, ok
from lakes import LakeFolder


@pytest.fixture
def shop(tmp_path):
    folder = LakeFolder(tmp_path)
    form = {"format": "csv", "delimiter": ","}
    folder.contract("bronze.orders", "id:long* amount:decimal(10,2)", source=form, quarantineShare=1)
    folder.contract("bronze.people", "id:long* name:string", source=form)
    where = {"folder": "incoming"}
    folder.source("shop", kind="files", connection=where, tables={"bronze.orders": {"files": "orders*.csv"}})
    folder.source("crm", kind="files", connection={"folder": "crm"}, tables={"bronze.people": {"files": "*.csv"}})
    put(folder, "incoming/orders1.csv", "id,amount\n1,2\n2,x\n")
    return folder


def put(folder, name, text):
    file = folder.file(name, text)
    os.utime(file, (time.time() - 60,) * 2)


def test_sources_are_listed_checked_and_loaded(shop):
    assert [each["source"] for each in ok(shop.root, "source", "list", "--json").json()] == ["crm", "shop"]
    assert "bronze.orders" in ok(shop.root, "source", "list").out
    checked = lagoa(shop.root, "source", "check")
    assert (checked.code, "shop: can be read." in checked.out, "no such folder" in checked.out) == (1, True, True)
    assert ok(shop.root, "source", "check", "shop", "--json").json() == [{"source": "shop", "fault": None}]
    assert "never" in ok(shop.root, "source", "status").out

    done = lagoa(shop.root, "source", "run")  # crm fails, and does not hold shop back
    assert (done.code, "no such folder" in done.err) == (1, True)
    assert "main is now at" in done.out
    assert "1 record went to quarantine" in done.err
    states = ok(shop.root, "source", "status", "--json").json()
    assert [(each["table"], each["changed_at"] is None) for each in states] == [
        ("bronze.people", True), ("bronze.orders", False)
    ]  # fmt: skip

    put(shop, "crm/people.csv", "id,name\n1,ana\n")
    again = ok(shop.root, "source", "run", "--json").json()
    assert [(each["table"], each["skipped"]) for each in again["tables"]] == [
        ("bronze.people", False), ("bronze.orders", True)
    ]  # fmt: skip
    assert (again["failures"], again["publication"] is None) == ({}, False)
    assert "Nothing new" in ok(shop.root, "source", "run", "shop").err


def test_a_branch_takes_them_without_publishing(shop):
    ok(shop.root, "branch", "create", "dev")
    ok(shop.root, "source", "run", "shop", "--branch", "dev")
    assert "bronze.orders" not in ok(shop.root, "tables").out
    assert ok(shop.root, "source", "status", "--ref", "dev", "--json").json()[1]["changed_at"] is not None


def test_what_is_wrong_is_found_by_check(shop):
    shop.source("more", kind="ftp", connection={}, tables={})
    done = lagoa(shop.root, "check")
    assert (done.code, "there is no kind of source 'ftp'" in done.out) == (1, True)
    assert "there is no kind" in lagoa(shop.root, "source", "run").err
    assert lagoa(shop.root, "source", "run", "nowhere").code == 1


def test_there_may_be_none(tmp_path):
    folder = LakeFolder(tmp_path)
    assert ok(folder.root, "source", "list").out == "No source is declared.\n"
    assert "Nothing new" in ok(folder.root, "source", "run").err
