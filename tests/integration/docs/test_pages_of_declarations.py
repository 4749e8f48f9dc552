"""The blocks of pages about declarations: each is run as it stands, in the order of its page."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pytest
import yaml
from documentation import Page, Shell
from lakes import LakeFolder

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SOURCE = {"format": "csv"}


def test_contracts(tmp_path: Path) -> None:
    with Page("contracts.md") as page:
        lake = LakeFolder(tmp_path / "mylake")
        text = page.text("yaml")
        written = lake.file("iceberg/silver/sales.odcs.yaml", text)
        lake.contract(
            "silver.customers", {"customer_id": "string!*", "address": "struct<street: string, city: string>"}
        )
        lake.contract(
            "bronze.sales", "sale_id:long! customer_id:string! sold_at:timestamp state:string price:decimal(10,2)"
        )
        lake.model("silver.sales", "select sale_id, customer_id, sold_at, state, price from bronze.sales")
        shell = Shell(lake.root)
        assert "nothing is wrong" in shell.run("lagoa check")
        address = {"street": "Rua A", "city": "Belém"}
        with lake.open() as opened, opened.run("load") as branch:
            branch.append("silver.customers", pa.table({"customer_id": ["c"], "address": [address]}))
            sale = "SELECT 1 AS sale_id, 'c' AS customer_id, TIMESTAMP '2026-01-02' AS sold_at"
            branch.append("bronze.sales", f"{sale}, 'SP' AS state, 1.5 AS price")
            branch.transform()
            branch.publish()
        said, _, _ = page.text("text").partition(" …")
        number = int(said.split(":")[1])
        lines = text.splitlines(keepends=True)
        assert "required: true" in lines[number - 1]
        lines[number - 1] = lines[number - 1].replace("required", "requird")
        written.write_text("".join(lines), "utf-8")
        assert said in shell.run("lagoa check || true")
        written.write_text(text, "utf-8")
        (column,) = yaml.safe_load(page.text("yaml"))
        former = {each["property"]: each["value"] for each in column["customProperties"]}
        lake.contract(
            "silver.customers",
            {"customer_id": "string!*", "address": {"physicalType": column["physicalType"], **former}},
        )
        shell.run("lagoa contract apply silver.customers")
        with lake.open() as opened:
            (row,) = opened.sql("SELECT address FROM silver.customers").fetchall()
        assert row == ({"street": "Rua A", "town": "Belém"},)


def test_features(tmp_path: Path) -> None:
    with Page("features.md") as page:
        lake = LakeFolder(tmp_path / "mylake")
        (declared,) = yaml.safe_load(page.text("yaml"))["customProperties"]
        columns = (
            "seller_id:string!* event_timestamp:timestamp!* late_share_to_date:double latest_source_event_at:timestamp"
        )
        lake.contract("gold.seller_features", columns, features=declared["value"])
        lake.checks("gold.seller_features", page.text("yaml"))
        then, now = datetime(2018, 2, 20), datetime.now(UTC).replace(tzinfo=None) - timedelta(days=1)  # noqa: DTZ001 - local
        with lake.open() as opened:
            for known in ([(then, 0.25), (now - timedelta(days=1), 0.375)], [(now, 0.5)]):
                rows = [
                    {"seller_id": "4869f7a5", "event_timestamp": at, "late_share_to_date": share} for at, share in known
                ]
                with opened.run("load") as branch:
                    branch.append("gold.seller_features", pd.DataFrame(rows).assign(latest_source_event_at=now))
                    branch.publish()
            opened.create_tag("closing-2026-10", "main~1")
        lake.file("feature_store/features.py", page.text("python"))
        lake.file("feature_store/feature_store.yaml", page.text("yaml"))
        shell = Shell(lake.root)
        assert "seller_features:late_share_to_date" in shell.run(page.shell())
        moments = [datetime(2018, 3, 1, tzinfo=UTC), datetime.now(UTC) + timedelta(days=1)]
        orders = pd.DataFrame({"seller_id": ["4869f7a5"] * 2, "event_timestamp": moments})
        names = page.run(lake.root, orders=orders)
        assert names["frame"]["late_share_to_date"].tolist() == [0.25, 0.5]
        assert names["job"].to_df()["late_share_to_date"].tolist() == [0.25, 0.375]
        said = shell.run(page.shell())
        assert "0.25" in said
        assert "0.375" in said
        assert "0.5" in shell.run(page.shell())
        sys.modules.pop("features", None)


def test_models(tmp_path: Path) -> None:
    with Page("models.md") as page:
        lake = LakeFolder(tmp_path / "mylake")
        shell = Shell(lake.root)
        _orders(lake)
        lake.contract(
            "silver.orders",
            "order_id:string!* customer_id:string status:string purchased_at:timestamp",
            materialization="full",
        )
        orders = page.text("sql")
        lake.model("silver.orders", orders)
        shell.run(page.shell())
        with lake.open() as opened:
            assert opened.sql("SELECT status FROM silver.orders", "dev").fetchall() == [("delivered",)]
        _history(page, lake)
        _increments(page, lake, orders)
        shell.run("lagoa transform")
        said = shell.run(page.shell())
        assert said.count("main is now at") == 3
        _payments(page, lake, shell)
        lake.contract("gold.kpi_sales_daily", "date:date!* orders:long")
        lake.contract("gold.demand", "date:date!* orders:long smoothed:double", materialization="full")
        lake.python_model("gold.demand", page.text("python"))
        lake.file("transformations/tests/gold/demand.yaml", page.text("yaml"))
        assert "1 test of 1 model: all passed" in shell.run("lagoa test gold.demand")
        lake.contract("gold.sales", "median:double", materialization="full")
        lake.model("gold.sales", "select\n" + "\n" * 5 + "median(price) as median from silver.sales as sales")
        assert _said(page.text("")) in _flat(shell.run("lagoa check --engine spark || true"))
        _remove(lake, "gold.sales")
        _remove(lake, "gold.demand")
        with lake.open() as opened:
            names = page.run(lake.root, lake=opened)
            assert {str(each.table) for each in names["results"]} >= {"gold.sales_by_day", "silver.orders"}
            assert not names["report"].failed


def _orders(lake: LakeFolder) -> None:
    """Have an order in two deliveries, a sale for each, and the sales of a day."""
    bronze = "order_id:string! customer_id:string order_status:string order_purchase_timestamp:timestamp"
    lake.contract("bronze.orders", bronze, source=SOURCE)
    lake.contract("silver.sales", "sale_id:long!* sold_at:timestamp price:double")
    lake.contract("gold.sales_by_day", "day:date!* revenue:double", materialization="full")
    by_day = "select cast(sold_at as date) as day, sum(price) as revenue from silver.sales group by all"
    lake.model("gold.sales_by_day", by_day)
    with lake.open() as opened, opened.run("load") as branch:
        for batch, status in (("orders-2026-03-01", "created"), ("orders-2026-03-02", "delivered")):
            moment = f"TIMESTAMP '{batch[-10:]} 10:00:00'"
            order = f"SELECT 'a' AS order_id, 'c' AS customer_id, '{status}' AS order_status"
            branch.append("bronze.orders", f"{order}, {moment} AS order_purchase_timestamp", batch=batch)
            branch.append("silver.sales", f"SELECT {batch[-1]} AS sale_id, {moment} AS sold_at, 2.5 AS price")
        branch.publish()
        opened.create_branch("dev")


def _history(page: Page, lake: LakeFolder) -> None:
    head = "apiVersion: v3.2.0\nkind: DataContract\nid: silver.customers\nname: silver.customers\nversion: 1.0.0\n"
    lake.file("iceberg/silver/customers.odcs.yaml", f"{head}status: active\nteam: {{name: t}}\n{page.text('yaml')}")
    lake.contract("bronze.customers", "customer_id:string! city:string", source=SOURCE | {"file": "cities.csv"})
    lake.model("silver.customers", page.text("sql"))
    with lake.open() as opened, opened.run("load") as branch:
        for city in ("Rio", "Belém"):
            branch.append("bronze.customers", f"SELECT 'c' AS customer_id, '{city}' AS city", batch=city)
        branch.transform()
        now, then = page.text("sql").split("-- state at a point in time\n")
        assert [row[1] for row in opened.sql(now, branch.name).fetchall()] == ["Belém"]
        assert opened.sql(then, branch.name).fetchall() == []
        branch.publish()


def _increments(page: Page, lake: LakeFolder, orders: str) -> None:
    by_day, by_batch = (
        {each["property"].removeprefix("lagoa."): each["value"] for each in yaml.safe_load(text)["customProperties"]}
        for text in (page.text("yaml"), page.text("yaml"))
    )
    lake.contract("gold.sales_by_day", "day:date!* revenue:double", **by_day)
    columns = "order_id:string!* customer_id:string status:string purchased_at:timestamp _ingested_at:timestamptz"
    lake.contract("silver.orders", columns, **by_batch)
    lake.model("silver.orders", orders.replace("as purchased_at", "as purchased_at, _ingested_at"))


def _payments(page: Page, lake: LakeFolder, shell: Shell) -> None:
    """Have a model that fails as the page says, and then one that passes its tests."""
    lake.contract(
        "bronze.order_payments",
        "order_id:string! payment_sequential:int payment_value:string",
        source=SOURCE | {"file": "payments.csv"},
    )
    lake.contract(
        "silver.payments", "order_id:string!* payment_sequential:int!* payment_value:double", materialization="full"
    )
    payments = (
        "select\n    order_id,\n    payment_sequential,\n\n\n\n    cast(payment_value as double) as payment_value\n"
    )
    lake.model("silver.payments", f"{payments}from bronze.order_payments\n")
    with lake.open() as opened:
        row = "SELECT 'a' AS order_id, 1 AS payment_sequential, 'n/a' AS payment_value"
        opened.create_branch("wrong").append("bronze.order_payments", row)
    assert _said(page.text("")) in _flat(shell.run("lagoa transform wrong || true"))
    columns = (
        "order_id:string! payment_sequential:int payment_value:double payment_type:string payment_installments:int"
    )
    lake.contract("bronze.order_payments", columns, source=SOURCE | {"file": "payments.csv"})
    latest = "qualify row_number() over (partition by order_id order by _ingested_at desc, _row desc) = 1"
    lake.model("silver.payments", f"{payments}from bronze.order_payments\n{latest}\n")
    lake.file("transformations/tests/silver/payments.yaml", page.text("yaml"))
    assert "all passed" in shell.run(page.shell())
    _remove(lake, "silver.payments")


def _remove(lake: LakeFolder, table: str) -> None:
    layer, name = table.split(".")
    for file in (*lake.root.glob(f"*/{layer}/{name}.*"), *lake.root.glob(f"transformations/tests/{layer}/{name}.yaml")):
        file.unlink()


def _said(output: str) -> str:
    """Return what an example of output says, up to where it is cut."""
    return _flat(output).removesuffix(" …")


def _flat(text: str) -> str:
    return " ".join(text.split())
