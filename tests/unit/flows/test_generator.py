"""The generator of the reference lake's data: what it promises, at a small size."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import duckdb
import pytest

from flows.sources.olist import FULL_SIZE, generate, main

if TYPE_CHECKING:
    from pathlib import Path

SCALE = 0.02
HEADERS = {
    "olist_customers_dataset.csv": (
        "customer_id,customer_unique_id,customer_zip_code_prefix,customer_city,customer_state"
    ),
    "olist_geolocation_dataset.csv": (
        "geolocation_zip_code_prefix,geolocation_lat,geolocation_lng,geolocation_city,geolocation_state"
    ),
    "olist_order_items_dataset.csv": (
        "order_id,order_item_id,product_id,seller_id,shipping_limit_date,price,freight_value"
    ),
    "olist_order_payments_dataset.csv": ("order_id,payment_sequential,payment_type,payment_installments,payment_value"),
    "olist_order_reviews_dataset.csv": (
        "review_id,order_id,review_score,review_comment_title,review_comment_message,"
        "review_creation_date,review_answer_timestamp"
    ),
    "olist_orders_dataset.csv": (
        "order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at,"
        "order_delivered_carrier_date,order_delivered_customer_date,order_estimated_delivery_date"
    ),
    "olist_products_dataset.csv": (
        "product_id,product_category_name,product_name_lenght,product_description_lenght,product_photos_qty,"
        "product_weight_g,product_length_cm,product_height_cm,product_width_cm"
    ),
    "olist_sellers_dataset.csv": "seller_id,seller_zip_code_prefix,seller_city,seller_state",
    "product_category_name_translation.csv": "product_category_name,product_category_name_english",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("olist")
    generate(path, SCALE)
    return path


@pytest.fixture(scope="module")
def data(folder):
    with duckdb.connect() as connection:
        connection.execute("create type money as decimal(10, 2)")
        for file, header in HEADERS.items():
            name = file.removeprefix("olist_").removesuffix(".csv").removesuffix("_dataset")
            texts = dict.fromkeys(header.split(","), "VARCHAR")
            connection.execute(
                f"create table {name} as from read_csv('{folder / file}', header = true, auto_detect = false,"
                f" delim = ',', quote = '\"', escape = '\"', columns = {texts})"
            )
        yield lambda query: connection.execute(query).fetchall()


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*.csv"))}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(folder, tmp_path):
    generate(tmp_path / "again", SCALE)
    assert digests(folder) == digests(tmp_path / "again")
    generate(tmp_path / "other", SCALE, seed=43)
    other = digests(tmp_path / "other")
    # The names of categories are the same in every set.
    assert {name for name, digest in digests(folder).items() if other[name] == digest} == {
        "product_category_name_translation.csv"
    }


def test_files_headers_and_counts_are_those_of_the_real_set(folder, data):
    assert {path.name: path.read_text("utf-8").split("\n", 1)[0] for path in folder.glob("*.csv")} == HEADERS
    rows = {
        "customers": "orders",
        "orders": "orders",
        "order_items": "items",
        "order_payments": "payments",
        "order_reviews": "reviews",
        "products": "products",
        "sellers": "sellers",
        "geolocation": "points",
    }
    expected = {table: round(FULL_SIZE[size] * SCALE) for table, size in rows.items()}
    assert {table: data(f"select count(*) from {table}")[0][0] for table in rows} == expected
    assert data("select count(*) from product_category_name_translation") == [(71,)]


def test_the_full_size_is_that_of_the_real_set():
    sizes = [FULL_SIZE[name] for name in ("items", "payments", "reviews", "products", "sellers", "points")]
    assert 2 * FULL_SIZE["orders"] + sum(sizes) + 71 == 1_550_922


@pytest.mark.parametrize(
    ("child", "column", "parent"),
    [
        ("orders", "customer_id", "customers"),
        ("order_items", "order_id", "orders"),
        ("order_items", "product_id", "products"),
        ("order_items", "seller_id", "sellers"),
        ("order_payments", "order_id", "orders"),
        ("order_reviews", "order_id", "orders"),
    ],
)
def test_every_foreign_key_holds(data, child, column, parent):
    assert data(f"select count(*) from {child} where {column} not in (select {column} from {parent})") == [(0,)]


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("customers", "customer_id"),
        ("orders", "order_id"),
        ("order_items", "order_id, order_item_id"),
        ("order_payments", "order_id, payment_sequential"),
        ("order_reviews", "review_id, order_id"),
        ("products", "product_id"),
        ("sellers", "seller_id"),
    ],
)
def test_every_key_is_unique(data, table, key):
    assert data(f"select {key} from {table} group by all having count(*) > 1") == []


def test_every_product_and_seller_sells(data):
    assert data("select count(*) from products where product_id not in (select product_id from order_items)") == [(0,)]
    assert data("select count(*) from sellers where seller_id not in (select seller_id from order_items)") == [(0,)]


QUIRKS = {
    "states of orders": "select count(distinct order_status) >= 6 from orders",
    "missing dates": "select count(*) > count(order_delivered_customer_date) from orders",
    "orders without items": "select count(*) > 0 from orders where order_id not in (select order_id from order_items)",
    "several payments an order": "select max(payment_sequential::int) > 3 from order_payments",
    "vouchers": "select count(*) > 0 from order_payments where payment_type = 'voucher'",
    "persons with several customers": "select count(distinct customer_unique_id) < count(*) from customers",
    "reviews of several orders": "select count(distinct review_id) < count(*) from order_reviews",
    "orders of several reviews": "select count(distinct order_id) < count(*) from order_reviews",
    "line breaks": "select count(*) > 0 from order_reviews where review_comment_message like e'%\\r\\n%'",
    "quotes": "select count(*) > 0 from order_reviews where review_comment_message like '%\"%'",
    "accents": "select count(*) > 0 from order_reviews where review_comment_message like '%ã%'",
    "no category": "select count(*) > 0 from products where product_category_name is null",
    "leading zeros": "select count(*) > 0 from customers where customer_zip_code_prefix like '0%'",
    "spellings": "select count(distinct geolocation_city) = 2 from geolocation where geolocation_city like 's_o paulo'",
    "double points": "select count(*) > (select count(*) from (select distinct * from geolocation)) from geolocation",
    "late orders": "select bool_or(order_delivered_customer_date > order_estimated_delivery_date) from orders",
    "several sellers": "select max(n) > 1 from (select count(distinct seller_id) n from order_items group by order_id)",
}


@pytest.mark.parametrize("quirk", QUIRKS)
def test_it_has_the_quirks_of_the_real_set(data, quirk):
    assert data(QUIRKS[quirk]) == [(True,)]


def test_payments_make_what_the_items_cost(data):
    assert data("""
        select count(*)
        from (select order_id, sum(price::money + freight_value::money) as cost from order_items group by 1)
        join (select order_id, sum(payment_value::money) as paid from order_payments group by 1) using (order_id)
        where cost <> paid
    """) == [(0,)]


def test_scores_fall_with_the_delay(data):
    on_time, late = (
        row[0]
        for row in data("""
        select avg(review_score::int)
        from order_reviews join orders using (order_id)
        where order_delivered_customer_date is not null
        group by order_delivered_customer_date > order_estimated_delivery_date
        order by order_delivered_customer_date > order_estimated_delivery_date
    """)
    )
    assert on_time > late + 1


def test_the_command_prints_the_rows_written(tmp_path, capsys):
    main(["--out", str(tmp_path), "--scale", "0.005"])
    assert f"{round(FULL_SIZE['orders'] * 0.005):,}" in capsys.readouterr().out


def test_a_scale_too_small_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"give 0\.005 or more"):
        generate(tmp_path / "none", 0.001)
    assert not (tmp_path / "none").exists()
