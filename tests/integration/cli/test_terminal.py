"""What a terminal of 80 columns shows, and what a pipe gets."""

from __future__ import annotations

import json

import pytest
from command_line import in_terminal, lagoa, new_lake, ok, write

BRANCH = "feature/a-name-that-is-long-enough"
NUMBERS = [f"number_{place}" for place in range(12)]


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """Return a lake with a table of many columns, some of it on a branch with a long name."""
    folder = tmp_path_factory.mktemp("wide")
    lake = new_lake(folder)
    head = ",".join(["id", "comment", *NUMBERS])
    row = ",".join(["{id}", "a long comment " * 12, *(f"{1234567 + place}.25" for place in range(12))])
    ok(lake, "contract", "infer", write(folder, "m.csv", f"{head}\n{row.format(id=1)}\n"), "--table", "bronze.measures")
    ok(lake, "ingest", folder / "m.csv", "--into", "bronze.measures")
    ok(lake, "branch", "create", BRANCH)
    more = write(folder, "more.csv", f"{head}\n{row.format(id=2)}\n{row.format(id='no number')}\n")
    ok(lake, "ingest", more, "--into", "bronze.measures", "--branch", BRANCH)
    return lake


def test_columns_in_the_middle_are_left_out_and_values_are_cut(wide):
    header, row, notice = in_terminal(wide, "sql", "select * from bronze.measures order by id")
    shown = header.split()
    assert shown[:2] == ["id", "comment"]
    assert shown.count("…") == 1
    assert len(header) <= 80
    assert len(row) <= 80
    assert "a long comm" in row
    assert row.count("…") == 2, "the end of the comment, and the columns"
    assert set(row.split()) & {f"{1234567 + place}.25" for place in range(12)}, "numbers are whole"
    assert not set(shown) & {"_batch_id", "_ingested_at", "_source", "_row"}, "which give way to data"
    assert notice.startswith(f"18 columns, {len(shown) - 1} shown")


def test_a_pipe_and_json_get_everything(wide):
    done = ok(wide, "sql", "select * from bronze.measures order by id")
    assert done.out.splitlines()[0].split() == [
        "id",
        "comment",
        *NUMBERS,
        "_batch_id",
        "_ingested_at",
        "_source",
        "_row",
    ]
    assert ("a long comment " * 12).strip() in done.out
    assert "…" not in done.out
    assert "shown" not in done.err
    printed = in_terminal(wide, "sql", "select * from bronze.measures order by id", "--json")
    assert len(json.loads("".join(printed))["columns"]) == 18


@pytest.mark.parametrize(
    "command",
    [
        ("branch", "list"),
        ("status",),
        ("tables", BRANCH),
        ("log", BRANCH),
        ("diff", BRANCH, "--rows"),
        ("show", "bronze.measures"),
        ("quarantine", "list", "--ref", BRANCH),
        ("quarantine", "show", "bronze.measures", "--ref", BRANCH),
        ("quarantine", "batches", "bronze.measures", "--ref", BRANCH),
        ("audit", "history", "bronze.measures/schema"),
    ],
    ids=" ".join,
)
def test_every_table_fits_and_names_are_whole(wide, command):
    printed = in_terminal(wide, *command)
    results = [line for line in printed if not line.startswith(("Next: ", "There are ", "The rows"))]
    assert max(map(len, results)) <= 80, "\n".join(results)
    commit = ok(wide, "log", BRANCH, "--json").json()[0]["commit"][:12]
    text = "\n".join(results)
    if command[0] in {"branch", "status"}:
        assert BRANCH in text
    if command[0] in {"branch", "log"}:
        assert commit in text
    assert "bronze.mea…" not in text


def test_long_values_of_a_summary_are_wrapped_between_words(wide):
    contract = wide / "iceberg" / "bronze" / "measures.odcs.yaml"
    before = contract.read_text("utf-8")
    purpose = "One row for each thing that was measured at 1234567890 places"
    kind = "    physicalType: table\n"
    contract.write_text(before.replace(kind, f"{kind}    description: {purpose}\n"), "utf-8")
    try:
        lines = in_terminal(wide, "show", "bronze.measures", columns=40)
    finally:
        contract.write_text(before, "utf-8")
    start = next(place for place, line in enumerate(lines) if line.startswith("is "))
    told = [line[11:] for line in lines[start : start + 3]]
    assert " ".join(told).startswith(purpose)
    assert all(len(line) <= 40 for line in lines[start : start + 3])


def test_refused_records_that_fail_an_audit_are_shown_with_rule_reason_and_place(wide):
    assert lagoa(wide, "audit", BRANCH).code == 3
    lines = in_terminal(wide, "audit", "show", BRANCH, "--rows")
    place = next(place for place, line in enumerate(lines) if line.startswith("source "))
    assert lines[place].split() == ["source", "record", "rule", "reason", "raw"]
    assert lines[place + 1].split()[1:3] == ["2", "type/id"]
    assert not any("Personal data is masked" in line for line in lines), "no column of it is personal"


def test_a_branch_is_listed_with_its_commit_and_state_against_main(wide, tmp_path):
    ok(wide, "contract", "infer", write(tmp_path, "o.csv", "id\n1\n"), "--table", "bronze.others")
    ok(wide, "ingest", tmp_path / "o.csv", "--into", "bronze.others")
    (listed,) = (line for line in in_terminal(wide, "branch", "list") if line.startswith(BRANCH))
    commit = ok(wide, "log", BRANCH, "--json").json()[0]["commit"][:12]
    assert listed.split() == [BRANCH, commit, "1", "ahead", "of", "main,", "1", "behind"]
    assert "all values" in ok(wide, "diff", BRANCH).out, "no key matches the rows"


def test_a_long_line_of_an_error_keeps_its_indent(wide):
    lines = in_terminal(wide, "publish", BRANCH, code=3)
    place = next(place for place, line in enumerate(lines) if "bronze.measures/quarantine_share" in line)
    assert [line[:5] for line in lines[place : place + 2]] == ["│   b", "│   i"], "\n".join(lines)
