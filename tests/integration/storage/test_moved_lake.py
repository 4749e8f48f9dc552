"""A lake that lies elsewhere than where it was made: moved, copied beside the original, restored; all goes on there."""

from __future__ import annotations

import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import foreign_tables as others
import pyarrow as pa
import pytest
from lakes import LakeFolder
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import IdentityTransform
from pyiceberg.typedef import Record
from pyiceberg.types import LongType, NestedField, StringType

from lagoa.bootstrap import examine_lake, open_lake, repair_lake
from lagoa.domain.commits import Change
from lagoa.domain.tables import TableName
from lagoa.errors import BatchChanged, CatalogDamaged, QueryError, SettingsError
from lagoa.sql_models.run import transform

ITEMS = TableName.parse("bronze.items")
COLUMNS = "id:long* text:string"


def rows(*values):
    return pa.table({"id": pa.array([each[0] for each in values], pa.int64()), "text": [each[1] for each in values]})


def publish(lake, name, work):
    branch = lake.create_branch(name)
    work(branch)
    published = branch.publish()
    assert published.report.passed
    lake.delete_ref(name)
    return published


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return the folder of a lake with some history, under names that occur in paths of tables, too."""
    folder = LakeFolder(tmp_path_factory.mktemp("moved") / "data" / "metadata" / "made here")
    folder.contract("bronze.items", COLUMNS)
    folder.contract("bronze.files", COLUMNS, source={"format": "csv"}, quarantineShare=1)
    folder.contract("silver.items", COLUMNS, materialization="full")
    folder.model("silver.items", "SELECT id, upper(text) AS text FROM bronze.items\n")
    first = folder.file("first.csv", "id,text\n1,one\nx,refused\n")
    folder.file("second.csv", "id,text\n2,two\n")
    with folder.open() as lake:

        def load(branch):
            branch.append("bronze.items", rows((1, "a"), (2, "b"), (3, "c")), batch="b1")
            branch.ingest(first, "bronze.files", batch="f1")
            branch.transform()

        publish(lake, "load", load)
        publish(lake, "merge", lambda branch: branch.merge("bronze.items", rows((2, "B"), (4, "d")), batch="b2"))
        lake.create_tag("v1")
        publish(lake, "delete", lambda branch: branch.delete("bronze.items", "id = 1"))
        lake.rollback("main~1")
        lake.create_branch("left").append("bronze.items", rows((5, "e")), batch="b3")
    return folder.root


@pytest.fixture(params=["gone", "spoilt"])
def copy(request, made, tmp_path):
    """Return the folder of a copy whose original is away, or beside it and not to be read."""
    hidden = made.rename(made.with_name("hidden"))
    shutil.copytree(hidden, tmp_path / "copy")
    if request.param == "spoilt":
        shutil.copytree(hidden, made)
        for file in (made / ".lagoa/warehouse").rglob("*"):
            if file.is_file():
                file.write_bytes(b"spoilt")
    yield tmp_path / "copy"
    shutil.rmtree(made, ignore_errors=True)
    hidden.rename(made)


@pytest.fixture
def beside(tmp_path):
    """Return the folders of a lake and of its copy, both whole."""
    original = LakeFolder(tmp_path / "original")
    original.contract("bronze.items", COLUMNS)
    with original.open() as lake:
        publish(lake, "load", lambda branch: branch.append("bronze.items", rows((1, "a"), (2, "b")), batch="b1"))
    shutil.copytree(original.root, tmp_path / "copy")
    return original.root, tmp_path / "copy"


def forget(root):
    """Make of a lake one of a version that did not keep where it was made."""
    with closing(sqlite3.connect(root / ".lagoa/catalog.db")) as db:
        db.execute("drop table lake")
        db.commit()


def home_in(root):
    with closing(sqlite3.connect(root / ".lagoa/catalog.db")) as db:
        return db.execute("select value from lake where name = 'home'").fetchone()[0]


def items(lake, ref="main"):
    """Return the rows by DuckDB, once PyIceberg reads the same."""
    found = lake.sql("SELECT id, text FROM bronze.items ORDER BY ALL", ref).fetchall()
    read = lake.catalog(ref).load_table("bronze.items").scan().to_arrow().to_pylist()
    assert sorted(found) == sorted((row["id"], row["text"]) for row in read)
    return found


def content(lake, table, ref):
    return sorted(lake.sql(f"FROM {table}", ref).fetchall(), key=repr)


def seen(lake):
    """Return all that a reader sees: it does not depend on where the lake lies."""
    refs = [*(each.name for each in lake.refs()), "main~1", "main~2", "main~3"]
    stale, models = lake.stale_models()
    return {
        "log": {ref: [each.id for each in lake.log(ref)] for ref in refs},
        "tables": {ref: lake.tables(ref) for ref in refs},
        "rows": {(ref, table): content(lake, table, ref) for ref in refs for table in lake.tables(ref)},
        "counts": lake.row_counts(),
        "states": lake.describe(),
        "publications": [(each.commit, each.tables, each.report) for each in lake.publications()],
        "audit": lake.audit_of("main").receipt,
        "diff": lake.diff("main~3", "main"),
        "contracts": lake.contract_diff(),
        "stale": (stale, models),
        "refused": lake.refused_records("bronze.files"),
        "batches": lake.batches("bronze.files"),
    }


def tree(folder):
    return {file: file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def named(lake):
    """Return every location that the lake's catalog, metadata, manifests and receipts name."""
    found = set()
    for ref in lake.refs():
        for table, pointer in lake.tables(ref.name).items():
            opened = lake.catalog(ref.name).load_table((*table.namespace, table.name))
            found |= {pointer, opened.location(), *(each.metadata_file for each in opened.metadata.metadata_log)}
            found |= {each.manifest_list for each in opened.metadata.snapshots}
            found |= {each.manifest_path for each in opened.current_snapshot().manifests(opened.io)}
            found |= {task.file.file_path for task in opened.scan().plan_files()}
    for published in lake.publications():
        found |= set(lake.audit_of(published.commit).receipt.tables.values())
    return found


class TestACopy:
    def test_everything_is_seen_as_it_was(self, made, copy):
        hidden = made.with_name("hidden")
        shutil.copytree(hidden, copy.with_name("elsewhere"))
        with open_lake(copy) as lake:
            assert lake.context.storage.home == f"{made}/.lagoa/warehouse"
            found = seen(lake)
            assert found["rows"]["main", ITEMS] == items(lake) == [(1, "a"), (2, "B"), (3, "c"), (4, "d")]
            assert items(lake, "left") == [(1, "a"), (2, "B"), (3, "c"), (4, "d"), (5, "e")]
            assert items(lake, "v1") == items(lake)
        assert examine_lake(copy) == []
        with open_lake(copy.with_name("elsewhere")) as lake:
            assert seen(lake) == found

    def test_every_kind_of_write_goes_on(self, made, copy):
        before = tree(made) if made.exists() else {}
        with open_lake(copy) as lake:
            assert lake.branch("left").publish().report.passed
            assert lake.stale_models()[0] == [TableName.parse("silver.items")]
            with pytest.raises(BatchChanged):
                lake.create_branch("again").append("bronze.items", rows((9, "z")), batch="b1")
            assert lake.branch("again").append("bronze.items", rows((5, "e")), batch="b3").skipped

            def work(branch):
                branch.merge("bronze.items", rows((3, "C"), (6, "f")), batch="b4")
                branch.delete("bronze.items", "id = 4")
                branch.ingest(copy / "second.csv", "bronze.files", batch="f2")
                branch.fix_quarantine("bronze.files", {"id": "7"})
                assert [result.skipped for result in branch.transform()] == [False]
                assert [result.skipped for result in branch.transform()] == [True]

            publish(lake, "work", work)
            assert items(lake) == [(1, "a"), (2, "B"), (3, "C"), (5, "e"), (6, "f")]
            assert lake.sql("SELECT text FROM silver.items ORDER BY ALL").fetchall() == [(t,) for t in "ABCEF"]
            assert lake.sql("SELECT id FROM bronze.files ORDER BY id").fetchall() == [(1,), (2,), (7,)]
            publish(lake, "restore", lambda branch: branch.restore(["bronze.items"], "v1"))
            assert items(lake) == [(1, "a"), (2, "B"), (3, "c"), (4, "d")]
            lake.rollback("main~1")
            assert items(lake) == [(1, "a"), (2, "B"), (3, "C"), (5, "e"), (6, "f")]
            LakeFolder(copy).contract("bronze.items", f"{COLUMNS} more:long")
            lake.context.refresh()
            publish(lake, "evolve", lambda branch: branch.evolve(["bronze.items"]))
            diff = lake.diff("v1", "main").tables
            changed = {str(each.table): (each.rows_added, each.rows_removed, each.rows_changed) for each in diff}
            assert (changed["bronze.files"], changed["bronze.items"]) == ((2, 0, 0), (2, 1, 1))
            home = f"{made}/.lagoa/warehouse/"
            assert {location for location in named(lake) if not location.startswith(home)} == set()
        assert examine_lake(copy) == []
        assert (tree(made) if made.exists() else {}) == before

    def test_a_users_sql_opens_nothing_but_the_copy(self, made, copy):
        with open_lake(copy) as lake:
            pointer = lake.tables()[ITEMS]
            place = lake.context.storage.path(pointer)
            assert Path(place).is_relative_to(copy)
            with lake.context.engine.session({ITEMS: pointer}, confined=True) as session:
                assert session.query("SELECT count(*) FROM bronze.items").fetchall() == [(4,)]
                assert session.query(f"SELECT size FROM read_blob('{place}')").fetchall()
                for outside in (pointer, made / "lagoa.toml", copy / "lagoa.toml", copy / ".lagoa/catalog.db"):
                    with pytest.raises(QueryError, match="Permission"):
                        session.query(f"SELECT size FROM read_blob('{outside}')").fetchall()

    def test_a_lost_file_is_named_by_its_place(self, copy):
        with open_lake(copy) as lake:
            pointer = lake.tables()[ITEMS]
            place = Path(lake.context.storage.path(pointer))
            (data,) = {
                task.file.file_path for task in lake.catalog("v1").load_table("bronze.items").scan().plan_files()
            }
            data = Path(lake.context.storage.path(data))
        data.unlink()
        assert any(str(data) in each.message for each in examine_lake(copy))
        place.unlink()
        with open_lake(copy) as lake:
            for look in (lake.describe, lambda: lake.catalog().load_table("bronze.items")):
                with pytest.raises(CatalogDamaged, match=str(place)):
                    look()


def test_a_lake_is_moved_again_and_back(beside):
    original, copy = beside
    home = f"{original}/.lagoa/warehouse"
    shutil.rmtree(original)
    for number, place in enumerate(("copy", "deeper/in/a folder", "original"), 3):
        folder = original.parent / place
        if not folder.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            copy = copy.rename(folder)
        with open_lake(folder) as lake:
            assert lake.context.storage.home == home
            publish(lake, "more", lambda branch, number=number: branch.append("bronze.items", rows((number, "x"))))
            assert items(lake) == [(1, "a"), (2, "b"), *((each, "x") for each in range(3, number + 1))]
    assert folder == original
    with open_lake(folder) as lake:
        assert lake.context.storage.home == lake.context.storage.location
        assert {each for each in named(lake) if not each.startswith(f"{home}/")} == set()
    assert examine_lake(folder) == []


def test_a_lake_and_its_copy_share_nothing(beside):
    """Both open in one process, and writing by turns: neither reads nor changes what the other writes."""
    with open_lake(beside[0]) as original, open_lake(beside[1]) as copy:
        pointers = original.tables(), copy.tables()
        assert pointers[0] == pointers[1]
        for number, lake in ((10, original), (11, copy)):
            publish(lake, "own", lambda branch, number=number: branch.append("bronze.items", rows((number, "own"))))
        assert items(original) == [(1, "a"), (2, "b"), (10, "own")]
        assert items(copy) == [(1, "a"), (2, "b"), (11, "own")]
        before = tree(beside[0] / ".lagoa/warehouse")
        publish(copy, "more", lambda branch: branch.merge("bronze.items", rows((1, "A"), (10, "mine"))))
        publish(copy, "less", lambda branch: branch.delete("bronze.items", "id = 2"))
        copy.rollback("main~1")
        assert items(copy) == [(1, "A"), (2, "b"), (10, "mine"), (11, "own")]
        assert items(original) == [(1, "a"), (2, "b"), (10, "own")]
        assert tree(beside[0] / ".lagoa/warehouse") == before
    shutil.rmtree(beside[0])
    assert examine_lake(beside[1]) == []


class TestALakeThatDoesNotKnowWhereItWasMade:
    def test_its_pointers_and_files_tell(self, beside):
        original, copy = beside
        for folder in beside:
            forget(folder)
        with open_lake(original) as lake:
            assert lake.context.storage.home == lake.context.storage.location == home_in(original)
        with open_lake(copy) as lake:
            assert lake.context.storage.home == home_in(copy) == f"{original}/.lagoa/warehouse"
            assert items(lake) == [(1, "a"), (2, "b")]

    def test_an_empty_one_was_made_where_it_is(self, tmp_path):
        LakeFolder(tmp_path).open().close()
        forget(tmp_path)
        open_lake(tmp_path).close()
        assert home_in(tmp_path) == f"{tmp_path}/.lagoa/warehouse"

    def test_one_without_its_files_is_refused(self, beside):
        original, copy = beside
        forget(copy)
        away = (copy / ".lagoa/warehouse").rename(copy / "away")
        with pytest.raises(SettingsError, match=f"1 in {original}/.lagoa/warehouse. None of them") as told:
            open_lake(copy)
        assert "warehouse_home" in told.value.advice
        away.rename(copy / ".lagoa/warehouse")
        with open_lake(copy) as lake:
            assert items(lake) == [(1, "a"), (2, "b")]

    def test_pointers_that_do_not_agree_are_refused_until_somebody_says(self, beside, monkeypatch):
        """Both places that the pointers name have their files in the warehouse: nothing tells which is its home."""
        original, copy = beside
        with open_lake(original) as lake:
            pointer = lake.tables()[ITEMS]
            work = lake.create_branch("other")
            other = pointer.replace(str(original), "/somewhere/else")
            change = Change({TableName.parse("bronze.other"): other})
            lake.context.catalog.commit("other", work.head, change)
        shutil.copy(original / ".lagoa/catalog.db", copy / ".lagoa/catalog.db")
        shutil.copytree(original / ".lagoa/warehouse", copy / ".lagoa/warehouse", dirs_exist_ok=True)
        forget(copy)
        with pytest.raises(SettingsError, match=r"Files of several of these are in the warehouse"):
            open_lake(copy)
        monkeypatch.setenv("LAGOA_WAREHOUSE_HOME", f"file://{original}/.lagoa/warehouse/")
        with open_lake(copy) as lake:
            assert items(lake) == [(1, "a"), (2, "b")]

    def test_tables_that_lie_elsewhere_than_in_the_warehouse_stay_there(self, beside):
        """As a lake has them whose `warehouse` was changed: what is in the warehouse of today tells."""
        original, _ = beside
        settings = (original / "lagoa.toml").read_text()
        second = f'{settings}warehouse = "second"\n'
        (original / "lagoa.toml").write_text(f'{second}warehouse_home = "{original}/.lagoa/second"\n')
        with open_lake(original) as lake:
            assert lake.catalog().load_table("bronze.items").scan().count() == 2
            LakeFolder(original).contract("bronze.new", COLUMNS)
            lake.context.refresh()
            publish(lake, "new", lambda branch: branch.append("bronze.new", rows((1, "n"))))
        forget(original)
        (original / "lagoa.toml").write_text(second)
        with open_lake(original) as lake:
            assert home_in(original) == f"{original}/.lagoa/second"
            assert lake.catalog().load_table("bronze.items").scan().count() == 2
            assert lake.sql("FROM bronze.new").fetchall() == [(1, "n")]

    def test_a_repaired_catalog_still_knows(self, beside):
        original, copy = beside
        shutil.rmtree(original)
        repair_lake(copy)
        assert home_in(copy) == f"{original}/.lagoa/warehouse"
        with open_lake(copy) as lake:
            assert items(lake) == [(1, "a"), (2, "b")]


def test_a_warehouse_that_is_moved_by_itself(beside):
    original, _ = beside
    (original / "lagoa.toml").write_text(f'{(original / "lagoa.toml").read_text()}warehouse = "another"\n')
    (original / ".lagoa/warehouse").rename(original / ".lagoa/another")
    with open_lake(original) as lake:
        publish(lake, "more", lambda branch: branch.append("bronze.items", rows((3, "c"))))
        assert items(lake) == [(1, "a"), (2, "b"), (3, "c")]
        assert {each for each in named(lake) if not each.startswith(f"{original}/.lagoa/warehouse/")} == set()
    assert not (original / ".lagoa/warehouse").exists()


class TestTablesOfOthers:
    """What DuckDB reads by its own reader of Iceberg alone: deleted positions, files without ids, other layouts."""

    @pytest.fixture
    def moved(self, tmp_path):
        """Return what moves the lake that was made, and hides where it was."""
        folder = LakeFolder(tmp_path / "data" / "made", threads=2)

        def move():
            shutil.copytree(folder.root, tmp_path / "moved")
            for file in (folder.root / ".lagoa/warehouse").rglob("*"):
                if file.is_file():
                    file.write_bytes(b"spoilt")
            return tmp_path / "moved"

        with folder.open() as lake:
            lake.create_branch("dev")
            lake.catalog("dev").create_namespace("bronze")
            yield lake, move

    def test_deleted_positions(self, moved):
        lake, move = moved
        spec = PartitionSpec(PartitionField(2, 1000, IdentityTransform(), "text"))
        schema = Schema(NestedField(1, "id", LongType()), NestedField(2, "text", StringType()))
        table = lake.catalog("dev").create_table(("bronze", "items"), schema, partition_spec=spec)
        table.append(rows((1, "a"), (2, "a"), (3, "b"), (4, "data")))
        for id_, text in ((2, "a"), (4, "data")):
            made = lake.catalog("dev").load_table("bronze.items")
            others.delete_positions(made, "id", id_, partition=Record(text))
        table = lake.catalog("dev").load_table("bronze.items")
        with table.update_schema() as update:
            update.rename_column("text", "words")
            update.add_column("more", LongType())
        table.append(pa.table({"id": [5], "words": ["data"], "more": [50]}))
        with open_lake(move()) as lake:
            expected = [(1, "a", None), (3, "b", None), (5, "data", 50)]
            assert lake.sql("FROM bronze.items ORDER BY ALL", "dev").fetchall() == expected
            read = lake.catalog("dev").load_table("bronze.items").scan().to_arrow().to_pylist()
            assert sorted(tuple(row.values()) for row in read) == expected
            table = lake.catalog("dev").load_table("bronze.items")
            others.delete_positions(table, "id", 1, partition=Record("a"))
            lake.branch("dev").delete("bronze.items", "id = 3")
            assert lake.sql("FROM bronze.items", "dev").fetchall() == [(5, "data", 50)]

    def test_deletion_vectors(self, moved):
        lake, move = moved
        table = lake.catalog("dev").create_table(("bronze", "items"), rows((1, "a")).schema)
        table.append(rows((1, "a"), (2, "b"), (3, "c"), (4, "d")))
        pointer = others.delete_by_vector(table, 1, 3)
        lake.context.catalog.commit("dev", lake.resolve("dev").id, Change({ITEMS: pointer}))
        assert items(lake, "dev") == [(1, "a"), (3, "c")]
        with open_lake(move()) as lake:
            assert items(lake, "dev") == [(1, "a"), (3, "c")]

    def test_files_that_lie_beside_the_tables(self, moved):
        """In the warehouse and yet not under `data/`, as somebody adds them who has them already."""
        lake, move = moved
        from pyarrow import parquet

        table = lake.catalog("dev").create_table(("bronze", "items"), rows((1, "a")).schema)
        file = Path(lake.context.storage.location) / "added" / "one.parquet"
        file.parent.mkdir(parents=True)
        parquet.write_table(rows((1, "a"), (2, "b")), file)
        table.add_files([str(file)])
        with open_lake(move()) as lake:
            assert items(lake, "dev") == [(1, "a"), (2, "b")]
            second = Path(lake.context.storage.location) / "added" / "two.parquet"
            parquet.write_table(rows((3, "c"), (4, "d")), second)
            lake.catalog("dev").load_table("bronze.items").add_files([str(second)])
            assert items(lake, "dev") == [(1, "a"), (2, "b"), (3, "c"), (4, "d")]
            for id_ in (1, 3):
                lake.branch("dev").delete("bronze.items", f"id = {id_}")
            assert items(lake, "dev") == [(2, "b"), (4, "d")]

    def test_places_that_a_user_names(self, moved):
        lake, move = moved
        place = lake.context.storage.location
        lake.catalog("dev").create_namespace("own", {"location": f"{place}/own place"})
        lake.catalog("dev").create_table("own.t", rows((1, "a")).schema).append(rows((1, "a")))
        home = lake.context.storage.home
        with open_lake(move()) as lake:
            catalog, place = lake.catalog("dev"), lake.context.storage.location
            made = catalog.create_table("bronze.made", rows((1, "a")).schema, location=f"file://{place}/made here")
            made.append(rows((2, "b")))
            assert made.location() == f"file://{home}/made here"
            assert (Path(place) / "made here/metadata").is_dir()
            again = catalog.register_table("bronze.again", lake.context.storage.path(made.metadata_location))
            assert again.metadata_location == made.metadata_location.removeprefix("file://")
            catalog.create_namespace("further", {"location": f"{place}/further"})
            catalog.create_table("further.t", rows((1, "a")).schema).append(rows((3, "c")))
            for name, row in {"bronze.made": (2, "b"), "bronze.again": (2, "b"), "further.t": (3, "c")}.items():
                assert lake.sql(f"FROM {name}", "dev").fetchall() == [row]
            assert {each for each in named(lake) if f"{home}/" not in each} == set()

    def test_many_sessions_read_one_table_at_once(self, moved):
        lake, move = moved
        table = lake.catalog("dev").create_table(("bronze", "items"), rows((1, "a")).schema)
        for number in range(5):
            table.append(rows((number, "x")))
        with open_lake(move()) as lake, ThreadPoolExecutor(6) as pool:
            found = pool.map(lambda _: lake.sql("SELECT sum(id) FROM bronze.items", "dev").fetchall(), range(12))
            assert list(found) == [[(10,)]] * 12


def test_models_by_increments_go_on(tmp_path):
    folder = LakeFolder(tmp_path / "made")
    folder.contract("bronze.files", COLUMNS, source={"format": "csv"})
    by_batch = {"by": "batch", "input": "bronze.files"}
    folder.contract("silver.items", COLUMNS, materialization="incremental", incremental=by_batch)
    folder.model("silver.items", "SELECT id, text FROM bronze.files\n")
    with folder.open() as lake:
        lake.create_branch("dev").append("bronze.files", rows((1, "a")), batch="b1")
        transform(lake.context, "dev")
    shutil.move(folder.root, tmp_path / "moved")
    with open_lake(tmp_path / "moved") as lake:
        assert [each.skipped for each in transform(lake.context, "dev")] == [True]
        lake.branch("dev").append("bronze.files", rows((2, "b")), batch="b2")
        (result,) = transform(lake.context, "dev")
        assert (result.how, result.increments, result.reason) == ("incremental", ("b2",), "")
        assert lake.sql("FROM silver.items ORDER BY id", "dev").fetchall() == [(1, "a"), (2, "b")]
