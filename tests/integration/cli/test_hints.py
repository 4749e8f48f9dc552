"""What a command says to do next, and what it says of a slip."""

from __future__ import annotations

import pytest
from command_line import MORE, TWICE, WRONG, in_terminal, lagoa, new_lake, ok, write


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """Return a lake with a model, and a branch `dev` with a refused record and a failing check."""
    folder = tmp_path_factory.mktemp("hints")
    lake = new_lake(folder)
    contract = (lake / "iceberg" / "bronze" / "people.odcs.yaml").read_text("utf-8")
    silver = contract.replace("bronze", "silver").partition("    customProperties")[0]
    silver += "    customProperties:\n      - {property: lagoa.materialization, value: full}\n"
    for place in ("iceberg", "transformations"):
        (lake / place / "silver").mkdir()
    write(lake / "iceberg" / "silver", "people.odcs.yaml", silver)
    write(lake / "transformations" / "silver", "people.sql", "select id, name, city, born from bronze.people")
    ok(lake, "transform")
    ok(lake, "branch", "create", "dev")
    ok(lake, "ingest", write(folder, "wrong.csv", WRONG), "--into", "bronze.people", "--branch", "dev")
    ok(lake, "ingest", write(folder, "twice.csv", TWICE), "--into", "bronze.people", "--branch", "dev")
    return lake


def test_an_export_is_fixed_on_the_branch_that_it_was_taken_from(lake, tmp_path):
    on_dev = ok(lake, "quarantine", "export", "bronze.people", tmp_path / "dev.csv", "--ref", "dev")
    assert f"`lagoa quarantine fix bronze.people --file {tmp_path / 'dev.csv'} --branch dev`" in on_dev.err
    fixed = ok(lake, "quarantine", "fix", "bronze.people", "--file", tmp_path / "dev.csv", "--branch", "dev")
    assert "bronze.people" in fixed.out
    head = ok(lake, "log", "dev", "--json").json()[0]["commit"][:12]
    older = ok(lake, "quarantine", "export", "bronze.people", tmp_path / "old.csv", "--ref", f"dev@{head}")
    assert older.err.rstrip().endswith("--branch BRANCH`.")


def test_a_failed_audit_names_the_command_that_shows_this_audit(lake):
    failed = lagoa(lake, "audit", "dev")
    assert "`lagoa audit dev --rows` shows the rows" in failed.err
    rows = lagoa(lake, "audit", "dev", "--rows")
    assert "bronze.people/key/id: 2 rows" in rows.out


def test_main_that_no_longer_passes_is_shown_as_it_is(lake):
    contract = lake / "iceberg" / "bronze" / "people.odcs.yaml"
    before = contract.read_text("utf-8")
    stricter = before.replace("- name: city\n", "- name: city\n        required: true\n")
    assert stricter != before
    contract.write_text(stricter, "utf-8")
    try:
        failed = lagoa(lake, "audit", "main")
        assert failed.code == 3
        assert "cannot be published" not in failed.err
        assert "`lagoa audit main --rows`" in failed.err
        assert "bronze.people/required/city: 1 row" in lagoa(lake, "audit", "main", "--rows").out
    finally:
        contract.write_text(before, "utf-8")


def test_a_model_in_the_place_of_a_branch(lake):
    for name in ("silver.people", "silver"):
        done = lagoa(lake, "transform", name)
        assert done.code == 1
        assert f"`lagoa transform --select {name}`" in done.err
    assert "--select" not in lagoa(lake, "transform", "bronze.people").err


@pytest.mark.parametrize(
    ("command", "meant"),
    [
        (("sql", "select * from bronze.peple"), "bronze.people"),
        (("show", "bronze.poeple"), "bronze.people"),
        (("quarantine", "show", "bronze.peoples"), "bronze.people"),
        (("quarantine", "batches", "bronze.peoples"), "bronze.people"),
        (("table", "restore", "silver.people", "--from", "main~1"), "bronze.people"),
        (("transform", "--select", "silver.poeple"), "silver.people"),
        (("transform", "--select", "sliver"), "silver"),
        (("backfill", "silver.peoples"), "silver.people"),
        (("test", "silver.poeple"), "silver.people"),
        (("run", "dayly"), "daily"),
        (("log", "mian"), "main"),
        (("tables", "dev1"), "dev"),
        (("diff", "main..devv"), "dev"),
        (("audit", "devv"), "dev"),
        (("publish", "devv"), "dev"),
        (("branch", "delete", "devv"), "dev"),
        (("quarantine", "list", "--ref", "devv~1"), "dev"),
    ],
    ids=" ".join,
)
def test_what_was_meant(lake, command, meant):
    done = lagoa(lake, *command)
    assert done.code == 1
    assert f"Did you mean {meant!r}?" in done.err


@pytest.mark.parametrize("commit", ["794ba36b8e6e", "fb9e0a36b8e6", "fb9e0a36b8e6fb9e0a36b8e6"])
def test_a_commit_is_named_behind_a_branch(lake, commit):
    done = lagoa(lake, "diff", f"{commit}..main")
    assert (done.code, f"main@{commit}" in done.err) == (1, True)


def test_three_dots_are_told_from_two(lake):
    done = lagoa(lake, "diff", "main...main")
    assert (done.code, "write main..main" in done.err) == (2, True)


@pytest.mark.parametrize(
    "command", [("show", "bronze.abc"), ("log", "production"), ("publish", "feature")], ids=" ".join
)
def test_nothing_is_offered_that_was_not_meant(lake, command):
    done = lagoa(lake, *command)
    assert done.code == 1
    assert "Did you mean" not in done.err


def test_a_restore_that_does_not_fit_its_inputs_says_how_it_does(lake, tmp_path):
    ok(lake, "ingest", write(tmp_path, "more.csv", MORE), "--into", "bronze.people")
    ok(lake, "transform")
    refused = lagoa(lake, "table", "restore", "silver.people", "--from", "main~2")
    assert refused.code == 4
    assert "`lagoa table restore silver.people bronze.people --from REF`" in refused.err
    assert "run the work again" not in refused.err
    done = ok(lake, "table", "restore", "silver.people", "bronze.people", "--from", "main~2", "--json").json()
    assert done["publication"] is not None


def test_models_are_counted_while_they_run(lake):
    model = lake / "transformations" / "silver" / "people.sql"
    slow = "(select count(*) from range(400000000) numbers(x) where x % 7 = 3) > 0"
    model.write_text(f"select id, name, city, born from bronze.people where {slow}", "utf-8")
    printed = "".join(in_terminal(lake, "transform"))
    assert "0/1 models" in printed
