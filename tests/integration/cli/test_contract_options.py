"""Other ways to build a model's table: a draft offers those that work, as lines to put into the contract."""

from __future__ import annotations

import pytest
from command_line import ok, write

FIRST = """order_id,sold_on,amount
1,2026-01-01,10
2,2026-01-02,20
3,2026-02-03,5
"""
LATEST = "select order_id, sold_on, amount from bronze.orders\n"
ONE = "qualify row_number() over (partition by order_id order by _ingested_at desc, _row desc) = 1\n"
MODELS = {
    "silver/latest": LATEST + ONE,
    "silver/versions": LATEST + ONE,
    "silver/lines": "select order_id, amount * 2 as twice from bronze.orders where amount > 1",
    "gold/months": (
        "select date_trunc('month', sold_on)::date as month, sum(amount) as amount from bronze.orders group by month"
    ),
    "gold/total": "select sum(amount) as amount from bronze.orders",
}


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """Return a lake with a delivery of orders, and the drafts of five models."""
    folder = tmp_path_factory.mktemp("options")
    lake = folder / "lake"
    ok(folder, "init", lake)
    first = write(folder, "orders1.csv", FIRST)
    ok(lake, "contract", "infer", first, "--table", "bronze.orders")
    ok(lake, "ingest", first, "--into", "bronze.orders")
    for table, sql in MODELS.items():
        (lake / "transformations" / table).parent.mkdir(exist_ok=True)
        write(lake / "transformations", f"{table}.sql", sql)
    ok(lake, "contract", "infer", "--model", "all")
    return lake


def contract(lake, table):
    return lake / "iceberg" / f"{table}.odcs.yaml"


def take(lake, table, text):
    """Write a contract with the lines of an option in place of its materialization."""
    text = text.replace("      - property: lagoa.materialization\n        value: full\n", "")
    contract(lake, table).write_text(text.replace("      # - {", "      - {"), "utf-8")


def test_what_a_draft_offers_works(lake):
    for table, rule in {
        "silver/lines": "{by: batch, input: bronze.orders}",
        "gold/months": "{by: time, column: month, grain: month, inputs: {bronze.orders: sold_on}}",
    }.items():
        text = contract(lake, table).read_text("utf-8")
        assert text.count("`incremental`") == 1
        assert f"# - {{property: lagoa.incremental, value: {rule}}}\n" in text
        take(lake, table, text)
    assert "incremental" not in contract(lake, "gold/total").read_text("utf-8"), "a sum over all batches is not proven"

    text = contract(lake, "silver/latest").read_text("utf-8")
    assert "# return _ingested_at in the SELECT as well, run `lagoa contract update silver.latest`, and write" in text
    write(
        lake / "transformations",
        "silver/latest.sql",
        MODELS["silver/latest"].replace("select ", "select _ingested_at, "),
    )
    ok(lake, "contract", "update", "silver.latest")
    text = contract(lake, "silver/latest").read_text("utf-8")
    take(lake, "silver/latest", text.partition("      # REVIEW: `scd2`")[0])

    text, _, option = contract(lake, "silver/versions").read_text("utf-8").partition("      # REVIEW: `incremental`")
    option = option.partition(
        "      # REVIEW: `scd2` keeps all versions of each order_id in place of the latest: return"
    )[2]
    columns, _, lines = option.partition("      # and write in place of lagoa.materialization:\n")
    columns = columns.partition("add these columns above,\n")[2]
    take(lake, "silver/versions", text.replace("    customProperties:\n", f"{columns}    customProperties:\n") + lines)
    sql = LATEST.replace("select ", "select _ingested_at as valid_from, ")
    write(lake / "transformations", "silver/versions.sql", sql)

    assert "nothing is wrong" in ok(lake, "check").out
    ok(lake, "transform")
    second = write(lake.parent, "orders2.csv", "order_id,sold_on,amount\n3,2026-02-03,7\n4,2026-02-04,8\n")
    ok(lake, "ingest", second, "--into", "bronze.orders")
    how = {each["table"]: each["how"] for each in ok(lake, "transform", "--json").json()["tables"]}
    assert how.pop("gold.total") == "full"
    assert how.pop("silver.versions") == "scd2"
    assert set(how.values()) == {"incremental"}, how
    wanted = {
        "select order_id, amount from silver.latest order by 1": [[1, 10], [2, 20], [3, 7], [4, 8]],
        "select order_id, amount, is_current from silver.versions where order_id > 2 order by 1, 3": [
            [3, 5, False],
            [3, 7, True],
            [4, 8, True],
        ],
        "select count(*), sum(twice) from silver.lines": [[5, 100]],
        "select amount from gold.months order by month": [[30], [20]],
    }
    for query, rows in wanted.items():
        assert ok(lake, "sql", query, "--json").json()["rows"] == rows, query
