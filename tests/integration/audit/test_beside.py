"""Checks beside the writing: their results are the audit's, and they never decide anything by themselves."""

from __future__ import annotations

import threading

import pytest
from checkout import ROOT

import lagoa
from flows.sources.olist import generate
from lagoa.audit.beside import AuditBeside
from lagoa.domain.tables import TableName
from lagoa.errors import AuditFailed
from lagoa.settings import load_settings

SELLERS = TableName.parse("bronze.sellers")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("olist")
    generate(folder, scale=0.005)
    return folder


@pytest.fixture
def lake(tmp_path):
    with lagoa.open_lake(load_settings(ROOT).model_copy(update={"state": tmp_path / "state"})) as opened:
        yield opened


def test_the_audit_finds_what_was_checked_beside_the_work(lake, files):
    with lake.run("load") as branch:
        branch.ingest(files / "olist_sellers_dataset.csv", into="bronze.sellers")
        branch.ingest(files / "olist_products_dataset.csv", into="bronze.products")
        beside = AuditBeside(lake.context, branch.name)
        beside._check(SELLERS)
        ours = [each for each in branch.audit().results if each.table == "bronze.sellers"]
    assert ours
    assert all(each.reused for each in ours)


def test_what_was_checked_before_a_change_does_not_count_after_it(lake, files):
    with lake.run("load") as branch:
        branch.ingest(files / "olist_sellers_dataset.csv", into="bronze.sellers")
        assert branch.audit().passed
        rows = branch.sql("select * replace ('??' as seller_state) from bronze.sellers limit 1").arrow()
        branch.append("bronze.sellers", rows)
        with pytest.raises(AuditFailed):
            branch.publish()
    assert not lake.tables()


def test_a_branch_goes_on_after_it_was_published(lake, files):
    with lake.run("load") as branch:
        branch.ingest(files / "olist_sellers_dataset.csv", into="bronze.sellers")
        first = branch.publish()
        branch.ingest(files / "olist_products_dataset.csv", into="bronze.products")
        second = branch.publish()
    assert [each.commit for each in lake.publications()] == [second.commit, first.commit]


def checking():
    return [thread for thread in threading.enumerate() if thread.name.startswith("lagoa-beside")]


def test_a_thread_checks_from_the_first_finished_table_to_the_end_of_the_run(lake, files):
    with lake.run("load") as branch:
        assert not checking()
        branch.ingest(files / "olist_sellers_dataset.csv", into="bronze.sellers")
        assert len(checking()) == 1
        assert branch.audit().passed
        assert not checking()
        branch.finished(SELLERS, None)
        assert len(checking()) == 1
    assert not checking()


def test_a_branch_that_is_no_run_publishes_without_checks_beside_it(lake, files):
    branch = lake.create_branch("load")
    branch.ingest(files / "olist_sellers_dataset.csv", into="bronze.sellers")
    assert not checking()
    publication = branch.publish()
    assert not checking()
    assert lake.resolve("main").id == publication.commit
