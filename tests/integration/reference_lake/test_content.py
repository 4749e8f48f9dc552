"""The reference lake's content, in plain DuckDB: contracts, models and check files agree on generated and real data.

`OLIST_DIR` names a folder with the nine files of the real set, or of a sample of it; without it a small generated set
is taken alone.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import duckdb
import pytest
from checkout import ROOT
from scored import RISK, SCORED

from benchmarks.floor import floor, tables
from flows.sources.olist import generate
from lagoa.adapters.duckdb.types import duckdb_type
from lagoa.adapters.soda.auditor import SodaAuditor
from lagoa.contracts import Contracts
from lagoa.contracts.rules import row_rules
from lagoa.domain.tables import TableName
from lagoa.formats import FORMATS

if TYPE_CHECKING:
    from lagoa.domain.checks import CheckFile

CONTRACTS = Contracts.load(ROOT / "iceberg", FORMATS)
CHECK_FILES = sorted((ROOT / "soda").glob("*/*.yaml"))
SETS = ["generated", *(["real"] if os.environ.get("OLIST_DIR") else [])]


@pytest.fixture(scope="module", params=SETS)
def folder(request, tmp_path_factory):
    if request.param == "real":
        return Path(os.environ["OLIST_DIR"])
    path = tmp_path_factory.mktemp("olist")
    generate(path, 0.02)
    return path


@pytest.fixture(scope="module")
def lake(folder):
    """All tables in memory; of bronze the rows that no row rule refuses, the others in `refused` by table."""
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        refused = {}
        for layer, name, sql in tables(folder):
            connection.execute(f"create schema if not exists {layer}")
            connection.execute(f"create table {layer}.{name} as {sql}")
            contract = CONTRACTS[TableName((layer,), name)]
            if contract.source:
                broken = " or ".join(f"({rule.violated})" for rule in row_rules(contract))
                count = connection.execute(f"delete from {layer}.{name} where {broken}").fetchone()
                refused[name] = count[0]
        connection.execute(f"create table {SCORED} as {RISK}")
        yield SimpleNamespace(
            connection=connection, refused=refused, query=lambda sql: connection.execute(sql).fetchall()
        )


def count(lake, sql: str) -> float:
    return lake.query(sql)[0][0]


def test_a_name_leads_everywhere():
    of_models = {f"{path.parent.name}.{path.stem}" for path in (ROOT / "transformations").glob("*/*.sql")}
    of_checks = {f"{path.parent.name}.{path.stem}" for path in CHECK_FILES}
    built = {str(each.table) for each in CONTRACTS if each.materialization}
    loaded = {str(each.table) for each in CONTRACTS if each.source}
    assert of_models == built
    assert of_checks <= built | {SCORED}
    assert built.isdisjoint(loaded)
    assert {str(each.table) for each in CONTRACTS} == built | loaded | {SCORED}


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda each: str(each.table))
def test_a_contract_says_what_a_reader_needs(contract):
    assert contract.owner
    assert contract.description
    assert [column.name for column in contract.columns if not column.description] == []
    assert "dataGranularityDescription" in contract.file.read_text("utf-8")
    if contract.materialization:
        assert contract.key
        assert contract.row_count_change == 0.2
    personal = {"customer_id", "customer_unique_id", "comment_title", "comment_message", "customer_city"}
    assert [c.name for c in contract.columns if c.name in personal and c.classification != "personal"] == []


@pytest.mark.parametrize("contract", [c for c in CONTRACTS if c.materialization], ids=lambda each: str(each.table))
def test_a_model_yields_what_its_contract_says(lake, contract):
    wanted = [(field.name, duckdb_type(field.field_type).lower()) for field in contract.schema().fields]
    found = [(row[0], row[1].lower()) for row in lake.query(f"describe {contract.table}")]
    assert [(name, kind.replace(", ", ",")) for name, kind in found] == [
        (name, kind.replace(", ", ",").replace("timestamptz", "timestamp with time zone")) for name, kind in wanted
    ]


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda each: str(each.table))
def test_data_keeps_its_contract(lake, contract):
    broken = [
        rule.id
        for rule in row_rules(contract)
        if count(lake, f"select count(*) from {contract.table} where {rule.violated}")
    ]
    keys = [contract.key] if contract.key else []
    keys += [(column.name,) for column in contract.columns if column.unique]
    for key in keys:
        names = ", ".join(key)
        if lake.query(f"select {names} from {contract.table} group by all having count(*) > 1"):
            broken.append(f"unique/{names}")
    for column in contract.columns:
        if column.references:
            other, name = column.references
            orphans = f"select count(*) from {contract.table} where {column.name} not in (select {name} from {other})"
            if count(lake, orphans):
                broken.append(f"foreign_key/{column.name}")
    assert broken == []


def test_only_points_outside_brazil_are_refused(lake):
    assert {name: rows for name, rows in lake.refused.items() if rows and name != "geolocation"} == {}
    kept = count(lake, "select count(*) from bronze.geolocation")
    assert 0 < lake.refused["geolocation"] < 0.001 * kept


def test_silver_takes_the_latest_delivery(lake):
    """A record that comes again in a later batch, or twice in one, stands once, as it came last."""
    lake.connection.execute("begin")
    try:
        lake.connection.execute("""
            insert into bronze.orders
            select * replace ('canceled' as order_status, _ingested_at + interval 1 day as _ingested_at)
            from bronze.orders where _row <= 10
        """)
        lake.connection.execute("""
            insert into bronze.orders
            select * replace ('approved' as order_status, _row + 1000000 as _row) from bronze.orders
            where _row <= 5 and _ingested_at = (select max(_ingested_at) from bronze.orders)
        """)
        model = (ROOT / "transformations/silver/orders.sql").read_text("utf-8")
        states = dict(
            lake.query(f"""
                select b._row, s.order_status from ({model}) as s join bronze.orders as b using (order_id)
                where b._row <= 10
            """)
        )
        assert states == {row: "approved" if row <= 5 else "canceled" for row in range(1, 11)}
        assert count(lake, f"select count(*) from ({model})") == count(lake, "select count(*) from silver.orders")
    finally:
        lake.connection.execute("rollback")


def test_gold_reads_what_is_current_and_features_what_was_told_first(lake, folder):
    """A later delivery moves some customers and sellers: each has two versions, and no figure doubles."""
    sql = {f"{layer}.{name}": text for layer, name, text in tables(folder)}
    names = ["silver.customers", "silver.sellers", "gold.fact_order_items", "gold.kpi_delivery"]
    names += ["gold.dim_customer", "gold.dim_seller", "gold.dim_geography", "gold.customer_features"]
    before = {name: count(lake, f"select count(*) from {name}") for name in names}
    features = lake.query("select * from gold.customer_features order by all")
    lake.connection.execute("begin")
    try:
        for name in ("customer", "seller"):
            lake.connection.execute(f"""
                insert into bronze.{name}s
                select * replace ('AC' as {name}_state, _ingested_at + interval 1 day as _ingested_at)
                from bronze.{name}s where {name}_state <> 'AC' and _row <= 10
            """)
        for name in names:
            lake.connection.execute(f"create or replace table {name} as {sql[name]}")
        moved = count(lake, "select count(*) from silver.customers where valid_to is not null")
        assert 0 < moved <= 10
        after = {name: count(lake, f"select count(*) from {name}") for name in names}
        assert after["silver.customers"] == before["silver.customers"] + moved
        assert [name for name in names[4:] if after[name] != before[name]] == []
        assert after["gold.fact_order_items"] == before["gold.fact_order_items"]
        for name in ("customer", "seller"):
            assert count(lake, f"""
                select count(*) from gold.dim_{name} join silver.{name}s as v using ({name}_id)
                where v.valid_to is not null and dim_{name}.state <> 'AC'
            """) == 0  # fmt: skip
        assert count(lake, "select sum(delivered_orders) from gold.kpi_delivery") == count(
            lake,
            "select count(*) from silver.orders where order_status = 'delivered' and delivered_at is not null",
        )
        assert lake.query("select * from gold.customer_features order by all") == features
    finally:
        lake.connection.execute("rollback")


def test_features_are_what_was_known_at_the_time(lake):
    """Against a plain count of the events before each moment, for a sixteenth of persons and sellers."""
    assert (
        lake.query("""
        select f.customer_unique_id, f.event_timestamp
        from gold.customer_features as f
        join silver.customers as c on c.customer_unique_id = f.customer_unique_id and c.is_current
        join silver.orders as o using (customer_id)
        left join silver.reviews as r on r.order_id = o.order_id
                and o.purchased_at < f.event_timestamp and r.answered_at <= f.event_timestamp
        where f.customer_unique_id < '1'
        group by all
        having max(f.orders_to_date) <> count(distinct o.order_id) filter (o.purchased_at <= f.event_timestamp)
            or max(f.deliveries_to_date) <> count(distinct o.order_id)
                    filter (o.purchased_at < f.event_timestamp and o.delivered_at <= f.event_timestamp)
            or max(f.reviews_to_date) <> count(r.review_id)
    """)
        == []
    )
    assert (
        lake.query("""
        select f.seller_id, f.event_timestamp
        from gold.seller_features as f
        join gold.fact_order_items as i using (seller_id)
        where f.seller_id < '1'
        group by all
        having max(f.items_to_date) <> count(*) filter (i.purchased_at < f.event_timestamp)
            or max(f.revenue_to_date) <> sum(i.price) filter (i.purchased_at < f.event_timestamp)
            or max(f.deliveries_to_date) <> count(*) filter (i.delivered_at < f.event_timestamp)
    """)
        == []
    )


def test_the_floor_writes_every_table(folder, lake, tmp_path):
    assert floor(folder, tmp_path / "out") > 0
    written = {
        f"{path.parent.name}.{path.stem}": count(lake, f"select count(*) from read_parquet('{path}')")
        for path in (tmp_path / "out").glob("*/*.parquet")
    }
    assert set(written) == {str(each.table) for each in CONTRACTS} - {SCORED}
    assert written["gold.fact_order_items"] == count(lake, "select count(*) from gold.fact_order_items")
    with pytest.raises(ValueError, match="name another folder"):
        floor(folder, folder)


def checks(path: Path) -> CheckFile:
    return SodaAuditor().read(TableName.parse(f"{path.parent.name}.{path.stem}"), path)


def outcomes(lake, path: Path) -> dict[str, str]:
    file = checks(path)
    results = SodaAuditor().run([file], lake)
    assert len(results) == len(file.checks)
    return {each.check.replace("/soda/checks", ""): each.outcome for each in results}


@pytest.mark.parametrize("path", CHECK_FILES, ids=lambda each: f"{each.parent.name}.{each.stem}")
def test_data_passes_its_check_file(lake, path):
    assert {name: outcome for name, outcome in outcomes(lake, path).items() if outcome != "passed"} == {}


ONE = " where rowid = (select min(rowid) from {})"
"""One row of a table: what most breaks touch."""

BREAKS = {
    "gold.order_risk.metric.shift": "update gold.order_risk set training_rank = 0.95",
    "gold.order_risk.metric.version": "update gold.order_risk set model_version = 2{one}",
    "silver.geolocation.metric.coverage": "delete from silver.geolocation where zip_code_prefix < '05000'",
    "silver.order_items.failed_rows.numbered": "update silver.order_items set order_item_id = 99{one}",
    "silver.orders.metric.complete": "delete from silver.orders{one}",
    "silver.orders.failed_rows.delivered": "update silver.orders set delivered_at = null where order_id < '2'",
    "silver.orders.failed_rows.after_purchase": (
        "update silver.orders set approved_at = purchased_at - interval 1 second{one}"
    ),
    "silver.orders.failed_rows.delivery_order": (
        "update silver.orders set delivered_at = purchased_at - interval 1 day where order_id < '2'"
    ),
    "silver.orders.failed_rows.shipping_order": (
        "update silver.orders set shipped_at = purchased_at - interval 1 day where order_id < '2'"
    ),
    "silver.payments.failed_rows.pays_items": (
        "update silver.payments set payment_value = payment_value + 2 where order_id < '2'"
    ),
    "silver.payments.metric.unpaid": "delete from silver.payments where order_id < '2'",
    "silver.products.failed_rows.category": (
        "update silver.products set category = 'desconhecida' where product_id < '2'"
    ),
    "silver.reviews.failed_rows.after_question": (
        "update silver.reviews set answered_at = asked_on - interval 1 second{one}"
    ),
    "gold.dim_customer.metric.complete": "delete from gold.dim_customer{one}",
    "gold.dim_date.metric.gaps": "delete from gold.dim_date where date = (select min(date) + 9 from gold.dim_date)",
    "gold.dim_product.metric.complete": "delete from gold.dim_product{one}",
    "gold.dim_seller.metric.complete": "delete from gold.dim_seller{one}",
    "gold.fact_order_items.metric.total": ("update gold.fact_order_items set total = total + 0.01{one}"),
    "gold.fact_order_items.metric.complete": "delete from gold.fact_order_items{one}",
    "gold.fact_order_items.failed_rows.parts": "update gold.fact_order_items set price = 0.01{one}",
    "gold.fact_payments.metric.total": ("update gold.fact_payments set payment_value = payment_value + 0.01{one}"),
    "gold.fact_payments.metric.complete": "delete from gold.fact_payments{one}",
    "gold.fact_reviews.metric.total": "update gold.fact_reviews set review_score = 9{one}",
    "gold.fact_reviews.metric.complete": "delete from gold.fact_reviews{one}",
    "gold.kpi_sales_daily.metric.total": "update gold.kpi_sales_daily set revenue = revenue + 0.01{one}",
    "gold.kpi_sales_daily.metric.gaps": (
        "delete from gold.kpi_sales_daily where date = (select min(date) + 9 from gold.kpi_sales_daily)"
    ),
    "gold.kpi_sales_monthly.metric.total": ("update gold.kpi_sales_monthly set freight = freight + 0.01{one}"),
    "gold.kpi_sales_by_state.metric.total": "delete from gold.kpi_sales_by_state{one}",
    "gold.kpi_sales_by_category.metric.total": "delete from gold.kpi_sales_by_category{one}",
    "gold.kpi_delivery.metric.total": "delete from gold.kpi_delivery{one}",
    "gold.kpi_delivery.failed_rows.share": "update gold.kpi_delivery set on_time_share = 0.123{one}",
    "gold.kpi_reviews.metric.total": "delete from gold.kpi_reviews{one}",
    "gold.kpi_cohort_retention.failed_rows.share": (
        "update gold.kpi_cohort_retention set retention = 0.5 where months_since = 0"
    ),
    "gold.kpi_cohort_retention.metric.total": (
        "delete from gold.kpi_cohort_retention"
        " where cohort_month = (select max(cohort_month) from gold.kpi_cohort_retention)"
    ),
    "gold.kpi_seller_ranking.metric.total": "update gold.kpi_seller_ranking set revenue = 0 where revenue_rank = 1",
    "gold.kpi_seller_ranking.metric.places": "delete from gold.kpi_seller_ranking where revenue_rank = 2",
    "gold.customer_features.failed_rows.future": (
        "update gold.customer_features set latest_source_event_at = event_timestamp + interval 1 second{one}"
    ),
    "gold.customer_features.metric.orders": (
        "delete from gold.customer_features"
        " where customer_unique_id = (select min(customer_unique_id) from gold.customer_features)"
    ),
    "gold.customer_features.failed_rows.past": ("update gold.customer_features set deliveries_to_date = 99{one}"),
    "gold.seller_features.failed_rows.future": (
        "update gold.seller_features set latest_source_event_at = event_timestamp{one}"
    ),
    "gold.seller_features.metric.items": (
        "delete from gold.seller_features"
        " where event_timestamp = (select max(event_timestamp) from gold.seller_features) and seller_id < '8'"
    ),
}


def test_every_check_has_a_break():
    found = {each.id.replace("/soda/checks", "") for path in CHECK_FILES for each in checks(path).checks}
    assert found == set(BREAKS)


@pytest.mark.parametrize("check", BREAKS)
def test_a_check_fails_where_its_data_is_broken(lake, check):
    layer, table = check.split(".")[:2]
    statement = BREAKS[check].removesuffix("{one}")
    target = re.search(r"(silver|gold)\.\w+", statement).group()
    sql = statement if statement == BREAKS[check] else statement + ONE.format(target)
    lake.connection.execute("begin")
    try:
        lake.connection.execute(sql)
        path = ROOT / "soda" / layer / f"{table}.yaml"
        severities = {each.id.replace("/soda/checks", ""): each.severity for each in checks(path).checks}
        assert outcomes(lake, path)[check] == ("warned" if severities[check] == "warn" else "failed")
    finally:
        lake.connection.execute("rollback")
