"""A kind of check is a module and a line in the registry: these alone make it run, block, be kept and be missed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from small_lake import PEOPLE
from toy_check import Forbidden

from lagoa.audit.kinds import KINDS
from lagoa.errors import AuditFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECK = "bronze.people/forbidden/age"


@pytest.fixture
def _registered() -> Iterator[None]:
    KINDS.append(Forbidden)
    yield
    KINDS.remove(Forbidden)


def contract(small, *forbidden: int) -> None:
    house = {"customProperties": [{"property": "house.forbidden", "value": list(forbidden)}]} if forbidden else {}
    small.contract("bronze.people", {**PEOPLE, "age": {**PEOPLE["age"], **house}})


@pytest.mark.usefixtures("_registered")
def test_a_kind_of_check_is_a_module_and_a_line(small):
    contract(small, 42, 43)
    with small.open() as lake:
        assert CHECK in lake.checks()
        assert CHECK in lake.check_contracts().checks
        dev = lake.create_branch("dev")
        dev.append("bronze.people", pa.concat_tables([small.people(1, age=30), small.people(2, age=31)]))
        assert dev.publish().loosened == ()
        report = lake.audit_of("main").report
        passed = report.result(CHECK)
        assert (passed.outcome, passed.figure, passed.definition) == ("passed", 0, '{"forbidden": [42, 43]}')
        assert (passed.owner, passed.message) == ("tests", "0 rows whose age is one of 42, 43")
        assert passed.seconds == report.result("bronze.people/range/age").seconds  # of one scan, shared evenly

        dev.append("bronze.people", small.people(3, age=42))
        main = lake.resolve("main").id
        with pytest.raises(AuditFailed):
            dev.publish()
        assert lake.resolve("main").id == main
        refused = lake.audit_of("dev").report
        assert [(each.check, each.figure) for each in refused.blocking] == [(CHECK, 1)]
        assert lake.failing_rows(refused, CHECK).column("id").to_pylist() == [3]
        assert dev.audit().result(CHECK).reused

    contract(small, 43)
    with small.open() as lake:
        assert lake.branch("dev").publish().loosened == (f"{CHECK}: no longer forbids 42",)
    contract(small)
    with small.open() as lake:
        dev = lake.branch("dev")
        dev.append("bronze.people", small.people(4, age=43))
        assert dev.publish().loosened == (f"{CHECK}: removed",)
        history = lake.check_history(CHECK, every=True)
        assert [each.result.outcome for each in history] == ["passed", "failed", "failed", "passed"]


def test_what_a_kind_that_is_gone_has_found_can_still_be_read(small):
    contract(small, 42)
    KINDS.append(Forbidden)
    try:
        with small.open() as lake:
            dev = lake.create_branch("dev")
            dev.append("bronze.people", small.people(1, age=30))
            dev.publish()
    finally:
        KINDS.remove(Forbidden)
    with small.open() as lake:
        assert lake.audit_of("main").report.result(CHECK).outcome == "passed"
        dev = lake.branch("dev")
        dev.append("bronze.people", small.people(2, age=42))
        assert dev.publish().loosened == (f"{CHECK}: removed",)
