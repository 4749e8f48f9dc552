"""A user's SQL reads the tables of the lake and nothing else: attacks are refused, analysts' SQL passes."""

# ruff: noqa: E501 - one query a line
from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

from lagoa.adapters.duckdb.confine import _REFUSED_FUNCTIONS, _REFUSED_PREFIXES, _TABLE_FUNCTIONS
from lagoa.adapters.duckdb.engine import DuckDBEngine
from lagoa.adapters.duckdb.instance import _extension_file
from lagoa.domain.tables import TableName
from lagoa.errors import QueryError
from lagoa.storage.local import LocalStorage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDBEngine]:
    warehouse = tmp_path_factory.mktemp("state") / "warehouse"
    warehouse.mkdir()
    with DuckDBEngine(
        LocalStorage(warehouse),
        spill=warehouse.parent / "spill",
        memory_limit="500MB",
        threads=1,
        target_file_bytes=2**27,
    ) as engine:
        yield engine


ATTACKS = [
    # other statements
    "insert into gold.a values (1)", "update gold.a set x = 1", "delete from gold.a", "drop table gold.a",
    "create table x as select 1", "create or replace view v as select 1", "alter table gold.a add column x int",
    "copy gold.a to '/tmp/x.csv'", "copy (select 1) to '/tmp/x.parquet'", "copy gold.a from '/etc/passwd'",
    "attach '/tmp/x.db'", "attach ':memory:' as m", "detach x", "use x", "set threads = 1", "reset threads",
    "set enable_external_access = true", "set lock_configuration = false", "pragma version", "call range(3)",
    "install httpfs", "load httpfs", "load '/tmp/evil.duckdb_extension'", "export database '/tmp/x'",
    "import database '/tmp/x'", "checkpoint", "vacuum", "explain select 1", "explain analyze select 1", "begin",
    "commit", "prepare p as select 1", "execute p", "create macro m() as 1", "create secret s (type s3)",
    "pivot gold.a on x using sum(y)", "summarize gold.a", "describe gold.a", "show tables",
    "show databases", "from (describe gold.a)", "select * from (show all tables)", "from (summarize gold.a)",
    "with x as (describe gold.a) from x", "comment on table gold.a is 'x'", "merge into gold.a using gold.b on true",
    # several statements
    "select 1; select 2", "select 1; drop table gold.a", "select 1; copy (select 1) to '/tmp/x'", "", ";", "-- nothing",
    # files as tables
    "from '/etc/passwd'", "from 'x.parquet'", 'select * from "/etc/passwd"', "from 'https://example.com/x.parquet'",
    "select * from 's3://bucket/x.parquet'", 'from "x.csv".y', "select * from gold.a, 'x.csv'", "table 'x.json'",
    "select (select count(*) from 'x.parquet')", "select * from gold.a where x in (from 'x.parquet')",
    "with c as (from 'x.parquet') from c", "select * from gold.a union all from 'x.parquet'",
    'with recursive "x.csv" as (from "x.csv" union all select 1) from "x.csv"',
    'select * from (with "x.csv" as (select 1) from "x.csv") a, "x.csv" b',
    'with "x.csv" as (from "x.csv") select 1', "select * from gold.a semi join 'x.csv' using (x)",
    "from gold.a positional join 'x.csv'", "select exists(from 'x.csv')", "select list_transform([1], y -> (from 'x.csv'))",
    "from gold.a order by (from 'x.csv')", "from gold.a limit (select count(*) from 'x.csv')",
    "from gold.a qualify row_number() over (order by (from 'x.csv')) = 1",
    "select sum(x) filter (where x > (from 'x.csv')) from gold.a", "select * replace ((from 'x.csv') as x) from gold.a",
    "from gold.a pivot (sum(x) for y in ((from 'x.csv')))", "select case when (from 'x.csv') then 1 end",
    # table functions
    "from read_csv('/etc/passwd')", "from read_text('/etc/passwd')", "from read_blob('/etc/passwd')",
    "from read_parquet('*')", "from parquet_scan('*')", "from parquet_metadata('*')", "from read_json('x')",
    "from read_ndjson_objects('x')", "from glob('/*')", "from sniff_csv('/etc/passwd')", "from read_duckdb('x')",
    "from iceberg_scan('x')", "from iceberg_metadata('x')", "from iceberg_snapshots('x')", "from read_avro('x')",
    "from query('select 1')", "from query_table('gold.a')", "from query_table(['gold.a'])", "from duckdb_settings()",
    "from duckdb_secrets()", "from duckdb_tables()", "from duckdb_views()", "from duckdb_databases()",
    "from pragma_table_info('x')", "from pragma_database_size()", "from json_execute_serialized_sql('{}')",
    "from which_secret('x', 's3')", "from duckdb_logs()", "from enable_logging()", "from force_checkpoint()",
    "from python_map_function()", "from pandas_scan(0)", "from arrow_scan(0, 0, 0)", "from seq_scan('x')",
    "from test_all_types()", "from summary(gold.a)", "from histogram('gold.a', 'x')", "from READ_CSV('/etc/passwd')",
    "from \"read_csv\"('/etc/passwd')", "select * from gold.a, lateral read_csv(x)", "from main.read_csv('x')",
    "from system.main.read_csv('x')", "select (from read_text('/etc/passwd'))",
    # the engine's own tables, and other catalogs
    "from information_schema.tables", "from pg_catalog.pg_class", "from duckdb_tables", "from sqlite_master",
    "from pg_class", "from memory.main.x", "from lagoa_0.gold.a", "from temp.x", "from main.x", "from a",
    "from system.information_schema.tables", "from gold.a.b.c", "select * from x.gold.a", "from _lagoa_source",
    "from gold.a at (version => 1)", "from gold.a at (timestamp => now())",
    # functions that reach beyond the tables
    "select getenv('HOME')", "select GETENV('HOME')", "select 'HOME'.getenv()", "select current_setting('temp_directory')",
    "select getvariable('x')", "select nextval('s')", "select write_log('x')", "select sleep_ms(10)", "select setseed(0.1)",
    "select json_serialize_plan('from ''x.csv''')", "select current_query()", "select pg_get_viewdef(1)",
    "select main.current_setting('x')", "select system.main.getenv('x')", "select pg_sleep(10)", "select has_table_privilege('x', 'y')",
    "select sum(x) over (order by current_setting('x')) from gold.a", "select list_transform([1], x -> getenv('x'))",
    "from gold.a where x = current_setting('x')", "from gold.a order by getenv('x')", "values (getenv('x'))",
    "select * from range(current_setting('threads')::int)", "from gold.a group by getenv('x')", "select txid_current()",
    "select cast(current_setting('x') as int)", "select {'a': getenv('x')}", "select [getenv('x')]", "select columns(x -> getenv(x)) from gold.a",
    "select inet_server_addr()", "select __internal_compress_string_ubigint('x')", "select finalize(x) from gold.a",
    # parameters, and text that is no SQL
    "select $1", "select ? from gold.a", "select * from gold.a where x = $x", "selec 1", "select 'x", "select /* from gold.a",
    "from Größe.a", 'from gold."a b"', 'from gold."a;drop"', 'from "gold"."../a"',
]  # fmt: skip


@pytest.mark.parametrize("sql", ATTACKS)
def test_what_does_more_than_read_tables_is_refused(engine: DuckDBEngine, sql: str) -> None:
    with pytest.raises(QueryError) as caught:
        engine.tables_read(sql)
    assert caught.value.advice, "the error says what is allowed"


ORDINARY = {
    "select 1": "",
    "select 1;": "",
    "select 1 -- a comment": "",
    "from gold.a": "gold.a",
    "SELECT * FROM Gold.A": "gold.a",
    'select * from "gold"."a"': "gold.a",
    "table gold.a": "gold.a",
    "values (1, 'a'), (2, 'b')": "",
    "select * from (values (1, 2)) as v(x, y)": "",
    "with c as (select * from gold.a) select * from c": "gold.a",
    "with c as materialized (from gold.a), d as (from c) select * from d union all by name from C": "gold.a",
    "with recursive r(n) as (select 1 union all select n + 1 from r where n < 9) select * from r": "",
    "with recursive t(a) using key (a) as (select 1 union select a from recurring.t) from t": "",
    "select * from (with c as (from gold.b) from c) join gold.a using (x)": "gold.a gold.b",
    "select a.x, b.y from gold.a a join silver.b b on a.x = b.x left join gold.c using (y)": "gold.a silver.b gold.c",
    "select * from gold.a asof join gold.b on a.t >= b.t": "gold.a gold.b",
    "select * from gold.a semi join gold.b using (x)": "gold.a gold.b",
    "select *, (select max(y) from gold.b where b.x = a.x) from gold.a a": "gold.a gold.b",
    "select * from gold.a, lateral (select a.x + 1 as z) l": "gold.a",
    "select x, sum(y) over (partition by x order by t rows between 3 preceding and current row) from gold.a": "gold.a",
    "select * from gold.a qualify row_number() over (partition by x order by t desc) = 1": "gold.a",
    "select x, rank() over w from gold.a window w as (order by y)": "gold.a",
    "select x, count(*) filter (where y > 1), list(z order by z) from gold.a group by all having count(*) > 1": "gold.a",
    "select x, y, sum(z) from gold.a group by grouping sets ((x), (y), ()), grouping_id(x)": None,
    "select x, sum(z) from gold.a group by rollup (x)": "gold.a",
    "select * exclude (x) replace (y + 1 as y), columns('z.*') from gold.a": "gold.a",
    "select * from gold.a order by all limit 10 offset 5": "gold.a",
    "select distinct on (x) * from gold.a order by x, t desc": "gold.a",
    "from gold.a select x where y in (select y from gold.b) intersect select 1 except select 2": "gold.a gold.b",
    "select * from gold.a using sample 10%": "gold.a",
    "select unnest([1, 2, 3]), * from range(3) r(i), generate_series(1, 2)": "",
    "select * from gold.a, unnest(a.items) as u(item)": "gold.a",
    "select list_transform(l, lambda v: v + 1), list_filter(l, v -> v > 1), [v * 2 for v in l if v > 1] from gold.a": "gold.a",
    "select {'a': 1, 'b': [1, 2]}.a, struct_pack(x := 1), map {'k': 1}['k'], (1, 2), row(1, 2), l[1:2] from gold.a": "gold.a",
    "select extract(year from t), date_trunc('month', t), t + interval 1 month, t at time zone 'UTC' from gold.a": "gold.a",
    "select position('a' in s), substring(s from 1 for 2), trim(both 'x' from s), s similar to 'b', s ilike '%a%' from gold.a": "gold.a",
    "select cast(x as int), try_cast(x as date), x::decimal(9, 2), coalesce(x, 1), nullif(x, 0), if(x, 1, 2) from gold.a": "gold.a",
    "select case x when 1 then 'a' else 'b' end, x between 1 and 2, x is distinct from y from gold.a": "gold.a",
    "select regexp_extract(s, '(a)', 1), string_split(s, ','), strftime(t, '%Y'), format('{}', x), md5(s) from gold.a": "gold.a",
    "select quantile_cont(x, 0.5), arg_max(x, y), approx_count_distinct(z), string_agg(s, ',' order by s) from gold.a": "gold.a",
    "select j ->> '$.a', json_extract(j, '$.b'), to_json(a) from gold.a": "gold.a",
    "select * from gold.a pivot (sum(y) for x in ('a', 'b') group by z)": "gold.a",
    "select * from gold.a unpivot (v for n in (x, y))": "gold.a",
    "select pg_typeof(x), typeof(x), current_date, now(), random(), uuid() from gold.a": "gold.a",
    "unpivot gold.a on x": "gold.a",
    "select #1 from gold.a order by 1": "gold.a",
}  # fmt: skip


@pytest.mark.parametrize("sql", ORDINARY)
def test_ordinary_sql_passes_and_its_tables_are_told(engine: DuckDBEngine, sql: str) -> None:
    expected = ORDINARY[sql]
    if expected is None:
        assert engine.tables_read(sql)
    else:
        assert engine.tables_read(sql) == {TableName.parse(name) for name in expected.split()}


@pytest.mark.parametrize(
    "sql",
    [
        "from read_text('/etc/passwd')",
        "from '/etc/passwd'",
        "copy (select 1) to '/tmp/lagoa-attack.csv'",
        "attach '/tmp/lagoa-attack.db' as x",
        "set enable_external_access = true",
        "set threads = 1",
        "install httpfs",
    ],
)
def test_the_engine_itself_is_locked_for_a_users_sql(engine: DuckDBEngine, sql: str) -> None:
    with engine.session({}, confined=True) as session, pytest.raises(QueryError):
        session.query(sql).fetchall()


def test_no_other_extension_can_be_loaded_beside_those_of_the_engine(engine: DuckDBEngine, tmp_path: Path) -> None:
    unsigned = tmp_path / "other.duckdb_extension"
    content = bytearray(_extension_file("avro").read_bytes())
    content[-1] ^= 1  # the signature is at the end
    unsigned.write_bytes(content)
    for confined in (True, False):
        engine._instance(confined=confined).load_extension()
        with engine.session({}, confined=confined) as session, pytest.raises(QueryError, match=r"signature|disabled"):
            session.query(f"LOAD '{unsigned}'").fetchall()


def test_objects_of_the_process_are_no_tables(engine: DuckDBEngine) -> None:
    import pandas as pd

    secret = pd.DataFrame({"x": [1]})
    for confined in (True, False):
        with engine.session({}, confined=confined) as session, pytest.raises(QueryError):
            session.query("from secret").fetchall()
    assert len(secret) == 1


def test_every_function_with_a_side_effect_was_looked_at() -> None:
    """Fails when a newer DuckDB brings functions that nobody has decided on."""
    harmless = {"error", "random", "uuid", "uuidv4", "uuidv7", "gen_random_uuid"}
    found = duckdb.sql("SELECT DISTINCT function_name FROM duckdb_functions() WHERE has_side_effects").fetchall()
    refused = {name for (name,) in found if name in _REFUSED_FUNCTIONS or name.startswith(_REFUSED_PREFIXES)}
    assert {name for (name,) in found} - refused == harmless


def test_the_table_functions_allowed_exist_and_open_no_file() -> None:
    found = duckdb.sql(
        "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type IN ('table', 'table_macro')"
    ).fetchall()
    assert {name for (name,) in found} >= _TABLE_FUNCTIONS


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("select 1 where false; drop table bronze.t", "2 statements were given"),
        ("select 1; select 2", "2 statements were given"),
        ("with x as (select 1 as a) insert into bronze.t select * from x", "not INSERT"),
        ("-- a comment\ndrop table bronze.t", "not DROP"),
        ("update bronze.t set a = 1", "not UPDATE"),
    ],
)
def test_what_is_not_one_select_is_named(engine: DuckDBEngine, sql: str, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        engine.tables_read(sql)


def test_a_query_nested_without_end_is_refused_politely(engine: DuckDBEngine) -> None:
    with pytest.raises(QueryError):
        engine.tables_read("select " + "abs(" * 900 + "1" + ")" * 900)
    with pytest.raises(QueryError, match="characters"):
        engine.tables_read("select '" + "x" * 1_000_001 + "'")
