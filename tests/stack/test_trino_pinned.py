"""The catalog `lake_pinned`: all published tables at one commit, which moves whole with each publication."""

from __future__ import annotations

import re
import sys
from collections import Counter
from datetime import date
from decimal import Decimal
from threading import Event, Thread

import pyarrow as pa
import pytest
from command_line import lagoa, ok
from lakes import LakeFolder
from trino.exceptions import TrinoQueryError, TrinoUserError

from tests.stack.test_stack import wait_until
from tests.stack.trino_lake import TYPES, analysts, as_admin, lake_on, refusal

pytestmark = pytest.mark.timeout(300)

PINNED = "lake_pinned"
BOTH = "SELECT (SELECT count(*) FROM gold.customers), (SELECT count(*) FROM gold.sales)"
"""At first 2 and 1; each publication adds one to both."""

GONE = re.compile(rf"No catalog '{PINNED}'|Missing catalogs: \[CatalogProperties\[catalogHandle={PINNED},")
"""What Trino says of a query that it was planning when the catalog was made again."""


@pytest.fixture(scope="module")
def stack(signed, tmp_path_factory):
    """Return the stack with that catalog, which is gone in the end."""
    with lake_on(signed, tmp_path_factory.mktemp("lake")) as here:
        assert f"--catalog {PINNED}" in ok(here._root, "connect", "trino", "--pinned").out
        yield here
        as_admin(here).rows(f"DROP CATALOG {PINNED}")


@pytest.fixture(scope="module")
def reader(stack):
    with analysts(stack) as make:
        yield make("reader")


def publish(stack, number):
    """Add a row to both tables."""
    more = {"day": pa.array([date(2026, 4, number)]), "amount": pa.array([Decimal("1.00")], pa.decimal128(10, 2))}
    with LakeFolder(stack._root).open() as lake:
        branch = lake.create_branch(f"more-{number}")
        branch.append("gold.customers", pa.Table.from_pylist([{"id": 100 + number, "name": "Rui"}], TYPES))
        branch.append("gold.sales", pa.table(more))
        branch.publish()


def test_it_moves_with_publications_and_rollbacks_and_nobody_writes_it(stack, reader):
    assert reader.rows(BOTH, catalog=PINNED) == [(2, 1)]
    publish(stack, 1)
    assert reader.rows(BOTH, catalog=PINNED) == [(3, 2)]
    ok(stack._root, "rollback", "main~1")
    assert reader.rows(BOTH, catalog=PINNED) == [(2, 1)]
    assert reader.rows("SELECT id, name FROM gold.customers ORDER BY id", catalog=PINNED) == [(1, None), (2, None)]
    for sql in ("INSERT INTO gold.sales (day) VALUES (DATE '2026-01-01')", "ALTER TABLE gold.sales EXECUTE optimize"):
        assert refusal(reader, sql, catalog=PINNED) == "PERMISSION_DENIED"
    assert refusal(reader, f"DROP CATALOG {PINNED}") == "PERMISSION_DENIED"
    assert lagoa(stack._root, "connect", "pyiceberg", "--pinned").code == 2


@pytest.mark.nightly
def test_no_query_sees_a_mix_while_main_moves(stack, reader):
    seen = {"lake": Counter(), PINNED: Counter()}
    over = Event()

    def ask():
        while not over.is_set():
            for catalog, counts in seen.items():
                try:
                    ((customers, sales),) = reader.rows(BOTH, catalog=catalog)
                    counts["whole" if customers - sales == 1 else "mixed"] += 1
                except TrinoUserError as error:
                    counts[error.error_name] += 1
                except TrinoQueryError as error:  # it was being planned when the catalog went
                    counts["gone" if GONE.search(str(error)) else str(error)] += 1

    threads = [Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for number in range(2, 12):
            publish(stack, number)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    sys.stdout.write(f"{seen}\n")
    assert seen[PINNED]["whole"] > 0
    assert seen[PINNED].keys() <= {"whole", "gone", "CATALOG_NOT_FOUND"}
    assert seen["lake"].keys() <= {"whole", "mixed"}
    wait_until(lambda: reader.rows(BOTH, catalog=PINNED) == reader.rows(BOTH))
