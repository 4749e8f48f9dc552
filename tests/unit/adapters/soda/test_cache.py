"""Check files that were read before are not parsed again, and never are another thing for that."""

from __future__ import annotations

import pytest

from lagoa.adapters.soda.auditor import SodaAuditor
from lagoa.adapters.soda.cache import CheckFileCache
from lagoa.domain.tables import TableName
from lagoa.errors import CheckError

ORDERS = TableName.parse("silver.orders")
TEXT = """filter: state <> 'x'
columns:
  - name: state
    checks:
      - missing: {qualifier: "á", threshold: {level: warn, must_be: 0}}
      - invalid: {valid_reference_data: {dataset: lake/silver/states, column: state}}
checks:
  - freshness: {column: sold_at, threshold: {unit: hour, must_be_less_than: 3}}
  - failed_rows:
      query: |
        SELECT * FROM silver.orders
        WHERE sold_at > now()
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "orders.yaml"
    path.write_text(TEXT)
    return path


@pytest.fixture
def cache(tmp_path, path):
    auditor = SodaAuditor(tmp_path / "checks.cache")
    auditor.read(ORDERS, path)
    auditor.close()
    return tmp_path / "checks.cache"


def test_a_file_that_is_as_it_was_is_known(path, cache):
    known = CheckFileCache(cache).get(ORDERS, path)
    assert known is not None
    assert known == SodaAuditor().read(ORDERS, path) == SodaAuditor(cache).read(ORDERS, path)


def test_a_file_is_read_once_by_a_process(path):
    auditor = SodaAuditor()
    assert auditor.read(ORDERS, path) is auditor.read(ORDERS, path)


def test_a_changed_file_is_read(path, cache):
    auditor = SodaAuditor(cache)
    before = auditor.read(ORDERS, path)
    path.write_text(TEXT.replace("3}", "4}"))
    assert CheckFileCache(cache).get(ORDERS, path) is None
    after = auditor.read(ORDERS, path)
    assert [a == b for a, b in zip(before.checks, after.checks, strict=True)] == [True, True, False, True]
    auditor.close()
    assert CheckFileCache(cache).get(ORDERS, path) == after


def test_another_tables_file_is_not_this_ones(path, cache):
    other = SodaAuditor(cache).read(TableName.parse("silver.others"), path)
    assert {each.id.partition("/")[0] for each in other.checks} == {"silver.others"}


def test_a_file_with_a_fault_is_refused_each_time(path, cache):
    path.write_text(TEXT.replace("missing:", "misssing:"))
    auditor = SodaAuditor(cache)
    for _ in range(2):
        with pytest.raises(CheckError) as told:
            auditor.read(ORDERS, path)
        assert (told.value.file, told.value.line) == (str(path), 5)
        faults: list[CheckError] = []
        assert len(auditor.read(ORDERS, path, faults).checks) == 3
        assert [each.line for each in faults] == [5]
    auditor.close()
    assert CheckFileCache(cache).get(ORDERS, path) is None


def test_a_file_that_is_gone_is_told(path, cache):
    path.unlink()
    with pytest.raises(CheckError, match="cannot be read"):
        SodaAuditor(cache).read(ORDERS, path)


def test_a_damaged_cache_does_no_harm(path, cache):
    cache.write_bytes(cache.read_bytes().replace(b"must_be", b"must_not"))
    assert CheckFileCache(cache).get(ORDERS, path) is None
    assert SodaAuditor(cache).read(ORDERS, path) == SodaAuditor().read(ORDERS, path)
