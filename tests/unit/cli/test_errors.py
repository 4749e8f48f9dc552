"""Exit codes, and how an error is told."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lagoa import errors
from lagoa.cli.errors import describe, exit_code, system_error
from lagoa.domain.checks import AuditReport, CheckResult
from lagoa.domain.tables import TableName


def report(failed, passed=2):
    results = [
        CheckResult(f"t/check/{n}", "t", "failed", 3.0, "= 0", f"3 rows are wrong in {n}", 0.1, f"key{n}")
        for n in range(failed)
    ]
    results += [CheckResult(f"t/ok/{n}", "t", "passed", 0.0, "= 0", "", 0.1, f"ok{n}") for n in range(passed)]
    return AuditReport("dev", "a" * 64, "b" * 64, tuple(results), datetime.now(UTC), 0.5)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.LagoaError("x"), 1),
        (errors.InvalidName("branch", "a b", "letters"), 1),
        (errors.QueryError("x"), 1),
        (errors.AuditFailed(report(1)), 3),
        (errors.PublishConflict("dev", [TableName.parse("a.b")], "1" * 64, "2" * 64, "both changed"), 4),
        (errors.CommitLost("dev", "1" * 64, "2" * 64), 5),
        (errors.CatalogBusy("x"), 5),
        (errors.PublishContended("dev", 5), 5),
    ],
)
def test_exit_code(error, code):
    assert exit_code(error) == code


def test_a_failed_audit_is_told_check_by_check():
    told = describe(errors.AuditFailed(report(12))).splitlines()
    assert told[0] == "12 of 14 checks block dev:"
    assert told[1] == "  t/check/0: 3 rows are wrong in 0"
    assert told[-1] == "  and 2 more"
    assert len(told) == 12


def test_a_system_error_is_told_in_one_short_line():
    told = system_error(OSError(36, "File name too long", "n" * 10_000))
    assert told.endswith("(10000 characters): File name too long.")
    assert len(told) < 300
    assert system_error(OSError("no room")) == "no room."
