"""`lagoa contract infer --model`, and deliveries that repeat keys, from the first file to what is published."""

from __future__ import annotations

import pytest
from command_line import lagoa, ok, write

FIRST = """order_id,customer_id,email,sold_on,amount
1,10,ana@x.com,2026-01-01,10.50
2,11,bob@x.com,2026-01-02,20.00
3,10,ana@x.com,2026-02-03,5.25
"""
SECOND = """order_id,customer_id,email,sold_on,amount
3,10,ana@x.com,2026-02-03,6.00
4,12,eva@x.com,2026-02-04,7.00
"""
ORDERS = """-- Orders, as the latest delivery has them.
select order_id, customer_id, email, lower(email) as mail, sold_on, amount
from bronze.orders
qualify row_number() over (partition by order_id order by _ingested_at desc, _row desc) = 1
"""
SALES = """select cast(date_trunc('month', sold_on) as date) as month, count(*) as Orders, sum(amount) as amount
from silver.orders
group by 1
"""


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """Return a lake with two deliveries of orders, of which the second repeats one, and two models without contract."""
    folder = tmp_path_factory.mktemp("models")
    lake = folder / "lake"
    ok(folder, "init", lake)
    first, second = write(folder, "orders1.csv", FIRST), write(folder, "orders2.csv", SECOND)
    ok(lake, "contract", "infer", first, "--table", "bronze.orders")
    ok(lake, "ingest", first, "--into", "bronze.orders")
    done = ok(lake, "ingest", second, "--into", "bronze.orders")  # a key of the whole table would refuse it
    assert "main is now at" in done.out
    for table, sql in (("silver/orders", ORDERS), ("gold/sales", SALES)):
        (lake / "transformations" / table).parent.mkdir(exist_ok=True)
        write(lake / "transformations", f"{table}.sql", sql)
    return lake


def contract_of(lake, table):
    return (lake / "iceberg" / f"{table}.odcs.yaml").read_text("utf-8")


def test_models_need_nothing_but_their_sql(lake):
    drafted = ok(lake, "contract", "infer", "--model", "gold.sales")  # with what it reads
    assert "silver/orders.odcs.yaml is written; 3 lines marked REVIEW." in drafted.out
    assert "gold/sales.odcs.yaml is written; 2 lines marked REVIEW." in drafted.out
    assert "nothing is wrong" in ok(lake, "check").out
    ok(lake, "transform")
    orders = ok(lake, "sql", "select order_id, amount from silver.orders order by 1", "--json").json()["rows"]
    assert orders == [[1, "10.50"], [2, "20.00"], [3, "6.00"], [4, "7.00"]]
    sales = ok(lake, "sql", "select orders, amount from gold.sales order by month", "--json").json()["rows"]
    assert sales == [[2, "30.50"], [2, "13.00"]]

    text = contract_of(lake, "silver/orders")
    assert 'description: "Orders, as the latest delivery has them."' in text
    key = "physicalType: long\n        primaryKey: true\n        primaryKeyPosition: 1\n        required: true\n"
    assert f"name: order_id\n        logicalType: integer\n        {key}" in text
    email = "physicalType: string\n        classification: personal\n        logicalTypeOptions: {format: email}\n"
    assert f"name: email\n        logicalType: string\n        {email}" in text
    assert "classification: personal  # REVIEW: it is made from bronze.orders.email, which is personal" in text
    assert "property: lagoa.materialization\n        value: full\n" in text
    assert "# REVIEW: month would be the key if month has no nulls" in contract_of(lake, "gold/sales")


def test_a_contract_is_never_written_over_by_a_draft(lake):
    ok(lake, "contract", "infer", "--model", "all")
    before = contract_of(lake, "silver/orders")
    again = lagoa(lake, "contract", "infer", "--model", "silver.orders")
    assert (again.code, "lagoa contract update silver.orders" in again.err) == (1, True)
    assert "Every model has a contract" in ok(lake, "contract", "infer", "--model", "all").err
    assert "Every model has a contract" in ok(lake, "contract", "infer", "--model", "silver").err
    unknown = lagoa(lake, "contract", "infer", "--model", "silver.order")
    assert (unknown.code, "gold.sales, silver.orders" in unknown.err) == (1, True)
    assert contract_of(lake, "silver/orders") == before


def test_what_the_data_suggests_is_marked(lake, tmp_path):
    rows = "".join(f"{n},x,{n // 24 * n or ''}\n" for n in range(1, 26))
    people = write(tmp_path, "people.csv", f"number,name,city\n{rows}")
    ok(lake, "contract", "infer", people, "--table", "bronze.people")
    ok(lake, "branch", "create", "dev")
    ok(lake, "ingest", people, "--into", "bronze.people", "--branch", "dev")
    write(
        lake / "transformations" / "silver", "people.sql", "select number as people_id, name, city from bronze.people"
    )
    try:
        ok(lake, "contract", "infer", "--model", "silver.people", "--ref", "dev")
        text = contract_of(lake, "silver/people")
        assert "# REVIEW: all 25 values of people_id differ; if it identifies a row, give it required and" in text
        assert text.count("# REVIEW required: true  # no value is missing in 25 rows") == 2
        (lake / "iceberg" / "silver" / "people.odcs.yaml").unlink()
        ok(lake, "contract", "infer", "--model", "silver.people")
        assert "no columns are certain to identify a row; give those that do" in contract_of(lake, "silver/people")
    finally:
        (lake / "transformations" / "silver" / "people.sql").unlink()
        (lake / "iceberg" / "silver" / "people.odcs.yaml").unlink(missing_ok=True)


def test_what_is_no_data_is_refused(lake, tmp_path):
    model = lake / "transformations" / "silver" / "orders.sql"
    refused = lagoa(lake, "contract", "infer", model, "--table", "silver.other")
    assert (refused.code, "lagoa contract infer --model layer.table" in refused.err) == (1, True)
    for name in ("README.md", "x.py", "x.YAML"):
        refused = lagoa(lake, "contract", "infer", write(tmp_path, name, "a,b\n1,2\n"), "--table", "bronze.x")
        assert (refused.code, "file is no data" in refused.err) == (1, True)
    assert lagoa(lake, "contract", "infer").code == 2
    assert lagoa(lake, "contract", "infer", model, "--model", "all").code == 2


def test_a_model_that_cannot_be_drafted_says_where(lake):
    broken = {
        'select order_id as "Order Id" from bronze.orders': "'Order Id' is no name for a column",
        "select interval 1 day as a from bronze.orders": "column a: no type in Iceberg can hold",
        "select none from bronze.orders": "there is no column none",
        "select order_id + email as a from bronze.orders": "it cannot be run: ",
        "select order_id from silver.broken": "models read each other in a circle: silver.broken <- silver.broken",
    }
    file = lake / "transformations" / "silver" / "broken.sql"
    try:
        for sql, message in broken.items():
            file.write_text(sql, "utf-8")
            done = lagoa(lake, "contract", "infer", "--model", "silver.broken")
            assert (done.code, message in done.err) == (1, True), done.err
            assert "broken.sql" in done.err
    finally:
        file.unlink()


def test_the_check_of_a_key_says_what_to_do_about_deliveries(lake):
    file = lake / "iceberg" / "bronze" / "orders.odcs.yaml"
    text = file.read_text("utf-8")
    try:
        file.write_text(text.replace("# REVIEW primaryKey", "primaryKey"), "utf-8")
        done = lagoa(lake, "audit", "main")
        assert done.code == 3
        failed = next(line for line in done.out.splitlines() if "bronze.orders/key/order_id" in line)
        assert "1 came in several batches, and the table keeps each: remove primaryKey from its contract" in failed
    finally:
        file.write_text(text, "utf-8")
