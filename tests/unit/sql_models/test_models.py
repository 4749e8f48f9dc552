"""SQL models: what is accepted, what is refused and where, and what is remembered of them."""

# ruff: noqa: E501 - one case a line

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lakes import LakeFolder

from lagoa.contracts import Contracts
from lagoa.domain.tables import TableName
from lagoa.errors import InvalidName, ModelError
from lagoa.formats import FORMATS
from lagoa.sql_models import Models, load_models

if TYPE_CHECKING:
    from pathlib import Path

BRONZE = {
    "bronze.orders": "order_id customer_id ts state tags s",
    "bronze.items": "order_id product_id price",
}


def contract(folder: LakeFolder, table: str, columns: str, materialization: str | None = None) -> Path:
    """Write a contract: every column a string, a source for tables that no model builds."""
    source = {"format": "csv", "file": f"{table.split('.')[1]}.csv"}
    custom = {"materialization": materialization} if materialization else {"source": source}
    return folder.contract(table, dict.fromkeys(columns.split(), "string"), **custom)


def load(folder: LakeFolder, cache: Path | None = None) -> Models:
    contracts = Contracts.load(folder.root / "iceberg", FORMATS)
    return load_models(folder.root / "transformations", contracts, cache)


@pytest.fixture
def folder(folder: LakeFolder) -> LakeFolder:
    for table, columns in BRONZE.items():
        contract(folder, table, columns)
    (folder.root / "transformations").mkdir()
    return folder


def one(folder: LakeFolder, sql: str, columns: str = "x") -> Models:
    """Load one model `gold.t` of these columns."""
    contract(folder, "gold.t", columns, "full")
    folder.model("gold.t", sql)
    return load(folder)


def names(tables: object) -> list[str]:
    return [str(table) for table in tables]  # type: ignore[attr-defined]


ACCEPTED = {
    "a plain select": ("select order_id as x from bronze.orders", "bronze.orders"),
    "a closing semicolon and comments": ("-- why\nselect order_id as x from bronze.orders; -- end\n", "bronze.orders"),
    "upper case": ("SELECT ORDER_ID AS X FROM Bronze.Orders", "bronze.orders"),
    "a star": ("select * exclude (customer_id) from (select order_id as x, customer_id from bronze.orders)", "bronze.orders"),
    "from first": ("from bronze.orders select order_id as x", "bronze.orders"),
    "a lineage column": ("select max(_ingested_at) as x from bronze.orders", "bronze.orders"),
    "a CTE": ("with a as (select order_id as x from bronze.orders), b as (select x from a) from b", "bronze.orders"),
    "a CTE named like a table": ("with orders as (select order_id as x from bronze.orders) select x from orders", "bronze.orders"),
    "a CTE that hides nothing": ("with bronze as (select order_id from bronze.items) select order_id as x from bronze", "bronze.items"),
    "a join by using": ("select price as x from bronze.orders join bronze.items using (order_id)", "bronze.items bronze.orders"),
    "a shared column named by its table": ("select o.order_id as x from bronze.orders o join bronze.items i on i.order_id = o.order_id", "bronze.items bronze.orders"),
    "a subquery in a condition": ("select order_id as x from bronze.orders where order_id in (select order_id from bronze.items)", "bronze.items bronze.orders"),
    "a correlated subquery": ("select (select max(price) from bronze.items i where i.order_id = o.order_id) as x from bronze.orders o", "bronze.items bronze.orders"),
    "a union": ("select order_id as x from bronze.orders union all select order_id from bronze.items", "bronze.items bronze.orders"),
    "a window": ("select row_number() over (partition by customer_id order by ts) as x from bronze.orders", "bronze.orders"),
    "qualify": ("select order_id as x from bronze.orders qualify row_number() over (partition by order_id order by ts desc) = 1", "bronze.orders"),
    "group by all, having an alias": ("select customer_id as x from bronze.orders group by all having count(*) > 1 order by x", "bronze.orders"),
    "an alias used again": ("select n || 'b' as x from (select order_id || 'a' as k, k || 'c' as n from bronze.orders)", "bronze.orders"),
    "a field of a struct": ("select s.a.b as x from bronze.orders", "bronze.orders"),
    "a lambda": ("select list_transform(tags, lambda t: upper(t)) as x from bronze.orders", "bronze.orders"),
    "unnest in the select list": ("select unnest(tags) as x from bronze.orders", "bronze.orders"),
    "unnest after from": ("select u.x from bronze.orders o, unnest(o.tags) as u(x)", "bronze.orders"),
    "a series": ("select day as x from generate_series(date '2020-01-01', date '2020-12-31', interval 1 day) as g(day)", ""),
    "a range": ("select range as x from range(10)", ""),
    "values": ("select x from (values (1), (2)) as v(x)", ""),
    "a recursive CTE": ("with recursive t(n) as (select 1 union all select n + 1 from t where n < 9) select n as x from t", ""),
    "a pivot with its values": ("select a as x from (select customer_id, state from bronze.orders) pivot (count(*) for state in ('a'))", "bronze.orders"),
    "a column called like a function": ("select ts as now, order_id as x from bronze.orders", "bronze.orders"),
    "a quarantine table": ("select reason as x from quarantine.bronze__orders", "quarantine.bronze__orders"),
}  # fmt: skip


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepts(folder: LakeFolder, name: str) -> None:
    sql, inputs = ACCEPTED[name]
    model = one(folder, sql, "x now" if " as now" in sql else "x")[TableName.parse("gold.t")]
    assert " ".join(map(str, sorted(model.inputs))) == inputs
    assert not model.text.rstrip().endswith(";")


REFUSED = {
    "nothing": ("-- nothing", None, "no SQL"),
    "two statements": ("select 1 as x;\nselect 2 as x", 1, "more than one statement"),
    "another statement": ("\ncopy (select 1) to 'x.csv'", 2, "COPY"),
    "an insert": ("insert into bronze.orders select 1", 1, "INSERT"),
    "an insert in a CTE": ("with a as (insert into b select 1 returning *) select * from a", 1, "INSERT"),
    "an attach": ("attach 'x.db'", 1, "ATTACH"),
    "a pragma": ("pragma database_list", 1, "PRAGMA"),
    "values alone": ("values (1)", 1, "VALUES"),
    "select into": ("select 1 as x into t", 1, "INTO"),
    "not SQL": ("select order_id as x\nfrom bronze.orders\nwhere (", 3, "not SQL"),
    "an open string": ("select 'x", None, "not SQL"),
    "a parameter": ("select $1 as x", None, "parameters"),
    "a path": ("select *\nfrom 'x.parquet'", 2, "not a table of the lake"),
    "a reader": ("select *\nfrom read_csv('x.csv')", 2, "READ_CSV"),
    "a reader in a subquery": ("select order_id as x from bronze.orders\nwhere ts in (select a from read_text('x'))", 2, "read_text"),
    "a table function of DuckDB": ("select name as x from duckdb_settings()", 1, "duckdb_settings"),
    "a query in a string": ("select * from query('select 1')", 1, "query"),
    "another catalog": ("select order_id as x from other.bronze.orders", 1, "not a table of the lake"),
    "an older state": ("select order_id as x from bronze.orders at (version => 3)", 1, "not a table of the lake"),
    "a table without layer": ("select order_id as x from orders", 1, "not a table of the lake"),
    "a CTE out of its scope": ("select x from (with q as (select 1 as x) select x from q)\nwhere x in (select x from q)", 2, "not a table"),
    "the catalog of the engine": ("select 1 as x from information_schema.tables", 1, "no table information_schema.tables"),
    "an unknown table": ("select order_id as x\nfrom bronze.order", 2, "Did you mean 'bronze.orders'"),
    "an unknown table in a CTE": ("with a as (\n  select order_id from silver.nope)\nselect order_id as x from a", 2, "silver.nope"),
    "an unknown column": ("select\n  order_id,\n  order_di as x\nfrom bronze.orders", 3, "Did you mean 'order_id'"),
    "an unknown column of an alias": ("select o.order_id as x from bronze.orders o\nwhere o.nope = 1", 2, "o.nope"),
    "an unknown column in a CTE": ("with a as (\n  select nope from bronze.orders)\nselect nope as x from a", 2, "nope"),
    "a column that a CTE does not pass on": ("with a as (select order_id from bronze.orders)\nselect a.ts as x from a", 2, "a.ts"),
    "an unknown column in a join": ("select o.order_id as x from bronze.orders o\njoin bronze.items i on i.nope = o.order_id", 2, "i.nope"),
    "an unknown column in using": ("select o.order_id as x from bronze.orders o\njoin bronze.items i using (ts)", None, "ts"),
    "an unknown column in a subquery": ("select order_id as x from bronze.orders\nwhere exists (select 1 from bronze.items i where\n i.nope = 1)", 3, "i.nope"),
    "an unknown column in group by": ("select count(*) as x from bronze.orders\ngroup by nope", 2, "nope"),
    "an unknown column in having": ("select customer_id as x from bronze.orders group by all\nhaving nope > 1", 2, "nope"),
    "an unknown column in order by": ("select order_id as x from bronze.orders\norder by nope", 2, "nope"),
    "an unknown column behind a union": ("select order_id as x from bronze.orders union select order_id from bronze.items\norder by nope", 2, "nope"),
    "an unknown column in a window": ("select max(ts) over (\n  partition by nope) as x from bronze.orders", 2, "nope"),
    "an unknown alias": ("select z.order_id as x from bronze.orders o", 1, "z.order_id"),
    "an ambiguous column": ("select\n  order_id as x\nfrom bronze.orders o join bronze.items i on i.order_id = o.order_id", 2, "ambiguous"),
    "one alias twice": ("select o.price as x from bronze.orders o join bronze.items o on true", None, "o"),
    "unions of other widths": ("select order_id as x from bronze.orders\nunion all select order_id, price from bronze.items", 2, "2"),
    "columns that are not told": ("select columns('.*_id') from bronze.orders", 1, "cannot be determined"),
    "a column without a name": ("select count(*) from bronze.orders", 1, "has no name"),
    "a column twice": ("select order_id as x,\n  ts as x from bronze.orders", 2, "twice"),
    "a column too many": ("select order_id as x,\n  ts from bronze.orders", 2, "the column ts is not in the contract"),
    "the time": ("select order_id as x from bronze.orders\nwhere ts < now()", 2, "now"),
    "today": ("select current_date as x", None, "CURRENT_DATE"),
    "chance": ("select random() as x", None, "(?i)rand"),
    "a sample": ("select order_id as x from bronze.orders tablesample 10%", None, "TABLESAMPLE"),
    "itself": ("select x from gold.t", 1, "circle: gold.t <- gold.t"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(folder: LakeFolder, name: str) -> None:
    sql, line, message = REFUSED[name]
    with pytest.raises(ModelError, match=message) as caught:
        one(folder, sql)
    assert caught.value.file == str(folder.root / "transformations/gold/t.sql")
    if line is not None:
        assert caught.value.line == line
    assert caught.value.advice
    assert "sqlglot" not in str(caught.value)


def test_a_column_of_the_contract_that_is_missing(folder: LakeFolder) -> None:
    with pytest.raises(ModelError, match=r"lacks columns.*: y, z"):
        one(folder, "select order_id as x from bronze.orders", "x y z")


def test_a_model_without_contract(folder: LakeFolder) -> None:
    folder.model("silver.t", "select 1 as x")
    with pytest.raises(ModelError, match=r"silver/t\.sql: silver\.t has no data contract"):
        load(folder)


def test_a_model_of_a_table_that_is_loaded_from_files(folder: LakeFolder) -> None:
    folder.model("bronze.orders", "select 1 as x")
    with pytest.raises(ModelError, match="does not say that a model builds it"):
        load(folder)


def test_a_contract_that_waits_for_a_model(folder: LakeFolder) -> None:
    written = contract(folder, "silver.t", "x", "full")
    with pytest.raises(ModelError, match="is to be built by a model and has none") as caught:
        load(folder)
    assert caught.value.file == str(written)


def test_a_file_name_that_is_no_table(folder: LakeFolder) -> None:
    folder.model("silver.t", "select 1 as x").rename(folder.root / "transformations/silver/My Table.sql")
    with pytest.raises(ModelError, match="is not a valid table name"):
        load(folder)


def test_a_file_that_is_not_utf8(folder: LakeFolder) -> None:
    contract(folder, "silver.t", "x", "full")
    folder.model("silver.t", "").write_bytes(b"select '\xe9' as x")
    with pytest.raises(ModelError, match="not UTF-8"):
        load(folder)


def build(folder: LakeFolder, models: dict[str, list[str]]) -> None:
    """Write models of one column that each read the tables given."""
    for table, inputs in models.items():
        contract(folder, table, "x", "full")
        column = {name: "order_id" if name.startswith("bronze") else "x" for name in inputs}
        parts = [f"select {column[name]} as x from {name}" for name in inputs] or ["select 1 as x"]
        folder.model(table, "\nunion all ".join(parts))


def test_the_path_of_a_circle_is_shown(folder: LakeFolder) -> None:
    build(folder, {"silver.a": ["bronze.orders", "silver.c"], "silver.b": ["silver.a"], "silver.c": ["silver.b"]})
    with pytest.raises(ModelError) as caught:
        load(folder)
    path = str(caught.value).split("circle: ")[1].split(".  ")[0]
    steps = path.split(" Remove ")[0].rstrip(".").split(" <- ")
    assert len(steps) == 4
    assert steps[0] == steps[-1]
    reads = {"silver.a": "silver.c", "silver.b": "silver.a", "silver.c": "silver.b"}
    assert all(reads[reader] == read for reader, read in pairwise(steps))
    assert caught.value.file.endswith(f"{steps[0].replace('.', '/')}.sql")
    assert caught.value.line == (2 if steps[0] == "silver.a" else 1)


def test_order_and_selection(folder: LakeFolder) -> None:
    build(
        folder,
        {
            "gold.a": ["silver.z"],
            "gold.b": ["silver.y", "gold.a"],
            "silver.y": ["bronze.items"],
            "silver.z": ["bronze.orders"],
        },
    )
    models = load(folder)
    order = names(models)
    assert sorted(order) == ["gold.a", "gold.b", "silver.y", "silver.z"]
    assert order.index("silver.z") < order.index("gold.a") < order.index("gold.b")
    assert sorted(names(models.select(["gold.a"]))) == ["gold.a", "silver.z"]
    assert sorted(names(models.select(["silver"]))) == ["silver.y", "silver.z"]
    assert names(models.select(["gold"])) == order
    assert models.select([]) == []
    with pytest.raises(InvalidName, match=r"gold\.nope"):
        models.select(["gold.nope"])


def test_no_models(folder: LakeFolder) -> None:
    assert len(load(folder)) == 0


COMMENTS = st.sampled_from(["", " ", "\n", "-- a note\n", "/* a ; note */", "\t/* 'x */ -- y\n "])


@settings(max_examples=25, deadline=None)
@given(st.lists(COMMENTS, min_size=9, max_size=9))
def test_comments_and_space_do_not_change_the_hash(tmp_path_factory: pytest.TempPathFactory, spaces: list[str]) -> None:
    folder = LakeFolder(tmp_path_factory.mktemp("lake"))
    contract(folder, "bronze.orders", BRONZE["bronze.orders"])
    words = ["select", "order_id", "as", "x", "from", "bronze.orders", "where", "ts", "= 'a  b'"]
    plain = one(folder, " ".join(words))
    spaced = one(folder, "".join(f"{space} {word}" for space, word in zip(spaces, words, strict=True)))
    assert [model.hash for model in plain.values()] == [model.hash for model in spaced.values()]


def test_a_changed_word_changes_the_hash(folder: LakeFolder) -> None:
    texts = [
        "select order_id as x from bronze.orders where ts = 'a'",
        "select order_id as x from bronze.orders where ts = 'b'",
        "select order_id as x from bronze.orders where ts = 'a '",
        'select order_id as x from bronze.orders where ts = "state"',
        "select order_id as x from bronze.orders where ts = state",
    ]
    hashes = {one(folder, text)[TableName.parse("gold.t")].hash for text in texts}
    assert len(hashes) == len(texts)


class TestCache:
    """What is kept of the models between two runs."""

    @pytest.fixture
    def cache(self, folder: LakeFolder) -> Path:
        build(folder, {"silver.a": ["bronze.orders"], "gold.b": ["silver.a"]})
        path = folder.root / "models.cache"
        load(folder, path)
        return path

    def test_is_used_and_gives_the_same(self, folder: LakeFolder, cache: Path) -> None:
        fresh, kept = load(folder), load(folder, cache)
        assert dict(fresh) == dict(kept)

    @pytest.mark.usefixtures("cache")
    def test_no_parser_is_imported_when_nothing_changed(self, folder: LakeFolder) -> None:
        program = (
            "import sys; from pathlib import Path; from lagoa.contracts import Contracts; from lagoa.formats import FORMATS; "
            "from lagoa.sql_models import load_models; root = Path(sys.argv[1]); "
            "load_models(root / 'transformations', Contracts.load(root / 'iceberg', FORMATS), root / 'models.cache'); "
            "assert 'lagoa.sql_models.sql' not in sys.modules; sys.exit(0)"
        )
        subprocess.run([sys.executable, "-c", program, str(folder.root)], check=True)

    @pytest.mark.parametrize("damage", [b"", b"{", b"lagoa 0\n", b"\xff\xfe"])
    def test_damaged_is_made_again(self, folder: LakeFolder, cache: Path, damage: bytes) -> None:
        good = cache.read_bytes()
        cache.write_bytes(damage)
        assert len(load(folder, cache)) == 2
        assert cache.read_bytes() == good

    @pytest.mark.parametrize(
        ("was", "now"), [(b"silver.a\t", b"silver.x\t"), (b'"end": ', b'"end": 1'), (b"bronze.orders", b"bronze.items")]
    )
    def test_a_damaged_entry_is_made_again(self, folder: LakeFolder, cache: Path, was: bytes, now: bytes) -> None:
        good = cache.read_bytes()
        assert was in good
        cache.write_bytes(good.replace(was, now))
        assert dict(load(folder, cache)) == dict(load(folder))
        assert cache.read_bytes() == good

    def test_a_changed_contract_of_an_input_is_seen(self, folder: LakeFolder, cache: Path) -> None:
        contract(folder, "bronze.orders", "customer_id ts")
        with pytest.raises(ModelError, match="there is no column order_id"):
            load(folder, cache)

    def test_a_contract_of_an_input_that_went_is_seen(self, folder: LakeFolder, cache: Path) -> None:
        (folder.root / "iceberg/bronze/orders.odcs.yaml").unlink()
        with pytest.raises(ModelError, match=r"there is no table bronze\.orders"):
            load(folder, cache)

    def test_a_changed_contract_of_its_own_is_seen(self, folder: LakeFolder, cache: Path) -> None:
        contract(folder, "silver.a", "x y", "full")
        with pytest.raises(ModelError, match="lacks columns"):
            load(folder, cache)

    def test_a_folder_that_cannot_be_written_does_no_harm(self, folder: LakeFolder) -> None:
        build(folder, {"silver.a": ["bronze.orders"]})
        assert len(load(folder, folder.root / "not there" / "models.cache")) == 1

    def test_nothing_but_the_file_is_left(self, folder: LakeFolder, cache: Path) -> None:
        folder.model("silver.a", "select ts as x from bronze.orders")
        load(folder, cache)
        assert sorted(path.name for path in folder.root.iterdir()) == [
            "iceberg",
            "lagoa.toml",
            "models.cache",
            "transformations",
        ]
