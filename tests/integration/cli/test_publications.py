"""Commands on a branch of their own while others publish: what they did is on main beside the other, or done again."""

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


def test_a_load_comes_in_beside_another_one_of_the_table_that_was_faster(lake, tmp_path, meanwhile):
    more = write(tmp_path, "more.csv", MORE)
    meanwhile(lambda n: load(lake, tmp_path, n))
    done = ok(lake, "ingest", more, "--into", "bronze.people")
    assert done.out.count("main is now at") == 1
    assert counted(lake) == 3 + 2 + 1
    assert branches(lake) == ["main"]


def test_the_same_file_at_the_same_time_is_loaded_once(lake, tmp_path, meanwhile):
    more = write(tmp_path, "more.csv", MORE)
    meanwhile(lambda _: ok(lake, "ingest", more, "--into", "bronze.people"))
    done = ok(lake, "ingest", more, "--into", "bronze.people", "--json").json()
    assert done["publication"] is None
    assert (counted(lake), branches(lake)) == (5, ["main"])


@pytest.fixture
def refused(lake, tmp_path):
    """Return the lake with records that were refused."""
    contract = lake / "iceberg/bronze/people.odcs.yaml"
    share = "      - {property: lagoa.quarantineShare, value: 0.9}\n      - property: lagoa.source"
    contract.write_text(contract.read_text().replace("      - property: lagoa.source", share))
    for number in range(3):
        file = write(tmp_path, f"wrong{number}.csv", WRONG.replace("6,", f"6{number},").replace("7,", f"7{number},"))
        ok(lake, "ingest", file, "--into", "bronze.people", "--batch", f"w{number}")
    return lake


def discard(lake, number):
    ok(lake, "quarantine", "discard", "bronze.people", "--reason", "x", "--batch", f"w{number}")


FIX = ("quarantine", "fix", "bronze.people", "--set", "born=1999-01-02", "--batch", "w2")


def test_a_decision_beside_another_one_is_done_again(refused, meanwhile):
    before = counted(refused)
    meanwhile(lambda n: discard(refused, n), times=2)
    done = ok(refused, *FIX)
    again = "main has another change to bronze.people meanwhile: this is done again on main as it is now."
    assert done.err.count(again) == 2
    assert counted(refused) == before + 1
    assert branches(refused) == ["main"]


def test_it_is_not_done_again_for_ever(refused, meanwhile):
    toml = refused / "lagoa.toml"
    toml.write_text(toml.read_text().replace("# publish_tries = 5", "publish_tries = 2"))
    meanwhile(lambda n: discard(refused, n), times=2)
    failed = lagoa(refused, *FIX)
    assert (failed.code, failed.err.count("this is done again")) == (4, 1)
    assert "decided the fate of records" in failed.err
    assert len(branches(refused)) == 2


def test_models_that_were_built_meanwhile_are_built_on_what_others_loaded(lake, tmp_path, meanwhile):
    write_model(lake)
    meanwhile(lambda n: load(lake, tmp_path, n + 5))
    ok(lake, "transform")
    assert ok(lake, "sql", "select count(*) from silver.names", "--json").json()["rows"] == [[4]]
    assert branches(lake) == ["main"]


def write_model(lake):
    (lake / "transformations/silver").mkdir()
    write(lake / "transformations/silver", "names.sql", "select id, name from bronze.people")
    ok(lake, "contract", "infer", "--model", "silver.names")
