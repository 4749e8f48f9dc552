"""Each case gives on Spark the rows and types that it gives on DuckDB."""

from __future__ import annotations

import pytest

from tests.engines.cases import EXPRESSIONS, STATEMENTS, in_duckdb, in_engine
from tests.engines.comparing import differences, type_name

pytestmark = [
    pytest.mark.timeout(300),  # the first one starts Spark
    pytest.mark.filterwarnings("ignore:unclosed .*socket:ResourceWarning"),  # PySpark's own
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.mark.parametrize("name", [*EXPRESSIONS, *STATEMENTS])
def test_spark_gives_what_duckdb_gives(name, duck, spark):
    sql, columns, rows = in_duckdb(name, duck)
    frame = spark.sql(in_engine(sql, "spark"))
    theirs = {each.name: type_name(each.dataType.simpleString(), "spark") for each in frame.schema.fields}
    got = [tuple(row.values()) for row in frame.toArrow().to_pylist()]
    assert theirs == columns
    assert differences(list(columns), rows, got) == []
