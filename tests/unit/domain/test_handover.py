"""What goes between a caller and the publisher's own step comes back as it was."""

from __future__ import annotations

import inspect
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lagoa import errors
from lagoa.adapters.shared.receipt_parts import Parts, new_parts
from lagoa.domain.approvals import Approval
from lagoa.domain.checks import AuditReport, CheckResult
from lagoa.domain.handover import of_error, of_result, read_answer
from lagoa.domain.receipts import Publication
from lagoa.domain.tables import TableName
from lagoa.errors import AuditFailed, LagoaError, NothingToPublish

MOMENT = datetime(2026, 11, 21, 8, 0, 1, 234567, tzinfo=UTC)
RESULT = CheckResult("silver.orders/key", "silver.orders", "failed", 3.0, "= 0", "3 doubles", 0.1, "k", owner="sales")
REPORT = AuditReport("run/daily/1", "a" * 64, "b" * 64, (RESULT, replace(RESULT, figure=None)), MOMENT, 1.5)
APPROVAL = Approval("dev", "a" * 64, "bia", MOMENT, "fine", enforced=True)
PUBLICATION = Publication(
    "a" * 64,
    "b" * 64,
    MOMENT,
    "c" * 32,
    ("silver.orders",),
    REPORT,
    ("bronze.orders: day 1",),
    True,
    ("less is asked",),
    approvals=(APPROVAL,),
)
VALUES = {
    "report": REPORT,
    "table": TableName(("bronze",), "orders"),
    "tables": [TableName(("bronze",), "orders"), TableName(("deep", "er"), "orders")],
    "path": Path("/lake/catalog.db"),
    "folder": Path("/lake"),
    "log": Path("/lake/server.log"),
    "file": Path("iceberg/bronze/orders.odcs.yaml"),
    "line": 7,
}
"""What an argument of this name is given; any other is text."""

CLASSES = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, LagoaError)]


def made(kind):
    parameters = [each for each in inspect.signature(kind).parameters.values() if each.kind != each.KEYWORD_ONLY]
    return kind(
        *(3 if each.annotation == "int" else VALUES.get(each.name, f"some {each.name} é") for each in parameters)
    )


@pytest.mark.parametrize("result", [PUBLICATION, REPORT, APPROVAL])
def test_a_result_comes_back(result):
    assert read_answer(of_result(result)) == result


class Store:
    """Keeps the parts of results in memory, and counts how many of them were read."""

    def __init__(self, results) -> None:
        self.documents = new_parts(results, lambda _: ())
        self.reads = 0
        self.parts = Parts(self.read)

    def read(self, digests):
        self.reads += len(digests)
        return {digest: self.documents[digest] for digest in digests}


def test_stored_results_are_only_named_where_the_caller_reads_the_same_store():
    results = [replace(RESULT, check=f"a.t{n}/key", table=f"a.t{n}", outcome="passed") for n in range(500)]
    report = replace(REPORT, results=results)
    assert len(of_result(report, by_reference=True)) > 100_000  # nothing keeps them yet
    store = Store(report.by_table)
    document = of_result(replace(PUBLICATION, report=report), by_reference=True)
    assert len(document) < 25_000
    found = read_answer(document, store.parts)
    assert found.report.outcomes == report.outcomes
    assert (found.report.passed, store.reads) == (True, 0)
    assert found == replace(PUBLICATION, report=report)
    with pytest.raises(ValueError, match="only named"):
        read_answer(document)
    with pytest.raises(AuditFailed) as told:
        read_answer(of_error(AuditFailed(report), by_reference=True), store.parts)
    assert told.value.report == report
    assert read_answer(of_result(report)) == report


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_each_error_comes_back(kind):
    error = made(kind)
    with pytest.raises(kind) as told:
        read_answer(of_error(error))
    assert type(told.value) is kind
    assert str(told.value) == str(error)
    assert vars(told.value) == vars(error)


def test_the_audit_of_a_failed_publication_comes_back():
    with pytest.raises(AuditFailed) as told:
        read_answer(of_error(AuditFailed(REPORT)))
    assert told.value.report == REPORT
    assert told.value.report.blocking == REPORT.results


def test_what_caused_an_error_stays_where_it_was():
    error = NothingToPublish("run/daily/1")
    error.__cause__ = ValueError("token=abc")
    assert "abc" not in of_error(error)


@pytest.mark.parametrize(
    "document",
    [
        "",
        "{",
        "null",
        "[]",
        "{}",
        '{"result": null}',
        '{"result": {"Publication": {"commit": "a"}}}',
        '{"error": "Exception", "text": "", "fields": {}}',
        '{"error": "annotations", "text": "", "fields": {}}',
        '{"error": "nobody knows it", "text": "", "fields": {}}',
        '{"error": "WriteError", "text": "", "fields": {"table": {"subprocess": "ls"}}}',
        '{"error": "WriteError", "text": "", "fields": {"table": {}}}',
    ],
)
def test_anything_else_is_no_answer(document):
    with pytest.raises(ValueError, match=r"answer|JSON|Expecting|unpack"):
        read_answer(document)


def test_a_document_is_small():
    assert len(of_result(replace(PUBLICATION, report=replace(REPORT, results=(RESULT,) * 200)))) < 100_000
    assert json.loads(of_error(NothingToPublish("x")))["error"] == "NothingToPublish"
