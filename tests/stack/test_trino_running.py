"""Queries that run while their table is renamed or dropped, or while the sandbox that they read ends."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from command_line import ok
from lakes import LakeFolder
from trino.exceptions import TrinoQueryError, TrinoUserError

from lagoa.domain.commits import Change
from lagoa.sandbox import ENDS
from tests.stack.test_stack import wait_until
from tests.stack.trino_lake import analysts, lake_on, refusal, without_sandboxes

pytestmark = pytest.mark.timeout(300)

NAME = f"ana{uuid.uuid4().hex[:6]}"
CATALOG = f"sandbox_{NAME}"

SLOW = (
    "SELECT t.id, t.spent, slow.n IS NOT NULL FROM own.kept t JOIN (SELECT bitwise_xor_agg(from_big_endian_64("
    "xxhash64(to_big_endian_64(x * y)))) AS n FROM UNNEST(sequence(1, 10000)) a(x), UNNEST(sequence(1, 10000)) b(y)) "
    "slow ON true ORDER BY t.id"
)
"""It takes some seconds before the first row of the table is read: the right side of the join comes first."""

RUNNING = "SELECT count(*) FROM system.runtime.queries WHERE state = 'RUNNING' AND query LIKE 'SELECT t.id, t.spent%'"

ROWS = [(1, Decimal("99999999.99"), True), (2, None, True)]


@pytest.fixture(scope="module")
def stack(signed, tmp_path_factory):
    with lake_on(signed, tmp_path_factory.mktemp("lake")) as here, without_sandboxes(here):
        yield here


@pytest.fixture(scope="module")
def owner(stack):
    with analysts(stack) as make:
        yield make("engineer", NAME)


@pytest.fixture
def sandbox(stack, owner):
    """Return the folder of the lake, with a sandbox in which its owner made a table."""
    ok(stack._root, "sandbox", "create", NAME)
    owner.rows("CREATE SCHEMA own", catalog=CATALOG)
    owner.rows("CREATE TABLE own.kept AS SELECT id, spent FROM gold.customers", catalog=CATALOG)
    yield stack._root
    with LakeFolder(stack._root).open() as lake:
        if NAME in {each.name for each in lake.sandboxes()}:
            lake.delete_ref(f"sandbox/{NAME}")


def while_it_runs(owner, act):
    """Start a query, do something while it runs, and return its rows."""
    with ThreadPoolExecutor(1) as thread:
        as_written = {"join_reordering_strategy": "NONE"}
        asked = thread.submit(owner.rows, SLOW, catalog=CATALOG, session_properties=as_written)
        wait_until(lambda: owner.rows(RUNNING) == [(1,)] or asked.done())
        assert not asked.done(), asked.result()
        act()
        assert not asked.done(), asked.result()
        return asked.result()


def test_a_query_ends_on_the_state_in_which_it_began_though_its_table_is_renamed_or_dropped(sandbox, owner):
    assert while_it_runs(owner, lambda: owner.rows("ALTER TABLE own.kept RENAME TO own.other", catalog=CATALOG)) == ROWS
    with pytest.raises(TrinoUserError, match=r"Table 'sandbox_.*\.own\.kept' does not exist"):
        owner.rows(SLOW, catalog=CATALOG)
    owner.rows("ALTER TABLE own.other RENAME TO own.kept", catalog=CATALOG)
    assert while_it_runs(owner, lambda: owner.rows("DROP TABLE own.kept", catalog=CATALOG)) == ROWS
    assert refusal(owner, SLOW, catalog=CATALOG) == "TABLE_NOT_FOUND"


def test_a_query_of_a_sandbox_whose_time_ends_is_right_or_fails_with_its_name(sandbox, owner):
    def end():
        with LakeFolder(sandbox).open() as lake:
            found = lake.sandbox(NAME)
            over = {ENDS: (datetime.now(UTC) - timedelta(seconds=1)).isoformat()}
            lake.context.catalog.commit(found.branch, found.commit, Change(message="over", properties=over))
        assert f"Deleted the sandbox {NAME}" in ok(sandbox, "sandbox", "delete", "--expired").out

    try:
        answer = while_it_runs(owner, end)
    except TrinoQueryError as error:
        answer = error.message
    assert answer == ROWS or f"No catalog '{CATALOG}'" in answer  # by whether it had opened its tables by then
    with pytest.raises(TrinoUserError, match=f"Catalog '{CATALOG}' not found"):
        owner.rows(SLOW, catalog=CATALOG)
