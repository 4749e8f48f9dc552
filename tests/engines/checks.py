"""A lake with each kind of check, in a state that passes all and in one that fails them; its audits on an engine."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lakes import LakeFolder

from lagoa.audit.bases.query import SqlCheck
from lagoa.audit.check_run import run
from lagoa.audit.expected import expected_checks
from lagoa.audit.on_engine import parted
from lagoa.audit.state import State

if TYPE_CHECKING:
    from lagoa.domain.checks import CheckResult
    from lagoa.domain.engines import EngineName
    from lagoa.domain.tables import TableName
    from lagoa.lake import Lake

Facts = dict[str, Any]


def _options(**options: Any) -> Facts:
    return {"logicalTypeOptions": options}


def _enum(*values: Any) -> Facts:
    return {"enum": [{"value": value} for value in values]}


COLUMNS: dict[str, tuple[str, Facts, list[str], list[str]]] = {
    "needed": ("string", {"required": True}, ["'a'", "''"], ["null"]),
    "code": ("string", {"unique": True}, ["null"], ["'x'", "'y'", "'x'", "'x '"]),
    "number": ("double", {"unique": True}, ["null"], ["0.0", "1e300", "-0.0"]),
    "owner": (
        "long",
        {"relationships": [{"type": "foreignKey", "to": "silver.owners.id"}]},
        ["1", "null", "2"],
        ["9", "null", "8"],
    ),
    "word": ("string", _enum("cat", "O'N \\ ç", ""), ["'cat'", "'O''N \\ ç'", "null", "''"], ["'Cat'", "'cat '"]),
    "whole": ("long", _enum(1, -2), ["1", "-2", "null"], ["2"]),
    "flag": ("boolean", _enum(True), ["true", "null"], ["false"]),
    "cents": ("decimal(10, 2)", _enum(1.5, 0.07), ["1.50", "0.07", "null"], ["1.51"]),
    "share": ("double", _enum(0.1, 2), ["0.1", "2", "null"], ["3e-1 - 2e-1"]),
    "day": ("date", _enum("2024-02-29", "0001-01-01"), ["'2024-02-29'", "'0001-01-01'", "null"], ["'2024-03-01'"]),
    "zip": ("string", _options(pattern=r"^\d{5}(-[0-9]+)?$"), ["'12345'", "'12345-1'", "null"], ["'1'", "e'12345\n'"]),
    "dots": ("string", _options(pattern="a.c"), ["'xabcx'", "'aéc'", "null"], ["e'a\nc'", "''"]),
    "bounded": ("string", _options(pattern=r"\bword\b"), ["'a word'", "null"], ["'words'"]),
    "email": ("string", _options(format="email"), ["'ana@example.com.br'", "null"], ["'ana@example'", "'a b@c.de'"]),
    "uuid": (
        "string", _options(format="uuid"), ["'6f1c3c1e-0000-4000-8000-0123456789aB'", "null"], ["'6f1c3c1e'"],
    ),
    "uri": ("string", _options(format="uri"), ["'https://a.b/ç?d'", "null"], ["'a b:c'", "'https:'"]),
    "host": ("string", _options(format="hostname"), ["'a-b.example'", "null"], ["'-a.example'"]),
    "ipv4": ("string", _options(format="ipv4"), ["'255.1.0.9'", "null"], ["'256.1.0.9'", "'1.2.3'"]),
    "ipv6": ("string", _options(format="ipv6"), ["'::1'", "'fe80::1:2'", "null"], ["'1::2::3'", "'12345::'"]),
    "born": ("string", _options(format="date"), ["'2024-02-29'", "null"], ["'2023-02-29'"]),
    "cpf": ("string", _options(format="cpf"), ["'529.982.247-25'", "null"], ["'529.982.247-26'"]),
    "cnpj": ("string", _options(format="cnpj"), ["'11.222.333/0001-81'", "null"], ["'11.222.333/0001-82'"]),
    "cep": ("string", _options(format="cep"), ["'01310-100'", "null"], ["'0131-0100'"]),
    "uf": ("string", _options(format="uf"), ["'SP'", "null"], ["'sp'"]),
    "short": ("string", _options(minLength=2, maxLength=3), ["'çã'", "'日本語'", "null"], ["'🙂'", "'abcd'"]),
    "count": ("int", _options(minimum=-1, exclusiveMaximum=5), ["-1", "4", "null"], ["5", "-2"]),
    "price": ("decimal(12, 2)", _options(minimum=0.01, maximum=1e3), ["0.01", "1000", "null"], ["0", "1000.01"]),
    "weight": ("double", _options(minimum=0.1), ["0.1", "1e300", "null"], ["3e-1 - 2e-1"]),
    "single": ("float", _options(minimum=0.1), ["0.1", "null"], ["0.09"]),
    "precise": ("double", _options(minimum=0.12345678901234566), ["0.12345678901234566", "null"], ["0.1"]),
    "since": ("date", _options(minimum="2000-01-01"), ["'2000-01-01'", "null"], ["'1999-12-31'"]),
    "local": (
        "timestamp", _options(maximum="2024-01-31T10:00:00"), ["'2024-01-31 10:00:00'", "null"],
        ["'2024-01-31 10:00:00.000001'"],
    ),
    "moment": (
        "timestamptz", _options(exclusiveMinimum="2024-01-31T10:00:00Z"), ["'2024-01-31 10:00:00.000001+00'", "null"],
        ["'2024-01-31 07:00:00-03'"],
    ),
    "mean": ("decimal(14, 4)", {}, ["1.25", "0.5", "null"], ["900"]),
    "later": ("string", {"required": True}, [], []),
}  # fmt: skip
"""Columns of `silver.facts`: type, what its contract says, values that pass, and values that fail; one came later."""

STAYS = frozenset(
    f"silver.facts/{check}"
    for check in ("pattern/bounded", "format/born", "format/cpf", "format/cnpj", "range/single", "range/precise",
                  "required/later")
)  # fmt: skip
"""The checks that DuckDB measures, whatever the engine: their SQL means something else elsewhere, or lacks a column."""


def stays(check: str, engine: EngineName, *, refused: bool) -> bool:
    """Return whether DuckDB measures a check of SQL; `refused` says whether there is a quarantine.

    A table without rows is never large.
    """
    if check == "bronze.loaded/quarantine_share":
        return engine == "trino" or not refused
    unread = "silver.hours/" if engine == "spark" else "quarantine."
    return check in STAYS or check.startswith((unread, "silver.nothing/"))


CHANGED = {
    "silver.facts/row_count", "silver.facts/drift/mean", "silver.facts/drift/whole", "silver.facts/key/id",
    "silver.pairs/key/a+b", "bronze.loaded/key/id", "bronze.loaded/quarantine_share", "silver.hours/key/id",
    *(f"silver.{name}/history/{check}" for name in ("versions", "spans")
      for check in ("valid_to", "is_current", "one_current", "intervals")),
}  # fmt: skip
"""The checks that fail on `bad`, beside those of the columns."""

SODA = """
filter: id >= 0
columns:
  - name: word
    missing_values: ["", "n/a"]
    checks:
      - missing: {threshold: {metric: percent, must_be_less_than: 90}}
      - invalid: {valid_values: [cat, "O'N \\\\ ç"], threshold: {must_be_less_than: 100}}
      - duplicate: {threshold: {must_be_less_than: 100}}
  - name: cents
    checks:
      - aggregate: {function: sum, threshold: {must_be_less_than: 1000}}
      - aggregate: {function: avg, qualifier: mean, threshold: {must_be_less_than: 1000}}
      - aggregate: {function: max, qualifier: most, filter: whole > 0, threshold: {must_be_less_than: 1000}}
checks:
  - row_count: {threshold: {must_be: 12}}
  - failed_rows: {qualifier: dear, expression: price > 500, threshold: {must_be_less_than: 100}}
  - failed_rows:
      qualifier: strange
      query: select * from silver.facts where owner not in (select id from silver.owners)
  - metric: {qualifier: owners, query: select count(distinct owner) from silver.facts, threshold: {must_be: 2}}
  - metric: {qualifier: text, query: select max(length(word)) from silver.facts, threshold: {must_be: 7}}
"""
"""A check file of `silver.facts` that passes on `good`."""

SODA_HERE = """
checks:
  - duplicate: {columns: [k, j, valid_from], threshold: {must_be: 0}}
  - metric: {query: select avg(k::double) from silver.versions, threshold: {must_be_greater_than: 0}}
"""
"""One of `silver.versions`, which DuckDB measures whatever the engine: texts of dates, and digits of a double."""

_VERSIONS = (
    "(1, 2, '2024-01-01', '2024-02-01', false), (1, 2, '2024-02-01', null, true), (1, 3, '2024-01-05', null, true)"
)
_BROKEN = (
    "(1, 2, '2024-01-20', null, true), (1, 3, '2024-01-04', '2024-01-04', false), (2, 2, '2024-01-01', null, false), "
    "(5, 5, '2024-01-01', '2024-01-03', false), (5, 5, '2024-01-04', null, true)"
)


GOOD, BAD = "dev/engineer/good", "dev/engineer/bad"
"""Branches on which an engineer who signs in may load data."""


def fill(root: Any, **settings: Any) -> LakeFolder:
    """Make the files of the lake."""
    folder = LakeFolder(root, **settings)
    folder.contract("silver.owners", "id:long*")
    folder.contract("silver.pairs", "a:long* b:string*")
    folder.contract("silver.hours", "id:long* at:time")
    folder.contract("silver.nothing", "id:long*")
    folder.contract("bronze.loaded", "id:long*", source={"format": "csv", "file": "loaded.csv"}, quarantineShare=0.3)
    for name, deletions in (("versions", "none"), ("spans", "marker")):
        columns = "k:long* j:long* valid_from:date* valid_to:date is_current:boolean!"
        folder.contract(f"silver.{name}", columns, materialization="scd2", scd2={"deletions": deletions})
    folder.file("good.csv", "id\n1\n2\n")
    folder.file("bad.csv", "id\n3\nx\ny\n2\n")
    folder.file("soda/silver/facts.yaml", SODA)
    folder.file("soda/silver/versions.yaml", SODA_HERE)
    _facts(folder, rules=False)
    return folder


def _facts(folder: LakeFolder, *, rules: bool) -> None:
    columns: dict[str, Any] = {"id": "long*"}
    for name, (kind, facts, *values) in COLUMNS.items():
        if rules or any(values):
            columns[name] = {"physicalType": kind, **(facts if rules else {})}
    custom = {"rowCountChange": 0.5, "drift": {"mean": 0.1, "whole": 0.1}} if rules else {}
    folder.contract("silver.facts", columns, **custom)


def _rows(number: int, first: int, which: int) -> str:
    """Return a SELECT of rows of `silver.facts`, whose values are the good (2) or the bad ones (3) in turn."""
    columns = [f"{first} + i AS id"]
    for name, (kind, _, *values) in COLUMNS.items():
        if any(values):
            found, sql = values[which - 2], {"long": "bigint", "string": "varchar"}.get(kind, kind)
            columns.append(f"[{', '.join(f'CAST({v} AS {sql})' for v in found)}][1 + i % {len(found)}] AS {name}")
    return f"SELECT {', '.join(columns)} FROM range({number}) t(i)"


def write(lake: Lake, folder: LakeFolder) -> Lake:
    """Write a branch GOOD that passes every check, and a branch BAD that fails every one; return the lake again."""
    good = lake.create_branch(GOOD)
    good.append("silver.owners", "SELECT * FROM (VALUES (1), (2)) v(id)")
    good.append("silver.pairs", "SELECT * FROM (VALUES (1, 'a'), (1, 'b'), (2, 'a')) v(a, b)")
    good.append("silver.hours", "SELECT 1 AS id, TIME '10:00:00' AS at")
    good.append("silver.nothing", "SELECT 1 AS id WHERE false")
    good.ingest(folder.root / "good.csv", into="bronze.loaded")
    for name in ("versions", "spans"):
        good.append(f"silver.{name}", _versions(_VERSIONS))
    good.append("silver.facts", _rows(12, 0, 2))
    bad = lake.create_branch(BAD, GOOD)
    bad.append("silver.pairs", "SELECT * FROM (VALUES (1, 'b'), (2, 'a'), (2, 'a')) v(a, b)")
    bad.append("silver.hours", "SELECT 1 AS id, TIME '10:00:00' AS at")
    bad.ingest(folder.root / "bad.csv", into="bronze.loaded")
    for name in ("versions", "spans"):
        bad.append(f"silver.{name}", _versions(_BROKEN))
    bad.append("silver.facts", _rows(12, 6, 3))
    _facts(folder, rules=True)
    lake.context.refresh()
    return lake


def _versions(rows: str) -> str:
    columns = "k, j, CAST(f AS DATE) AS valid_from, CAST(t AS DATE) AS valid_to, c AS is_current"
    return f"SELECT {columns} FROM (VALUES {rows}) v(k, j, f, t, c)"


def audited(
    lake: Lake, ref: str, base: str, tables: frozenset[TableName] | None = None
) -> tuple[dict[str, CheckResult], dict[str, bool]]:
    """Return the result of every check of a ref, or of some tables; whether each of SQL stayed on DuckDB."""
    context = lake.context
    pointers = context.pointers(ref)
    state = State(context, pointers, context.pointers(base), context.clock())
    checks = expected_checks(context, pointers, tables)
    found = run(checks, state, 1)
    measured = [check for check in checks if isinstance(check, SqlCheck)]
    here = {check.id for check in parted(measured, state)[0]}
    results = {name: replace(each, seconds=0) for name, each in found.items()}
    return results, {check.id: check.id in here for check in measured}


def same(engine: EngineName, lake: Lake, other: Lake, ref: str, base: str) -> dict[str, CheckResult]:
    """Assert that all checks of a ref have on an engine the results of DuckDB; return them."""
    ours, _ = audited(lake, ref, base)
    theirs, here = audited(other, ref, base)
    refused = any(name.startswith("quarantine.") for name in theirs)
    strays = {check for check, stayed in here.items() if stayed != stays(check, engine, refused=refused)}
    assert not strays, strays
    assert ours.keys() == theirs.keys()
    for name, result in ours.items():
        expected = result
        if "/drift/" in name and result.figure and theirs[name].figure:
            assert abs(result.figure - theirs[name].figure) <= 1e-9 * abs(result.figure)
            expected = replace(result, figure=theirs[name].figure)
        assert theirs[name] == expected, name
    return theirs
