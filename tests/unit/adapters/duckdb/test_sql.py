"""DuckDB's errors as Lagoa's: what is told of an object store that does not serve."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

from lagoa.adapters.duckdb.sql import query_error
from lagoa.errors import QueryError, StorageUnavailable


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "IO Error: Could not connect to server error for HTTP HEAD to 'http://h/b/a'",
            "could not connect to server",
        ),
        ("HTTP Error: Request returned HTTP 503 for HTTP PUT to 'http://h/b/a'", "request returned HTTP 503"),
    ],
)
def test_a_store_that_does_not_answer_is_no_fault_of_the_query(text, told):
    error = query_error(duckdb.IOException(text))
    assert isinstance(error, StorageUnavailable)
    assert error.message == f"The object store at http://h: {told}."


def test_a_full_disk_is_told_as_before():
    error = query_error(duckdb.IOException("IO Error: No space left on device"))
    assert isinstance(error, QueryError)
    assert "disk" in error.advice


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (duckdb.IOException('IO Error: Cannot open file "/w/a.parquet": No such file or directory'), "is missing"),
        (duckdb.IOException('IO Error: No files found that match the pattern "/w/a.parquet"'), "is missing"),
        (duckdb.InvalidInputException("Invalid Input Error: No magic bytes found at end of file '/w/a'"), "is damaged"),
        (duckdb.Error("Out of buffer"), "is damaged"),
        (duckdb.IOException('IO Error: Cannot open file "/w/a.parquet": Permission denied'), "Let the user that runs"),
        (duckdb.BinderException("Binder Error: column damaged not found"), "Fix the query"),
    ],
)
def test_a_data_file_that_is_lost_is_no_fault_of_the_query(error, advice):
    assert advice in query_error(error).advice


def test_ctrl_c_in_rows_from_python_is_no_error_of_the_query():
    def rows():
        yield pa.record_batch({"n": [1]})
        raise KeyboardInterrupt

    reader = pa.RecordBatchReader.from_batches(pa.schema({"n": pa.int64()}), rows())
    with pytest.raises(duckdb.Error) as failed:
        duckdb.connect().execute("SELECT sum(n) FROM reader").fetchall()
    del reader
    with pytest.raises(KeyboardInterrupt):
        query_error(failed.value)
    with pytest.raises(KeyboardInterrupt):
        query_error(duckdb.InterruptException("INTERRUPT Error: Interrupted!"))
