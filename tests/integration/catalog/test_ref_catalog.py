"""The PyIceberg catalog of a ref: protection, conflicts, files that stay, staging, and the metadata cache."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.exceptions import (
    CommitFailedException,
    NamespaceNotEmptyError,
    NoSuchNamespaceError,
    NoSuchTableError,
    TableAlreadyExistsError,
)
from pyiceberg.types import LongType

from lagoa.adapters.sqlite.catalog import SqliteCatalog
from lagoa.catalog.metadata_files import MetadataFiles
from lagoa.catalog.ref_catalog import RefCatalog, StagedCatalog
from lagoa.domain.commits import Change
from lagoa.domain.refs import MAIN
from lagoa.domain.tables import TableName
from lagoa.errors import CatalogDamaged, CommitLost, RefProtected
from lagoa.storage.local import LocalStorage

ROWS = pa.table({"id": [1, 2, 3], "name": ["a", "b", "c"]})
ORDERS = TableName.parse("bronze.orders")


@pytest.fixture
def versions(tmp_path):
    with closing(SqliteCatalog(tmp_path / "catalog.db")) as catalog:
        catalog.create_branch("dev", catalog.resolve(MAIN).id)
        yield catalog


@pytest.fixture
def warehouse(tmp_path):
    return tmp_path / "warehouse"


@pytest.fixture
def metadata(warehouse):
    return MetadataFiles(LocalStorage(warehouse))


@pytest.fixture
def dev(versions, metadata):
    """Return the catalog of `dev`, with bronze.orders in it."""
    catalog = RefCatalog(versions, "dev", metadata, author="ana")
    catalog.create_namespace("bronze")
    catalog.create_table("bronze.orders", ROWS.schema).append(ROWS)
    return catalog


def files(folder):
    return {path for path in folder.rglob("*") if path.is_file()}


def count(table):
    return table.scan().to_arrow().num_rows


class TestReading:
    @pytest.mark.usefixtures("dev")
    def test_each_write_is_one_commit_that_says_what_it_did(self, versions):
        messages = [commit.message for commit in versions.log(versions.resolve("dev").id)]
        assert messages == [
            "Update table bronze.orders",
            "Create table bronze.orders",
            "Create namespace bronze",
            "The empty lake",
        ]
        assert versions.resolve("dev").author == "ana"

    def test_a_tag_and_a_commit_show_what_was(self, versions, dev, metadata):
        head = versions.resolve("dev").id
        versions.create_tag("v1", head)
        dev.load_table("bronze.orders").append(ROWS)
        counts = {
            ref: count(RefCatalog(versions, ref, metadata).load_table("bronze.orders"))
            for ref in ("dev", "v1", f"dev@{head[:12]}", "dev~1")
        }
        assert counts == {"dev": 6, "v1": 3, f"dev@{head[:12]}": 3, "dev~1": 3}

    @pytest.mark.usefixtures("dev")
    def test_another_branch_sees_nothing_of_it(self, versions, metadata):
        main = RefCatalog(versions, MAIN, metadata)
        assert main.list_namespaces() == []
        with pytest.raises(NoSuchTableError):
            main.load_table("bronze.orders")

    def test_views_are_none(self, dev):
        assert dev.list_views("bronze") == []
        assert not dev.view_exists("bronze.orders")
        for call in (dev.load_view, dev.drop_view):
            with pytest.raises(NotImplementedError):
                call("bronze.orders")

    def test_a_lost_metadata_file_is_told(self, versions, dev, warehouse):
        versions.commit("dev", versions.resolve("dev").id, Change({ORDERS: str(warehouse / "gone.metadata.json")}))
        with pytest.raises(CatalogDamaged, match=r"gone\.metadata\.json"):
            dev.load_table("bronze.orders")


class TestProtection:
    @pytest.mark.parametrize("ref", [MAIN, "v1", "dev~1", "hash", "lagoa/candidate/1"])
    def test_a_write_anywhere_but_on_a_work_branch_is_refused(self, versions, dev, warehouse, ref, metadata):
        head = versions.resolve("dev").id
        versions.create_tag("v1", head)
        versions.create_branch("lagoa/candidate/1", head)
        catalog = RefCatalog(versions, f"dev@{head}" if ref == "hash" else ref, metadata)
        table = dev.load_table("bronze.orders")
        table.catalog = catalog
        before = files(warehouse), versions.refs()
        writes = [
            lambda: catalog.create_table("bronze.x", ROWS.schema),
            lambda: catalog.create_namespace("gold"),
            lambda: catalog.drop_namespace("bronze"),
            lambda: catalog.update_namespace_properties("bronze", updates={"a": "b"}),
            lambda: catalog.drop_table("bronze.orders"),
            lambda: catalog.rename_table("bronze.orders", "bronze.x"),
            lambda: catalog.register_table("bronze.x", table.metadata_location),
            lambda: table.transaction().set_properties(a="b").commit_transaction(),
            lambda: StagedCatalog(versions, catalog.ref, metadata).drop_table("bronze.orders"),
        ]
        for write in writes:
            with pytest.raises(RefProtected):
                write()
        assert (files(warehouse), versions.refs()) == before


class TestFilesStay:
    def test_a_dropped_or_purged_table_is_still_read_elsewhere(self, versions, dev, warehouse, metadata):
        versions.create_branch("other", versions.resolve("dev").id)
        before = files(warehouse)
        dev.purge_table("bronze.orders")
        assert not dev.table_exists("bronze.orders")
        assert files(warehouse) == before
        assert count(RefCatalog(versions, "other", metadata).load_table("bronze.orders")) == 3

    def test_old_metadata_is_kept_whatever_the_table_says(self, dev, warehouse):
        table = dev.load_table("bronze.orders")
        wanted = {"write.metadata.delete-after-commit.enabled": "true", "write.metadata.previous-versions-max": "1"}
        table.transaction().set_properties(wanted).commit_transaction()
        before = files(warehouse)
        for value in ("1", "2", "3"):
            table.transaction().set_properties(step=value).commit_transaction()
        assert before < files(warehouse)

    def test_a_table_made_anew_gets_a_place_of_its_own(self, dev, warehouse):
        first = dev.load_table("bronze.orders").location()
        dev.drop_table("bronze.orders")
        second = dev.create_table("bronze.orders", ROWS.schema).location()
        assert first != second
        assert first.startswith(f"{warehouse}/bronze/orders-")

    def test_a_name_never_leads_out_of_the_warehouse(self, dev, warehouse):
        location = dev.create_table(("bronze", "../../x*?"), ROWS.schema).location()
        assert Path(location).resolve().is_relative_to(warehouse / "bronze")
        assert count(dev.load_table(("bronze", "../../x*?"))) == 0

    def test_a_namespace_may_say_where_its_tables_go(self, dev, tmp_path):
        dev.create_namespace("gold", {"location": f"{tmp_path}/elsewhere/"})
        assert dev.create_table("gold.x", ROWS.schema).location().startswith(f"{tmp_path}/elsewhere/x-")


class TestWriting:
    def test_a_rename_moves_the_name_alone(self, dev):
        before = dev.load_table("bronze.orders").metadata_location
        dev.create_namespace("silver")
        assert dev.rename_table("bronze.orders", "silver.orders").metadata_location == before
        assert dev.list_tables("bronze") == []
        assert count(dev.load_table("silver.orders")) == 3

    def test_names_that_are_taken_or_missing(self, dev):
        dev.create_table("bronze.other", ROWS.schema)
        location = dev.load_table("bronze.other").metadata_location
        with pytest.raises(TableAlreadyExistsError):
            dev.rename_table("bronze.orders", "bronze.other")
        with pytest.raises(TableAlreadyExistsError):
            dev.create_table("bronze.orders", ROWS.schema)
        with pytest.raises(TableAlreadyExistsError):
            dev.register_table("bronze.orders", location)
        with pytest.raises(NoSuchNamespaceError):
            dev.create_table_transaction("absent.x", ROWS.schema)
        with pytest.raises(NoSuchTableError):
            dev.purge_table("bronze.absent")

    def test_a_table_in_a_namespace_below_a_namespace(self, dev):
        dev.create_namespace(("a", "b"))
        with dev.create_table_transaction(("a", "b", "t"), ROWS.schema) as transaction:
            transaction.append(ROWS)
        assert count(dev.load_table("a.b.t")) == 3
        assert dev.list_tables(("a", "b")) == [("a", "b", "t")]
        with pytest.raises(NamespaceNotEmptyError):
            dev.drop_namespace("a")

    def test_properties_of_a_namespace_are_text(self, dev):
        for properties in ({None: "v"}, {"k": None}):
            with pytest.raises(ValueError, match="must be text"):
                dev.create_namespace("x", properties)
        assert not dev.namespace_exists("x")


class TestConflicts:
    def test_writers_of_different_tables_do_not_disturb_each_other(self, versions, dev, metadata):
        failures = []

        def write(number):
            try:
                catalog = RefCatalog(versions, "dev", metadata)
                table = catalog.create_table(f"bronze.t{number}", ROWS.schema)
                table.append(ROWS)
            except Exception as error:  # noqa: BLE001 - told below
                failures.append(error)

        threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert [count(dev.load_table(f"bronze.t{number}")) for number in range(4)] == [3] * 4

    def test_a_schema_changed_by_another_is_a_conflict(self, versions, dev, metadata):
        mine, theirs = (RefCatalog(versions, "dev", metadata).load_table("bronze.orders") for _ in range(2))
        with theirs.update_schema() as update:
            update.add_column("theirs", LongType())
        with pytest.raises(CommitFailedException), mine.update_schema() as update:
            update.add_column("mine", LongType())
        assert dev.load_table("bronze.orders").schema().column_names == ["id", "name", "theirs"]

    def test_two_appends_to_one_table_are_both_committed(self, versions, dev, metadata):
        mine, theirs = (RefCatalog(versions, "dev", metadata).load_table("bronze.orders") for _ in range(2))
        theirs.append(ROWS)
        mine.append(ROWS)  # PyIceberg tries again after the conflict
        assert count(dev.load_table("bronze.orders")) == 9

    @pytest.mark.usefixtures("dev")
    def test_a_table_made_by_two_is_made_once(self, versions, metadata):
        mine, theirs = (
            RefCatalog(versions, "dev", metadata).create_table_transaction("bronze.x", ROWS.schema) for _ in range(2)
        )
        theirs.commit_transaction()
        with pytest.raises(CommitFailedException, match="already exists"):
            mine.commit_transaction()

    def test_a_branch_that_never_rests_is_given_up(self, tmp_path, metadata):
        class Restless(SqliteCatalog):
            def commit(self, branch, expected, change):  # noqa: ARG002 - the port's signature
                raise CommitLost(branch, expected, "0" * 64)

        with closing(Restless(tmp_path / "restless.db")) as versions:
            versions.create_branch("dev", versions.resolve(MAIN).id)
            with pytest.raises(CommitFailedException, match="tries"):
                RefCatalog(versions, "dev", metadata).create_namespace("x")


class TestStaging:
    def test_nothing_is_on_the_branch_before_its_one_commit(self, versions, dev, metadata):
        head = versions.resolve("dev").id
        staged = StagedCatalog(versions, "dev", metadata)
        staged.create_namespace("silver", {"owner": "ana"})
        with staged.create_table_transaction("silver.x", ROWS.schema) as transaction:
            transaction.append(ROWS)
        staged.load_table("bronze.orders").append(ROWS)
        assert (count(staged.load_table("silver.x")), count(staged.load_table("bronze.orders"))) == (3, 6)
        assert versions.resolve("dev").id == staged.base == head
        assert not dev.table_exists("silver.x")

        change = Change(staged.pointers, namespaces=staged.namespace_changes)
        versions.commit("dev", staged.base, change)
        assert (count(dev.load_table("silver.x")), count(dev.load_table("bronze.orders"))) == (3, 6)
        assert dev.load_namespace_properties("silver") == {"owner": "ana"}

    @pytest.mark.usefixtures("dev")
    def test_a_new_table_with_rows_is_one_metadata_file_that_is_not_read_back(self, versions, metadata):
        staged = StagedCatalog(versions, "dev", metadata)
        with staged.create_table_transaction("bronze.x", ROWS.schema) as transaction:
            transaction.append(ROWS)
        location = staged.pointers[TableName.parse("bronze.x")]
        assert list(Path(location).parent.glob("*.metadata.json")) == [Path(location)]
        Path(location).unlink()
        assert count(staged.load_table("bronze.x")) == 3

    def test_pointers_tell_the_net_change(self, versions, dev, metadata):
        dev.create_table("bronze.other", ROWS.schema)
        staged = StagedCatalog(versions, "dev", metadata)
        staged.create_table("bronze.short", ROWS.schema)
        staged.drop_table("bronze.short")
        staged.drop_table("bronze.orders")
        moved = staged.rename_table("bronze.other", "bronze.moved").metadata_location
        assert staged.pointers == {
            TableName.parse("bronze.moved"): moved,
            ORDERS: None,
            TableName.parse("bronze.other"): None,
        }
        staged.drop_table("bronze.moved")
        staged.drop_namespace("bronze")
        assert staged.namespace_changes == {("bronze",): None}

    def test_the_base_stays_while_the_branch_goes_on(self, versions, dev, metadata):
        staged = StagedCatalog(versions, "dev", metadata)
        dev.load_table("bronze.orders").append(ROWS)
        assert count(staged.load_table("bronze.orders")) == 3
        staged.load_table("bronze.orders").append(ROWS)
        with pytest.raises(CommitLost) as lost:
            versions.commit("dev", staged.base, Change(staged.pointers))
        assert lost.value.tables == (ORDERS,)

    @pytest.mark.usefixtures("dev")
    def test_threads_stage_side_by_side(self, versions, metadata):
        staged = StagedCatalog(versions, "dev", metadata)

        def write(number):
            with staged.create_table_transaction(f"bronze.t{number}", ROWS.schema) as transaction:
                transaction.append(ROWS)

        threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(table.name for table in staged.pointers) == [f"t{number}" for number in range(6)]


def test_cached_metadata_is_what_the_file_says(dev, metadata):
    table = dev.create_table("bronze.cached", ROWS.schema, properties={"a": "b"})
    steps = [table.metadata_location]
    table.append(ROWS)
    with table.update_schema() as update:
        update.add_column("more", LongType())
    table.overwrite(ROWS)
    steps.append(table.metadata_location)
    for location in steps:
        kept = dev._table(TableName.parse("bronze.cached"), location).metadata
        assert kept == MetadataFiles(metadata.storage).parsed(location)
