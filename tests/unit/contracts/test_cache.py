"""Contracts that were read before: nothing is another thing for that, and little is read again."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

import lagoa
from lagoa.contracts import Column, Contract, ContractCache, Contracts, read_contracts
from lagoa.contracts.documents import from_document, to_document
from lagoa.contracts.places import stamp_of
from lagoa.contracts.properties import ByBatch, ByTime, Features, Scd2
from lagoa.domain.tables import TableName
from lagoa.errors import FileError
from lagoa.formats import FORMATS
from lagoa.formats.csv.options import CsvSource
from lagoa.formats.json.options import JsonSource

CUSTOMERS, ORDERS, DAILY = map(TableName.parse, ("silver.customers", "silver.orders", "gold.daily"))

HEAD = """apiVersion: v3.1.0
kind: DataContract
id: {table}
name: {table}
version: 1.0.0
schema:
  - name: {name}
    physicalName: {table}
    description: A table of a test.
"""
BODIES = {
    "bronze.orders": """    properties:
      - {name: order_id, physicalType: long, required: true}
    customProperties:
      - {property: lagoa.source, value: {format: csv}}
""",
    "silver.customers": """    properties:
      - {name: customer_id, physicalType: long, required: true, primaryKey: true, description: Who.}
      - {name: name, physicalType: string}
""",
    "silver.orders": """    properties:
      - {name: order_id, physicalType: long, required: true, primaryKey: true}
      - {name: customer_id, physicalType: long, relationships: [{to: silver.customers.customer_id}]}
      - {name: sold_at, physicalType: timestamp}
    customProperties:
      - {property: lagoa.materialization, value: incremental}
      - {property: lagoa.incremental, value: {by: batch, input: bronze.orders}}
""",
    "gold.daily": """    properties:
      - {name: day, physicalType: date, required: true}
      - {name: orders, physicalType: long}
    customProperties:
      - {property: lagoa.materialization, value: incremental}
      - {property: lagoa.incremental, value: {by: time, column: day, grain: day, inputs: {silver.orders: sold_at}}}
""",
}

CHANGES = {
    "a comment": ("silver.customers", "kind: DataContract", "kind: DataContract # a comment"),
    "a description": ("silver.customers", "Who.", "Who buys."),
    "a type": ("silver.customers", "customer_id, physicalType: long", "customer_id, physicalType: int"),
    "a name": ("silver.customers", "name: customer_id", "name: id"),
    "a key that is not known": ("silver.customers", "required: true", "requird: true"),
    "no YAML": ("silver.customers", "schema:", "schema: ]"),
    "a fault of its own": ("silver.orders", "sold_at, physicalType: timestamp", "sold_at, physicalType: moment"),
    "a reference to nothing": ("silver.orders", "silver.customers.customer_id", "silver.custmers.customer_id"),
    "no batches": ("bronze.orders", "lagoa.source, value: {format: csv}", "other.source, value: x"),
    "no such time": ("silver.orders", "name: sold_at", "name: bought_at"),
    "bytes that are no text": ("gold.daily", "A table", "A \udcff table"),
}


class Lake:
    """A folder of contracts that can be changed."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "iceberg"
        self.cache = root / "contracts.cache"
        for table in BODIES:
            self.write(table)

    def path(self, table: str) -> Path:
        layer, name = table.split(".")
        return self.folder / layer / f"{name}.odcs.yaml"

    def write(self, table: str, text: str | None = None) -> None:
        path = self.path(table)
        path.parent.mkdir(parents=True, exist_ok=True)
        standard = HEAD.format(table=table, name=path.name.partition(".")[0]) + BODIES[table]
        path.write_bytes((standard if text is None else text).encode("utf-8", "surrogateescape"))

    def change(self, change: str) -> None:
        table, was, now = CHANGES[change]
        text = self.path(table).read_bytes().decode("utf-8", "surrogateescape")
        self.write(table, text.replace(was, now))

    def read(self) -> list[str]:
        """Return the tables whose files are read now."""
        return sorted(map(str, read_contracts(self.folder, FORMATS, ContractCache(self.cache, FORMATS).known).files))


@pytest.fixture
def lake(tmp_path):
    lake = Lake(tmp_path)
    Contracts.load(lake.folder, FORMATS, ContractCache(lake.cache, FORMATS))
    return lake


def outcome(folder: Path, cache: ContractCache | None = None) -> object:
    """Return the contracts of a folder, or the error in their place."""
    try:
        contracts = Contracts.load(folder, FORMATS, cache)
    except FileError as error:
        return type(error), error.file, error.line, error.message, error.advice
    return contracts.tables, list(contracts)


def full() -> Contract:
    """Return a contract in which nothing is as it would be if nothing were said."""
    column = Column(
        "price", "decimal(10, 2)", required=True, unique=True, description='In R$ "…"', classification="personal",
        enum=(True, 1, 1.5, "a"), pattern="^a\n\t", format="email", minimum=-1, maximum=10**30,
        exclusive_minimum=0.1, exclusive_maximum="2026-01-01", min_length=1, max_length=2, former_names=("a", "b"),
        former_fields={"x.y": ("z",)}, header="Preço", other_headers=("Valor",), nulls=("NA",),
        dates=("yyyymmdd",), decimal=",", thousands=".", unit="R$", severity="warn", references=(CUSTOMERS, "id"),
    )  # fmt: skip
    source = CsvSource(
        format="csv", file="a.csv", delimiter=";", quote=None, escape="\\", encoding="latin-1", header=["a", "b"],
        skip=1, footer=2, null="-", nulls=["NA"], ignore=["*.pdf"], member="b*.csv", decimal=",", thousands=".",
        date=["dd/mm/yyyy", "ddmmyyyy"],
    )  # fmt: skip
    return Contract(
        ORDERS, "1.2.3", Path("x.yaml"), "abc", (column,), description="a", owner="b", key=("price",),
        partition=("month(a)",), sort=("a desc",), bloom=("a",), order_by="c", materialization="incremental",
        scd2=Scd2(deletions="marker"), incremental=ByBatch(by="batch", input="bronze.a"), source=source,
        dropped=("d",), quarantine_share=0.5, row_count_change=0.25, drift={"price": 0.1}, severity={"key": "warn"},
        features=Features(event="sold_at", zone="America/Sao_Paulo", ttl="4w", exclude=["price"], online=False),
    )  # fmt: skip


def test_a_document_holds_all_that_a_contract_says():
    contract = full()
    for each in (contract, *contract.columns):
        for field in fields(each):
            standard = field.default if field.default_factory is MISSING else field.default_factory()
            assert getattr(each, field.name) != standard, f"{field.name} is not tried here"
    assert set(CsvSource.model_fields) == contract.source.model_fields_set
    again = from_document(to_document(contract), contract.table, contract.file, FORMATS)
    assert again == contract
    assert [type(value) for value in again.columns[0].enum] == [bool, int, float, str]
    assert "\n" not in to_document(contract)


def test_a_document_of_a_contract_that_says_little():
    contract = Contract(ORDERS, "", Path("x.yaml"), "", ())
    assert from_document(to_document(contract), ORDERS, Path("x.yaml"), FORMATS) == contract


def test_increments_by_time_and_files_of_another_format():
    by_time = ByTime(by="time", column="a", grain="day", inputs={"bronze.a": "b"})
    source = JsonSource(format="jsonl", date="yyyymmdd")
    contract = Contract(ORDERS, "1", Path("x.yaml"), "", (), incremental=by_time, source=source, partition=())
    assert from_document(to_document(contract), ORDERS, Path("x.yaml"), FORMATS) == contract


def test_files_that_are_as_they_were_are_not_read(lake):
    assert lake.read() == []
    assert outcome(lake.folder, ContractCache(lake.cache, FORMATS)) == outcome(lake.folder)


@pytest.mark.parametrize(
    ("change", "read"),
    [
        ("a comment", ["silver.customers"]),
        ("a description", ["silver.customers", "silver.orders"]),
        ("no such time", ["gold.daily", "silver.orders"]),
    ],
)
def test_what_changed_is_read_and_what_names_it(lake, change, read):
    lake.change(change)
    assert lake.read() == read


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_seen_as_without_a_cache(lake, change):
    good = outcome(lake.folder)
    lake.change(change)
    seen = outcome(lake.folder, ContractCache(lake.cache, FORMATS))
    assert seen == outcome(lake.folder)
    assert seen != good or change == "a comment"
    lake.write(CHANGES[change][0])
    assert outcome(lake.folder, ContractCache(lake.cache, FORMATS)) == good


@pytest.mark.slow  # it waits until the times of the files tell a change
def test_a_file_is_not_read_while_its_times_are_the_same(lake):
    path = lake.path("silver.customers")
    young = stamp_of(str(path))
    time.sleep(2.1)
    Contracts.load(lake.folder, FORMATS, ContractCache(lake.cache, FORMATS))
    stamp, was, text = stamp_of(str(path)), path.stat(), path.read_bytes()
    kept = ContractCache(lake.cache, FORMATS)
    known = kept.known["silver.customers"]
    assert (young, known.stamp) == ("", stamp)
    known.content = "of a file that is not read"
    assert outcome(lake.folder, kept) == outcome(lake.folder)

    path.write_bytes(text.replace(b"Who.", b"Whom"))
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (was.st_size, was.st_mtime_ns)
    assert lake.read() == ["silver.customers", "silver.orders"]

    path.write_bytes(text)  # what it was, at another time: it is read, and not parsed
    assert lake.read() == []
    time.sleep(2.1)
    Contracts.load(lake.folder, FORMATS, ContractCache(lake.cache, FORMATS))
    again = ContractCache(lake.cache, FORMATS).known["silver.customers"]
    assert again.stamp == stamp_of(str(path)) != stamp


def test_files_that_come_and_go_are_seen(lake):
    lake.path("silver.customers").unlink()
    seen = outcome(lake.folder, ContractCache(lake.cache, FORMATS))
    assert seen == outcome(lake.folder)
    assert "has no contract" in seen[3]
    lake.write("silver.customers")
    (lake.folder / "silver" / "stray.yaml").write_text("a: b")
    assert outcome(lake.folder, ContractCache(lake.cache, FORMATS)) == outcome(lake.folder)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_to_files_is_seen_as_without_a_cache(tmp_path, seed):
    chance = random.Random(seed)  # noqa: S311 - no secret
    lake = Lake(tmp_path)
    kept = ContractCache(lake.cache, FORMATS)
    for _ in range(12):
        table = chance.choice(list(BODIES))
        step = chance.choice(["change", "change", "back", "remove", "damage"])
        if step == "change":
            change = chance.choice(list(CHANGES))
            if lake.path(CHANGES[change][0]).exists():
                lake.change(change)
        elif step == "back":
            lake.write(table)
        elif step == "remove":
            lake.path(table).unlink(missing_ok=True)
        elif lake.cache.exists():
            content = bytearray(lake.cache.read_bytes())
            content[chance.randrange(len(content))] ^= 1
            lake.cache.write_bytes(content)
        expected = outcome(lake.folder)
        assert outcome(lake.folder, ContractCache(lake.cache, FORMATS)) == expected
        assert outcome(lake.folder, kept) == expected


def test_a_cache_of_other_code_is_not_used(lake):
    head, _, rest = lake.cache.read_bytes().partition(b"\n")
    lake.cache.write_bytes(b"lagoa 0.0.1\n" + rest)
    assert len(lake.read()) == len(BODIES)
    Contracts.load(lake.folder, FORMATS, ContractCache(lake.cache, FORMATS))
    assert lake.cache.read_bytes() == head + b"\n" + rest


def test_what_is_kept_says_the_same_in_another_folder(lake, tmp_path):
    lake.folder.rename(tmp_path / "moved")
    contracts = Contracts.load(tmp_path / "moved", FORMATS, ContractCache(lake.cache, FORMATS))
    assert contracts[ORDERS].file == tmp_path / "moved" / "silver" / "orders.odcs.yaml"


def test_a_context_reads_again_what_changed_alone(lake):
    (lake.folder.parent / "lagoa.toml").write_text("")
    with lagoa.open_lake(lake.folder.parent) as opened:
        before = opened.context.contracts
        assert opened.context.contracts is before
        orders, customers = before[ORDERS], before[CUSTOMERS]
        lake.change("a comment")
        opened.context.refresh()
        assert opened.context.contracts[ORDERS] is orders
        assert opened.context.contracts[CUSTOMERS] is not customers
        lake.change("a fault of its own")
        opened.context.refresh()
        with pytest.raises(FileError):
            opened.context.contracts  # noqa: B018 - it is read here
    lake.write("silver.orders")
    with lagoa.open_lake(lake.folder.parent) as opened:
        assert len(opened.context.contracts) == len(BODIES)
        assert opened.settings.cache("contracts").is_file()


def test_processes_read_at_once(lake):
    lake.cache.unlink()
    program = (
        "import sys; from pathlib import Path; from lagoa.contracts import ContractCache, Contracts; "
        "from lagoa.formats import FORMATS; folder, file = map(Path, sys.argv[1:]); "
        "[Contracts.load(folder, FORMATS, ContractCache(file, FORMATS)) for _ in range(20)]"
    )
    command = [sys.executable, "-c", program, str(lake.folder), str(lake.cache)]
    running = [subprocess.Popen(command) for _ in range(3)]
    assert [each.wait() for each in running] == [0, 0, 0]
    assert lake.read() == []
