"""A lake on two machines, which share Nessie, MinIO and PostgreSQL, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from contextlib import ExitStack

import pyarrow as pa
import pytest

import lagoa
from lagoa.errors import AuditFailed, CatalogBusy
from tests.stack.test_nessie import CONTRACT

CHECK = "bronze.people/range/age"


@pytest.fixture
def machines(tmp_path, empty_nessie):
    """Make the same lake in two folders, each with a state of its own."""
    warehouse = f"s3://lagoa/warehouse/{uuid.uuid4().hex}"
    for name in ("one", "two"):
        folder = tmp_path / name
        (folder / "iceberg/bronze").mkdir(parents=True)
        (folder / "iceberg/bronze/people.odcs.yaml").write_text(CONTRACT)
        (folder / "lagoa.toml").write_text(
            f'threads = 1\nauthor = "{name}"\n[profiles.stack]\ncatalog = "nessie"\nnessie_url = "{empty_nessie}"\n'
            f'warehouse = "{warehouse}"\nreceipts = "postgres"\nrole = "publisher"\n'
        )
    return tmp_path / "one", tmp_path / "two"


@pytest.fixture
def lakes(machines, receipts_passwords, monkeypatch):
    """Open the lake on both machines."""
    monkeypatch.setenv("LAGOA_SECRET_RECEIPTS_PASSWORD", receipts_passwords["publisher"].get_secret_value())
    with ExitStack() as opened:
        yield tuple(opened.enter_context(lagoa.open_lake(folder, "stack")) for folder in machines)


def people(*ids, age=30):
    return pa.table({"id": pa.array(ids, pa.int64()), "age": pa.array([age] * len(ids), pa.int32())})


def load(lake, number, age=30):
    work = lake.create_branch(f"load/{number}")
    work.append("bronze.people", people(number, age=age), batch=f"b{number}")
    return work.publish()


def seen(lake):
    return [row[0] for row in lake.sql("select id from bronze.people order by id").fetchall()]


def test_each_sees_the_receipts_of_the_other(lakes, machines):
    one, two = lakes
    first, second = load(one, 1), load(one, 2)
    with pytest.raises(AuditFailed):
        load(one, 3, age=-1)

    assert two.publications() == [second, first]
    assert two.audit_of("main").receipt == one.audit_of("main").receipt
    assert two.audit_of(first.receipt).report == first.report
    refused = two.audit_of("load/3")
    assert (refused.state, refused.report.result(CHECK).outcome) == ("refused", "failed")
    assert two.failing_rows(refused.report, CHECK).to_pylist() == [{"id": 3, "age": -1}]
    assert [each.result.outcome for each in two.check_history(CHECK)] == ["passed", "passed"]
    assert len(two.check_history(CHECK, every=True)) == 3

    back = two.rollback("main~1")
    assert seen(one) == seen(two) == [1]
    assert one.publications() == [back, second, first]
    assert one.audit_of("main").receipt.author == "two"
    assert load(one, 4).previous == back.commit
    assert [each.receipt for each in two.publications(2)] == [each.receipt for each in one.publications(2)]


def test_the_commands_show_them_too(lakes, machines):
    published = load(lakes[0], 1)
    audit = ask(machines[1], "audit", "show", "main", "--json")
    assert (audit["receipt"], audit["author"]) == (published.receipt, "one")
    history = ask(machines[1], "audit", "history", CHECK, "--json")
    assert [each["outcome"] for each in history] == ["passed"]


def ask(folder, *words):
    command = [sys.executable, "-m", "lagoa.cli", "--lake", str(folder), "--profile", "stack", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_neither_keeps_receipts_of_its_own(lakes, machines):
    load(lakes[0], 1)
    assert [path for folder in machines for path in folder.rglob("receipts.db")] == []


def test_both_take_turns_to_move_main(lakes, machines):
    one, two = lakes
    load(one, 1)
    with one.context.turns.turn(60) as came:
        assert came
        with two.context.turns.turn(0) as beside:
            assert not beside
    assert load(two, 2).report.passed
    assert not any((folder / ".lagoa/turns").exists() for folder in machines)


def test_without_the_database_reading_goes_on_and_nothing_is_published(lakes, machines, monkeypatch):
    load(lakes[0], 1)
    monkeypatch.setenv("LAGOA_POSTGRES_URL", "postgresql://127.0.0.1:1/lagoa")
    monkeypatch.setenv("LAGOA_PATIENCE_S", "0.5")
    with lagoa.open_lake(machines[1], "stack") as lake:
        head = lake.resolve("main").id
        work = lake.create_branch("load/2")
        work.append("bronze.people", people(2), batch="b2")
        with pytest.raises(CatalogBusy, match="PostgreSQL"):
            work.publish()
        assert (lake.resolve("main").id, seen(lake)) == (head, [1])
