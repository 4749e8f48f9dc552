"""`lagoa contract update`: what a file or a model has and its contract lacks."""

from __future__ import annotations

from difflib import ndiff

import pyarrow as pa
import pytest
from command_line import lagoa, ok, write
from pyarrow import parquet

FIRST = "id,city,amount\n1,Rio,10.50\n2,Belém,20.25\n"
SECOND = 'id,amount,Sales Channel,fee\n3,123456789012.50,web,"1,50"\n4,7.00,shop,"2,25"\n'
MODEL = "select id, city, amount from bronze.sales qualify row_number() over (partition by id order by _row desc) = 1\n"


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """Return a lake with a published table whose contract was edited by hand, and a model of it."""
    folder = tmp_path_factory.mktemp("update")
    lake = folder / "lake"
    ok(folder, "init", lake)
    first = write(folder, "sales1.csv", FIRST)
    write(folder, "sales2.csv", SECOND)
    ok(lake, "contract", "infer", first, "--table", "bronze.sales")
    file = lake / "iceberg" / "bronze" / "sales.odcs.yaml"
    text = file.read_text("utf-8").replace("decimal(18, 2)", '"decimal(10, 2)"')
    file.write_text(text.replace("      - name: city\n", "      # where it was sold\n      - name: city\n"), "utf-8")
    ok(lake, "ingest", first, "--into", "bronze.sales")
    (lake / "transformations" / "silver").mkdir()
    write(lake / "transformations" / "silver", "sales.sql", MODEL)
    ok(lake, "contract", "infer", "--model", "silver.sales")
    ok(lake, "transform")
    return lake


def test_a_new_column_in_a_file_and_then_in_the_model(lake):
    file = lake / "iceberg" / "bronze" / "sales.odcs.yaml"
    before, second = file.read_text("utf-8"), lake.parent / "sales2.csv"
    refused = lagoa(lake, "ingest", second, "--into", "bronze.sales")
    assert (refused.code, f"`lagoa contract update bronze.sales {second}`" in refused.err) == (1, True)

    shown = ok(lake, "contract", "update", "bronze.sales", second, "--dry-run")
    assert '-        physicalType: "decimal(10, 2)"' in shown.out
    assert '+        physicalType: "decimal(18, 2)"' in shown.out
    assert "+      - name: sales_channel\n" in shown.out
    assert (
        "Not changed: city is not in sales2.csv: the column stays, and it is null in these rows; if sales_" in shown.out
    )
    assert file.read_text("utf-8") == before

    done = ok(lake, "contract", "update", "bronze.sales", second)
    assert done.out.startswith("+ sales_channel\n+ fee\n~ amount: decimal(18, 2)\n")
    after = file.read_text("utf-8")
    gone = [line for line in ndiff(before.splitlines(), after.splitlines()) if line.startswith("- ")]
    assert [line.partition("#")[0].strip() for line in gone] == ['-         physicalType: "decimal(10, 2)"']
    assert '{property: lagoa.header, value: "Sales Channel"}' in after
    assert '{property: lagoa.decimal, value: ","}' in after
    again = ok(lake, "contract", "update", "bronze.sales", second)
    assert "is as it was" in again.err

    assert "nothing is wrong" in ok(lake, "check").out
    ok(lake, "ingest", second, "--into", "bronze.sales")
    rows = ok(lake, "sql", "select id, sales_channel, fee from bronze.sales order by id", "--json").json()["rows"]
    assert rows == [[1, None, None], [2, None, None], [3, "web", "1.50"], [4, "shop", "2.25"]]

    write(
        lake / "transformations" / "silver", "sales.sql", MODEL.replace("amount", "amount, count(*) over () as n, fee")
    )
    wrong = lagoa(lake, "check")
    assert (wrong.code, "`lagoa contract update silver.sales`" in wrong.out) == (1, True)
    done = ok(lake, "contract", "update", "silver.sales")
    assert done.out == "+ n\n+ fee\n~ amount: decimal(18, 2)\n"
    ok(lake, "transform")
    rows = ok(lake, "sql", "select id, n, fee from silver.sales order by id", "--json").json()["rows"]
    assert rows == [[1, 4, None], [2, 4, None], [3, 4, "1.50"], [4, 4, "2.25"]]
    assert "has all columns already" in ok(lake, "contract", "update", "silver.sales").err
    write(
        lake / "transformations" / "silver",
        "sales.sql",
        "select id, cast(amount as varchar) as amount from bronze.sales",
    )
    left = ok(lake, "contract", "update", "silver.sales").out
    assert "Not changed: amount is decimal(18, 2) in the contract and string in sales.sql" in left
    assert "Not changed: city is not in sales.sql: remove it from the contract by hand if it is to go." in left


def test_values_that_are_of_no_wider_type_are_counted(lake, tmp_path):
    text = write(tmp_path, "sales9.csv", "id,city,amount\nx,Rio,1\ny,Rio,2\n3,Rio,3\n")
    left = ok(lake, "contract", "update", "bronze.sales", text).out
    assert "id is long, and 2 of the values in sales9.csv cannot be: their records go to quarantine" in left


def test_new_fields_inside_structs_are_added(lake, tmp_path):
    first = write(tmp_path, "orders.jsonl", '{"id": 1, "to": {"city": "Rio"}, "items": [{"sku": "a", "n": 1}]}\n')
    more = '{"id": 2, "to": {"zip": "1", "city": "Rio", "at": {"x": 1.5}}, "items": [{"sku": "a", "tags": ["t"]}]}\n'
    second = write(tmp_path, "orders2.jsonl", more)
    ok(lake, "contract", "infer", first, "--table", "bronze.nested")
    ok(lake, "ingest", first, "--into", "bronze.nested")
    refused = lagoa(lake, "ingest", second, "--into", "bronze.nested", "--branch", "main")
    assert refused.code == 1
    done = ok(lake, "contract", "update", "bronze.nested", second)
    assert done.out == "+ to.zip\n+ to.at\n+ items.element.tags\n"
    text = (lake / "iceberg" / "bronze" / "nested.odcs.yaml").read_text("utf-8")
    assert '"struct<city: string, zip: string, at: struct<x: double>>"  #' in text
    assert '"list<struct<sku: string, n: long, tags: list<string>>>"  #' in text
    ok(lake, "ingest", second, "--into", "bronze.nested")
    rows = ok(lake, "sql", 'select id, "to", items from bronze.nested order by id', "--json").json()["rows"]
    assert rows == [
        [1, {"city": "Rio", "zip": None, "at": None}, [{"sku": "a", "n": 1, "tags": None}]],
        [2, {"city": "Rio", "zip": "1", "at": {"x": 1.5}}, [{"sku": "a", "n": None, "tags": ["t"]}]],
    ]
    assert "has all columns already" in ok(lake, "contract", "update", "bronze.nested", second).err


def test_files_say_their_own_types(lake, tmp_path):
    small = pa.table({"id": pa.array([1], pa.int32()), "x": pa.array([1.5], pa.float32())})
    parquet.write_table(small, tmp_path / "small.parquet")
    ok(lake, "contract", "infer", tmp_path / "small.parquet", "--table", "bronze.numbers")
    large = {"id": pa.array([2**40]), "x": pa.array([0.1]), "tags": pa.array([["a"]])}
    parquet.write_table(pa.table(large), tmp_path / "large.parquet")
    done = ok(lake, "contract", "update", "bronze.numbers", tmp_path / "large.parquet")
    assert done.out == "+ tags\n~ id: long\n~ x: double\n"
    ok(lake, "ingest", tmp_path / "large.parquet", "--into", "bronze.numbers")
    rows = ok(lake, "sql", "select id, x, tags from bronze.numbers", "--json").json()["rows"]
    assert rows == [[2**40, 0.1, ["a"]]]


def test_what_cannot_be_compared_is_an_error(lake, tmp_path):
    file = write(tmp_path, "x.csv", "1,2\n")
    errors = {
        ("bronze.sales",): "bronze.sales has no model, and no file is given",
        ("silver.sales", file): "silver.sales is not loaded from files",
        ("bronze.none", file): "bronze.none has no contract",
        ("bronze.sales", write(tmp_path, "other.csv", "a,b\n1,2\n")): "none of its columns is in the contract",
    }
    for given, message in errors.items():
        done = lagoa(lake, "contract", "update", *given)
        assert (done.code, message in done.err) == (1, True), done.err
    ok(lake, "contract", "infer", file, "--table", "bronze.pairs", "--no-header", "--names", "a,b")
    done = lagoa(lake, "contract", "update", "bronze.pairs", file)
    assert (done.code, "have no header with names" in done.err) == (1, True)


def test_another_spelling_of_a_name_is_no_new_column(tmp_path):
    lake = tmp_path / "lake"
    ok(tmp_path, "init", lake)
    first = write(tmp_path, "pay.csv", "id;REMUNERAÇÃO (R$);Mês\n1;10,50;01\n2;7,25;02\n")
    second = write(tmp_path, "pay2.csv", "ID;Remuneracao R$;Bônus;mes\n3;1,00;2,00;03\n")
    ok(lake, "contract", "infer", first, "--table", "bronze.pay")
    ok(lake, "ingest", first, "--into", "bronze.pay")
    assert lagoa(lake, "ingest", second, "--into", "bronze.pay").code == 1
    done = ok(lake, "contract", "update", "bronze.pay", second)
    assert done.out.splitlines() == [
        "+ bonus",
        "~ id: 'ID' is another spelling of its name in files",
        "~ remuneracao_r: 'Remuneracao R$' is another spelling of its name in files",
        "~ mes: 'mes' is another spelling of its name in files",
    ]
    assert "nothing is wrong" in ok(lake, "check").out
    ok(lake, "ingest", second, "--into", "bronze.pay")
    rows = ok(lake, "sql", "select id, remuneracao_r, mes from bronze.pay order by id", "--json").json()["rows"]
    assert rows == [[1, "10.50", "01"], [2, "7.25", "02"], [3, "1.00", "03"]]


def test_two_names_that_may_be_another_spelling_are_left_to_a_person(tmp_path):
    lake = tmp_path / "lake"
    ok(tmp_path, "init", lake)
    ok(lake, "contract", "infer", write(tmp_path, "t.csv", "id,Ação\n1,a\n"), "--table", "bronze.t")
    done = ok(lake, "contract", "update", "bronze.t", write(tmp_path, "t2.csv", "id,acao,ACAO\n1,a,b\n"))
    assert "another spelling" not in done.out
    assert "acao is not in t2.csv: the column stays" in done.out
