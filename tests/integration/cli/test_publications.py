"""Commands on a branch of their own while others publish: they are done again on main as it is by then."""

from __future__ import annotations

import pytest
from command_line import MORE, WRONG, counted, lagoa, ok, write

from lagoa.domain.faults import set_hook


@pytest.fixture
def meanwhile():
    """Return a function that lets a piece of work be done each time before a publication begins, so many times."""

    def let(work, times=1):
        left = [times]

        def hook(step):
            if step == "publish.begun" and left[0]:
                left[0] -= 1
                set_hook(None)
                work(left[0])
                set_hook(hook)

        set_hook(hook)

    yield let
    set_hook(None)


def load(lake, folder, n):
    text = f"id,name,city,born\n{900 + n},Zed,Rio,1970-01-01\n"
    ok(lake, "ingest", write(folder, f"other{n}.csv", text), "--into", "bronze.people")


def branches(lake):
    return [each["name"] for each in ok(lake, "branch", "list", "--json").json()]


def test_a_load_is_done_again_if_another_one_of_the_table_was_faster(lake, tmp_path, meanwhile):
    more = write(tmp_path, "more.csv", MORE)
    meanwhile(lambda n: load(lake, tmp_path, n), times=2)
    done = ok(lake, "ingest", more, "--into", "bronze.people")
    again = "main has another change to bronze.people meanwhile: this is done again on main as it is now."
    assert done.err.count(again) == 2
    assert done.out.count("main is now at") == 1
    assert counted(lake) == 3 + 2 + 2
    assert branches(lake) == ["main"]


def test_the_same_file_at_the_same_time_is_loaded_once(lake, tmp_path, meanwhile):
    more = write(tmp_path, "more.csv", MORE)
    meanwhile(lambda _: ok(lake, "ingest", more, "--into", "bronze.people"))
    done = ok(lake, "ingest", more, "--into", "bronze.people", "--json").json()
    assert (done["tables"][0]["skipped"], done["publication"]) == (True, None)
    assert (counted(lake), branches(lake)) == (5, ["main"])


def test_it_is_not_done_again_for_ever_nor_on_a_branch_of_the_user(lake, tmp_path, meanwhile):
    toml = lake / "lagoa.toml"
    toml.write_text(toml.read_text().replace("# publish_tries = 5", "publish_tries = 2"))
    more = write(tmp_path, "more.csv", MORE)
    meanwhile(lambda n: load(lake, tmp_path, n), times=2)
    failed = lagoa(lake, "ingest", more, "--into", "bronze.people")
    assert (failed.code, failed.err.count("this is done again")) == (4, 1)
    assert "Call what made this branch again" in failed.err
    assert len(branches(lake)) == 2


def test_decisions_on_refused_records_and_models_are_done_again(lake, tmp_path, meanwhile):
    contract = lake / "iceberg/bronze/people.odcs.yaml"
    share = "      - {property: lagoa.quarantineShare, value: 0.9}\n      - property: lagoa.source"
    contract.write_text(contract.read_text().replace("      - property: lagoa.source", share))
    ok(lake, "ingest", write(tmp_path, "wrong.csv", WRONG), "--into", "bronze.people")
    meanwhile(lambda n: load(lake, tmp_path, n))
    fixed = ok(lake, "quarantine", "fix", "bronze.people", "--set", "born=1999-01-02", "--all")
    assert "this is done again" in fixed.err
    assert counted(lake) == 3 + 1 + 1 + 1
    write_model(lake)
    meanwhile(lambda n: load(lake, tmp_path, n + 5))
    built = ok(lake, "transform")
    assert "this is done again" in built.err
    assert ok(lake, "sql", "select count(*) from silver.names", "--json").json()["rows"] == [[7]]
    assert branches(lake) == ["main"]


def write_model(lake):
    (lake / "transformations/silver").mkdir()
    write(lake / "transformations/silver", "names.sql", "select id, name from bronze.people")
    ok(lake, "contract", "infer", "--model", "silver.names")
