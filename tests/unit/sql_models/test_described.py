"""Tables that another engine does not read are left to DuckDB, and the reason is said."""

from __future__ import annotations

import pytest

from lagoa.domain.tables import TableName
from lagoa.sql_models.described import unread

TABLE = TableName.parse("silver.t")


@pytest.mark.parametrize("engine", ["spark", "trino"])
def test_a_table_of_a_later_version_of_iceberg_is_read_by_none(engine):
    assert unread(engine, TABLE, ["long"], 3) == "silver.t is written in version 3 of Iceberg"
    assert unread(engine, TABLE, ["long"], 2) == ""


def test_each_engine_has_what_it_does_not_read():
    assert "type time" in unread("spark", TABLE, ["map<string, time>"])
    assert unread("trino", TABLE, ["map<string, time>"]) == ""
    assert unread("spark", TABLE, ["timestamp"]) == ""
    assert "may not read" in unread("trino", TABLE.quarantine, ["string"])
    assert unread("spark", TABLE.quarantine, ["string"]) == ""
