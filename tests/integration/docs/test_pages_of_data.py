"""The blocks of pages about data: each is run as it stands, in the order of its page."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.csv
import pytest
from documentation import Page, Shell
from lakes import LakeFolder

from lagoa.bootstrap import open_lake
from lagoa.domain.tables import LINEAGE_COLUMNS

if TYPE_CHECKING:
    from lagoa.lake import Lake

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PEOPLE = "id,name,born\n1,Ana,1990-05-17\n2,João,1985-01-02\n"
MORE = "id,name,born\n3,Zoë,2001-12-31\n"
BAD = "id,name,born\n6,Eve,not a day\n7,Ida,1999-13-01\n8,Bob,?\n9,Ann,1970-01-01\n"
SOURCE = {"format": "csv", "file": "people*.csv"}


def people_lake(folder: Path) -> LakeFolder:
    """Return a lake with a table of people, two of them published."""
    lake = LakeFolder(folder / "mylake")
    lake.contract("bronze.people", "id:long! name:string born:date", source=SOURCE, quarantineShare=1)
    lake.file("people.csv", PEOPLE)
    with lake.open() as opened, opened.run("load") as branch:
        branch.ingest(lake.root / "people.csv", "bronze.people")
        branch.publish()
    return lake


def person(number: int) -> pa.Table:
    columns = {"id": pa.array([number]), "name": pa.array(["New"]), "born": pa.array([None], pa.date32())}
    return pa.table(columns)


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")


def count(lake: Lake, table: str, ref: str = "main") -> int:
    return int(lake.sql(f"SELECT count(*) FROM {table}", ref).fetchall()[0][0])


def test_audit(tmp_path: Path) -> None:
    with Page("audit.md") as page:
        lake = LakeFolder(tmp_path / "mylake")
        lake.contract("silver.orders", "order_id:string!*")
        lake.contract("silver.payments", "order_id:string!* amount:double")
        columns = "order_id:string!* price:double purchased_at:timestamp delivered_at:timestamp"
        lake.contract("silver.order_items", columns)
        with lake.open() as opened:
            for number in (1, 2):
                with opened.run("load") as branch:
                    key = f"SELECT '{number}' AS order_id"
                    branch.append("silver.orders", key)
                    branch.append("silver.payments", f"{key}, 60.0 AS amount")
                    moment = "date_trunc('second', TIMESTAMP '2026-01-01') AS purchased_at"
                    branch.append("silver.order_items", f"{key}, 60.0 AS price, {moment}, purchased_at AS delivered_at")
                    branch.publish()
            opened.create_branch("dev").append("silver.orders", "SELECT '3' AS order_id")
        said = Shell(lake.root).run(page.shell())
        assert "silver.orders/key/order_id" not in said or "passed" in said
        assert "<html" in (lake.root / "audit.html").read_text("utf-8")
        with lake.open() as opened:
            names = page.run(lake.root, lake=opened, check="silver.orders/key/order_id")
            assert names["report"].passed
            assert names["kept"].published_at is not None
        lake.checks("silver.order_items", page.text("yaml"))
        with lake.open() as opened:
            found = {
                each.check.rpartition("/")[2]: each for each in opened.audit("dev").results if "/soda/" in each.check
            }
        assert sorted(each.outcome for each in found.values()) == ["failed", "passed", "passed", "passed"]
        assert next(each for each in found.values() if each.outcome == "failed").check.endswith("freshness")


def test_getting_started(tmp_path: Path) -> None:
    with Page("getting-started.md") as page:
        files = {
            "people.csv": "1,Ana,Rio,1990-05-17\n2,João,,1985-01-02\n3,Zoë,Köln,2011-12-31\n",
            "more_people.csv": "4,Eva,Rio,2000-02-29\n",
            "incoming/people.csv": "5,Bob,Rio,1970-01-01\n",
            "evening.csv": "6,Ida,Rio,1971-01-01\n",
        }
        (tmp_path / "incoming").mkdir()
        for name, text in files.items():
            (tmp_path / name).write_text(f"id,name,city,born\n{text}", "utf-8")
        (tmp_path / "people2.csv").write_text("id,name,city,born,mail\n1,Ana,Rio,1990-05-17,ana@example.org\n", "utf-8")
        shell, lake = Shell(tmp_path), tmp_path / "mylake"
        for _ in ("lake", "contract", "load", "new column", "query", "branch", "publication", "history"):
            said = shell.run(page.shell())
        assert "main is now at" in said
        write(lake / "transformations" / "silver" / "adults.sql", page.text("sql"))
        shell.run(page.shell())
        write(lake / "transformations" / "tests" / "silver" / "adults.yaml", page.text("yaml"))
        assert "1 test of 1 model: all passed" in shell.run(page.shell())
        with open_lake(lake) as opened:
            assert (count(opened, "bronze.people"), count(opened, "silver.adults")) == (3, 2)
            columns = f"* EXCLUDE ({', '.join(LINEAGE_COLUMNS)}) REPLACE (7 AS id)"
            rows = opened.sql(f"SELECT {columns} FROM bronze.people WHERE id = 1").arrow()
        page.run(tmp_path, rows=rows)["lake"].close()
        try:
            shell.run(page.shell())
            write(lake / "flows" / "people.py", page.text("python"))
            shell.run("lagoa run people file=../evening.csv")
        finally:
            shell.run("lagoa flow down")
        with open_lake(lake) as opened:
            assert count(opened, "bronze.people") == 6
            assert "mail" in opened.sql("SELECT * FROM bronze.people").columns


def test_ingest(tmp_path: Path) -> None:
    with Page("ingest.md") as page:
        lake = people_lake(tmp_path)
        lake.file("people.csv", MORE)
        lake.file("incoming/people_2.csv", BAD)
        lake.file("again/people_1.csv", PEOPLE)
        shell = Shell(lake.root, {"/data/olist": lake.root / "incoming", "/data/people": lake.root / "again"})
        assert "type/born" in shell.run(page.shell())
        lake.file("people.csv", MORE.replace("3,", "5,"))
        with lake.open() as opened:
            result = page.run(lake.root, lake=opened, Path=Path)["result"]
            assert (result.accepted, count(opened, "bronze.people")) == (1, 5)
        shell.run(page.shell())
        with lake.open() as opened:
            assert count(opened, "bronze.people") == 2


def test_sources(tmp_path: Path) -> None:
    with Page("sources.md") as page:
        lake = LakeFolder(tmp_path / "mylake")
        for table in ("bronze.orders", "bronze.prices"):
            lake.contract(table, "id:long! price:decimal(10,2)", source={"format": "csv"})
        lake.file("sources/shop.yaml", page.text("yaml").replace("/srv/shop", "shop"))
        for name in ("2026/orders1.csv", "2026/orders2.csv", "prices.csv"):
            os.utime(lake.file(f"shop/{name}", f"id,price\n{len(name)},{name[-5]}\n".replace("s\n", "0\n")), (0, 0))
        said = Shell(lake.root).run(page.shell())
        assert "shop: can be read" in said
        assert "Nothing new" in said
        os.utime(lake.file("shop/2026/orders3.csv", "id,price\n3,3\n"), (0, 0))
        with lake.open() as opened:
            assert (count(opened, "bronze.orders"), count(opened, "bronze.prices")) == (2, 1)
            assert "1 delivery loaded" in page.run(lake.root, lake=opened)["loaded"].summary
            assert count(opened, "bronze.orders") == 3


def test_moving(tmp_path: Path) -> None:
    with Page("moving.md") as page:
        people_lake(tmp_path)
        (tmp_path / "large").mkdir()
        assert "1 table, 2 rows" in Shell(tmp_path, {"/mnt/large": tmp_path / "large"}).run(page.shell())


def test_publish(tmp_path: Path) -> None:
    with Page("publish.md") as page:
        lake = people_lake(tmp_path)
        with lake.open() as opened:
            opened.create_branch("dev").append("bronze.people", person(3))
        said = Shell(lake.root).run(page.shell())
        assert "main is now at" in said
        with lake.open() as opened:
            assert count(opened, "bronze.people") == 2
            names = page.run(lake.root, lake=opened, rows=person(4))
            assert names["publication"].commit == opened.resolve("main").id
            assert count(opened, "bronze.people") == 3


def test_quarantine(tmp_path: Path) -> None:
    with Page("quarantine.md") as page:

        def refused() -> LakeFolder:
            lake = people_lake(tmp_path / str(len(list(tmp_path.iterdir()))))
            with lake.open() as opened, opened.run("load") as branch:
                branch.ingest(lake.file("people.csv", BAD), "bronze.people")
                branch.publish()
            return lake

        lake = refused()
        said = Shell(lake.root).run(page.shell())
        assert "2 discarded" in said
        with lake.open() as opened:
            assert opened.quarantine() == []
            assert count(opened, "bronze.people") == 4
        with refused().open() as opened:
            assert page.run(tmp_path, lake=opened)["result"].accepted == 1


def test_reference_lake(tmp_path: Path) -> None:
    with Page("reference-lake.md") as page:
        Shell(tmp_path).run(page.shell())
        files = {each.name: each for each in (tmp_path / "data" / "olist").iterdir()}
        rows = pa.csv.read_csv(files["olist_orders_dataset.csv"]).num_rows
        assert (len(files), len(list((tmp_path / "data" / "small").iterdir()))) == (9, 9)
        assert rows > 99_000
