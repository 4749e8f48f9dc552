"""Python models that run: what they are given, what becomes of their rows, and how they fail."""

# ruff: noqa: E501 - one case a line

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from checkout import ROOT
from python_model import ROWS, PythonModel, begun_model

from lagoa.errors import ModelError
from lagoa.sql_models.run import transform

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakes import LakeFolder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PythonModel]:
    with begun_model(tmp_path_factory.mktemp("lake")) as model:
        yield model


def test_a_model_runs_only_when_its_code_or_an_input_has_changed(model: PythonModel) -> None:
    assert model.run("return rows") == [(1, 10), (2, 20), (3, 30)]

    def ran() -> bool:
        (result,) = model.branch.transform()
        return not result.skipped

    assert not ran()
    model.write("# a comment\nreturn rows")
    assert not ran()
    model.write("return rows.slice(1)")
    assert ran()
    assert model.rows() == [(2, 20), (3, 30)]
    model.branch.append("bronze.a", pa.table({"k": [4], "v": [40]}))
    assert ran()
    assert model.rows() == [(2, 20), (3, 30), (4, 40)]
    model.branch.append("silver.t", pa.table({"k": [5], "v": [50]}))
    assert ran()
    (result,) = model.branch.backfill("silver.t")
    assert (result.skipped, result.how, result.rows) == (False, "full", 3)
    model.branch.replace("bronze.a", ROWS)


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        ("return pa.table({'v': [1], 'k': [2]})", [(2, 1)]),
        ("return pa.record_batch({'k': [2], 'v': [1]})", [(2, 1)]),
        ("return rows.schema.empty_table()", []),
        ("import polars as pl\nreturn pl.from_arrow(rows).filter(pl.col('k') > 2)", [(3, 30)]),
        ("return pa.RecordBatchReader.from_batches(rows.schema, iter(rows.to_batches(max_chunksize=1)))",
         [(1, 10), (2, 20), (3, 30)]),
        ("return pa.table({'k': pa.array([7], pa.int16()), 'v': pa.array([None], pa.int64())})", [(7, None)]),
        ("from dataclasses import dataclass\n@dataclass\nclass A: k: int\nassert A.__annotations__ == {'k': int}\nreturn pa.table({'k': [A(1).k], 'v': [1]})", [(1, 1)]),
    ],
)  # fmt: skip
def test_whatever_gives_arrow_is_written(model: PythonModel, body: str, rows: list[tuple[object, ...]]) -> None:
    assert model.run(body) == rows


@pytest.mark.parametrize(
    ("body", "line", "message"),
    [
        ("x = {}\nreturn x['no such key']", 5, "KeyError: 'no such key'."),
        ("return rows['w']", 4, "KeyError: 'Field \"w\" does not exist"),
        ("import no_such_package", 4, "ModuleNotFoundError: No module named 'no_such_package'."),
        ("def g():\n    yield rows.to_batches()[0]\n    raise ValueError('late')\nreturn pa.RecordBatchReader.from_batches(rows.schema, g())", 6, "ValueError: late."),
        ("raise SystemExit", 4, "SystemExit."),
        ("raise ValueError('x' * 1_000_000)", 4, "xxx…."),
        ("import os\nos._exit(0)", 3, "its process ended with status 0 before it returned rows."),
        ("import ctypes\nctypes.string_at(0)", 3, "its process ended by SIGSEGV before it returned rows."),
        ("pass", 3, "it returns None."),
        ("return rows.to_pylist()", 3, "it returns a list."),
        ("return rows.to_pandas()", 3, "it returns a DataFrame of pandas, in which null and NaN are the same."),
        ("return rows.select(['k'])", 3, "it does not return v, which the contract requires."),
        ("return rows.append_column('w', rows['v'])", 3, "it returns the column 'w', which is not in the contract."),
        ("return pa.table([rows['k'], rows['k'], rows['v']], names=['k', 'k', 'v'])", 3, "have the column 'k' twice"),
        ("return pa.table({'k': ['a'], 'v': [1]})", 3, "column 'k' is long and the rows have string there."),
        ("return pa.table({'k': [1.5], 'v': [1]})", 3, "column 'k' (long) cannot hold 1.5 in row 1."),
        ("return pa.table({'k': pa.array([1, None]), 'v': [1, 2]})", 3, "column 'k' is required and null in 1 row."),
    ],
)  # fmt: skip
def test_what_fails_is_said_with_its_line(model: PythonModel, body: str, line: int, message: str) -> None:
    error = model.fails(body)
    assert message in error.message
    assert error.line == line


def test_duckdb_runs_inside_a_model(model: PythonModel) -> None:
    body = "import duckdb\nreturn duckdb.sql('select k, v + 1 as v from rows where k = 1').to_arrow_table()"
    assert model.run(body) == [(1, 11)]


TYPES = (
    "a:boolean b:int c:long d:float e:double f:decimal(12,3) g:date h:time i:timestamp j:timestamptz k:string l:uuid "
    "m:binary o:list<string> p:map<string,long> q:struct<x:long,y:list<date>>"
)
VALUES = """select true as a, 2::int as b, 2::bigint as c, 1.5::float as d, 1e300 as e, 1.125::decimal(12,3) as f,
    date '0001-01-01' as g, time '23:59:59.999999' as h, timestamp '9999-12-31 23:59:59.999999' as i,
    timestamptz '2026-03-01 10:00:00+03' as j, 'é\U0001f30a' as k, '12345678-1234-5678-1234-567812345678'::uuid as l,
    '\\x00\\xFF'::blob as m, ['x', null, ''] as o, map {'k': 1} as p, {'x': 1, 'y': [date '2026-01-01']} as q
    union all select null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null"""


def test_every_type_comes_back_as_it_was(folder: LakeFolder) -> None:
    for table in ("silver.s", "gold.t", "gold.u"):
        folder.contract(table, TYPES, materialization="full")
    folder.model("silver.s", VALUES)
    folder.python_model("gold.t", 'INPUTS = {"rows": "silver.s"}\ndef t(rows):\n    return rows\n')
    folder.model("gold.u", "select * from gold.t")
    with folder.open() as lake:
        branch = lake.create_branch("dev")
        branch.transform()
        read = [
            branch.sql(f"select * from {table} order by all").fetchall() for table in ("silver.s", "gold.t", "gold.u")
        ]
    assert len(read[0]) == 2
    assert read[1] == read[0]
    assert read[2] == read[0]


def test_rows_are_merged_or_become_a_history(folder: LakeFolder) -> None:
    folder.contract("bronze.a", "k:long! v:long at:date")
    folder.contract("gold.m", "k:long* v:long", materialization="merge")
    history = "k:long* v:long valid_from:date* valid_to:date is_current:boolean!"
    folder.contract("gold.h", history, materialization="scd2", scd2={"deletions": "marker"})
    inputs = 'INPUTS = {"rows": "bronze.a"}\n'
    folder.python_model("gold.m", f"{inputs}def m(rows):\n    return rows.select(['k', 'v'])\n")
    names = "['k', 'v', 'valid_from', 'is_deleted']"
    deleted = "import pyarrow.compute as pc\n"
    body = (
        f"    gone = pc.is_null(rows['v'])\n    return rows.append_column('is_deleted', gone).rename_columns({names})\n"
    )
    folder.python_model("gold.h", f"{deleted}{inputs}def h(rows):\n{body}")
    with folder.open() as lake:
        branch = lake.create_branch("dev")
        for day, rows in enumerate([[(1, 10), (2, 20)], [(2, 21), (3, 30)], [(1, None)]], 1):
            made = {"k": [k for k, _ in rows], "v": pa.array([v for _, v in rows], pa.int64())}
            at = pa.array([date(2026, 1, day)] * len(rows))
            branch.replace("bronze.a", pa.table({**made, "at": at})) if day == 1 else branch.append(
                "bronze.a", pa.table({**made, "at": at})
            )
            results = branch.transform()
        assert {str(each.table): each.how for each in results} == {"gold.h": "scd2", "gold.m": "merge"}
        assert branch.sql("select k, v, valid_from, valid_to from gold.h order by all").fetchall() == [
            (1, 10, date(2026, 1, 1), date(2026, 1, 3)),
            (2, 20, date(2026, 1, 1), date(2026, 1, 2)),
            (2, 21, date(2026, 1, 2), None),
            (3, 30, date(2026, 1, 2), None),
        ]
        assert [row[0] for row in branch.sql("select k from gold.m order by k").fetchall()] == [1, 2, 3]


def test_the_model_of_the_documentation_passes_its_test(folder: LakeFolder) -> None:
    section = (ROOT / "docs" / "models.md").read_text("utf-8").split("## Python models")[1]
    folder.contract("bronze.days", "date:date orders:long", source={"format": "csv"})
    folder.contract("gold.kpi_sales_daily", "date:date* orders:long!", materialization="full")
    folder.model("gold.kpi_sales_daily", "select date, orders from bronze.days")
    folder.contract("gold.demand", "date:date* orders:long! smoothed:double!", materialization="full")
    for language, path in {"python": "gold/demand.py", "yaml": "tests/gold/demand.yaml"}.items():
        text = section.split(f"```{language}\n")[1].split("```")[0]
        assert text.startswith(f"# transformations/{path}\n")
        folder.file(f"transformations/{path}", text)
    with folder.open() as lake:
        assert lake.check_contracts().faults == ()
        (result,) = lake.test_models(["gold.demand"]).results
        assert result.lines == []
        folder.python_model(
            "gold.demand", (folder.root / "transformations/gold/demand.py").read_text().replace("0.7", "x")
        )
        (result,) = lake.test_models(["gold.demand"]).results
        assert result.lines[0] == "gold.demand failed: NameError: name 'x' is not defined. (line 13)"


def test_rows_of_a_test_must_fit_the_contract(folder: LakeFolder) -> None:
    folder.contract("bronze.a", "k:long v:long", source={"format": "csv"})
    folder.contract("gold.t", "k:int* v:decimal(4,2)", materialization="full")
    folder.python_model("gold.t", "INPUTS = {'rows': 'bronze.a'}\ndef t(rows):\n    return rows.select(['k', 'v'])\n")
    tests = [
        ("[{k: 1, v: 1}, {k: 2}]", "[{k: 1, v: 1.00}, {k: 2, v: null}]"),
        ("[{k: 3000000000}]", "[]"),
        ("[{v: 2}]", "[]"),
    ]
    tests += [("[{k: 1, v: 100}]", "[]"), ("[{k: 1}, {k: 1}]", "[]")]
    lines = [
        f"- {{name: t{n}, given: {{bronze.a: {given}}}, expect: {expect}}}" for n, (given, expect) in enumerate(tests)
    ]
    folder.file("transformations/tests/gold/t.yaml", "tests:\n" + "\n".join(f"  {line}" for line in lines) + "\n")
    with folder.open() as lake:
        found = [result.lines[0] if result.lines else "" for result in lake.test_models().results]
    assert found[0] == ""
    assert "column 'k' (int) cannot hold 3000000000 in row 1" in found[1]
    assert found[2] == "the contract is broken: k is missing: v=2.00"
    assert "column 'v' (decimal(4, 2)) cannot hold 100 in row 1" in found[3]
    assert "k is not unique" in found[4]


def test_a_plan_and_a_check_know_python_models(folder: LakeFolder) -> None:
    folder.settings(engine="auto")
    folder.contract("bronze.a", "k:long v:long", source={"format": "csv"})
    for table in ("gold.t", "gold.u"):
        folder.contract(table, "k:long", materialization="full")
    folder.python_model("gold.t", "INPUTS = {'rows': 'bronze.a'}\ndef t(rows):\n    return rows.select(['k'])\n")
    folder.model("gold.u", "select k from gold.t")
    with folder.open() as lake:
        branch = lake.create_branch("dev")
        branch.append("bronze.a", ROWS)
        assert [(str(each.table), each.engine) for each in lake.plan(ref="dev").models] == [
            ("gold.t", "python"),
            ("gold.u", "duckdb"),
        ]
        branch.transform()
        folder.python_model(
            "gold.t", "INPUTS = {'rows': 'bronze.a'}\ndef t(rows):\n    return rows.select(['k'])[:1]\n"
        )
        first, second = lake.plan(ref="dev").models
        assert (first.reasons, second.reasons) == (("its Python has changed",), ("gold.t is built again",))
        assert lake.check_contracts("spark").faults == ()
        folder.model("gold.t", "select k from bronze.a")
        folder.file("transformations/gold/helpers/x.py", "")
        folder.file("transformations/gold/notes.txt", "")
        faults = [fault.message.rpartition("transformations/")[2] for fault in lake.check_contracts().faults]
    assert faults == [
        "gold/helpers/x.py: nothing reads this file.",
        "gold/notes.txt: nothing reads this file.",
        "gold/t.py: t.sql makes gold.t, too.",
    ]


def test_contracts_are_drafted_from_what_functions_return(folder: LakeFolder) -> None:
    columns = {"k": "long!", "name": {"physicalType": "string", "classification": "personal"}, "at": "timestamptz"}
    folder.contract("bronze.a", columns, source={"format": "csv"})
    inputs = "INPUTS = {'rows': 'bronze.a'}\ndef t(rows):\n"
    folder.python_model("silver.t", f'"""Names,\nby key."""\n{inputs}    return rows.select(["k", "name", "at"])\n')
    folder.python_model(
        "gold.u", "import polars as pl\nINPUTS = {'t': 'silver.t'}\ndef u(t):\n    return pl.from_arrow(t)\n"
    )
    with folder.open() as lake:
        silver, gold = lake.draft_contracts(["gold.u"])
        assert [(each.table.layer, each.file.name) for each in (silver, gold)] == [
            ("silver", "t.odcs.yaml"),
            ("gold", "u.odcs.yaml"),
        ]
        assert 'description: "Names, by key."' in silver.text
        assert "it takes personal columns (bronze.a.name): classify what is made from them" in silver.text
        for draft in (silver, gold):
            folder.file(str(draft.file.relative_to(folder.root)), draft.text)
    with folder.open() as lake:
        assert lake.check_contracts().faults == ()
        types = [(column.name, column.type) for column in lake.context.contracts[gold.table].columns]
        assert types == [("k", "long"), ("name", "string"), ("at", "timestamptz")]
        assert lake.update_contract("silver.t").added == ()
        folder.python_model(
            "silver.t", f"{inputs}    return rows.select(['k', 'name', 'at']).append_column('n', rows['k'])\n"
        )
        update = lake.update_contract("silver.t")
        assert update.added == ("n",)
    for fault, body in {
        "'K' is no name for a column": "return rows.select(['k']).rename_columns(['K'])",
        "column k: no type in Iceberg can hold": "import pyarrow as pa; return pa.table({'k': pa.array([], pa.duration('s'))})",
        "KeyError": "return rows['z']",
    }.items():
        folder.file("iceberg/silver/t.odcs.yaml", silver.text).unlink()
        folder.python_model("silver.t", f"{inputs}    {body}\n")
        with folder.open() as lake, pytest.raises(ModelError, match=fault):
            lake.draft_contracts(["silver.t"])


def test_a_model_receives_the_columns_that_it_names(folder: LakeFolder) -> None:
    folder.contract("bronze.a", "k:long v:long", source={"format": "csv"})
    folder.contract("gold.t", "rows:string", materialization="full")
    inputs = '{"a": ("bronze.a", ["v", "_row"]), "b": "bronze.a"}'
    body = "return pa.table({'rows': [str([*a.column_names, a['v'].to_pylist(), b.column_names])]})"
    folder.python_model("gold.t", f"import pyarrow as pa\nINPUTS = {inputs}\ndef t(a, b):\n    {body}\n")
    with folder.open() as lake:
        branch = lake.create_branch("dev")
        branch.append("bronze.a", ROWS)
        branch.transform()
        lineage = "'_batch_id', '_ingested_at', '_source', '_row'"
        wanted = f"['v', '_row', [10, 20, 30], ['k', 'v', {lineage}]]"
        assert branch.sql("select rows from gold.t").fetchall() == [(wanted,)]


def test_with_spark_a_function_runs_on_this_machine(folder: LakeFolder) -> None:
    folder.contract("gold.t", "k:long", materialization="full")
    folder.python_model("gold.t", "import pyarrow as pa\ndef t():\n    return pa.table({'k': [1]})\n")
    with folder.open() as lake:
        branch = lake.create_branch("dev")
        settings = lake.context.settings.model_copy(update={"engine": "spark"})
        opened: list[str] = []
        context = replace(
            lake.context,
            settings=settings,
            open_engine=lambda: lake.context.engine,
            open_model_engine=lambda: opened.append("it"),
        )
        (result,) = transform(context, "dev")
        assert (result.rows, result.how) == (1, "full")
        assert opened == []
        assert branch.sql("select k from gold.t").fetchall() == [(1,)]
