"""`lagoa rollback`."""

from __future__ import annotations

from command_line import MORE, counted, lagoa, ok, write


def test_rollback_and_back_again(lake, tmp_path):
    ok(lake, "ingest", write(tmp_path, "more.csv", MORE), "--into", "bronze.people", "--batch", "b2")
    exact = f"main@{ok(lake, 'log', '--json').json()[1]['commit'][:12]}"
    done = ok(lake, "rollback", "main~1")
    assert "b2" in done.out
    assert done.err.startswith(f"main~1 is {exact}: ")
    repeated = ok(lake, "rollback", exact)  # as after an interruption behind the move
    assert ("Nothing to do" in repeated.out, exact in repeated.err) == (True, False)
    assert counted(lake) == 3
    assert counted(lake, "main~1") == 5
    assert "Nothing to do" in ok(lake, "rollback", "main~2").out
    back = done.err.split("`lagoa rollback ")[-1].split("`")[0]
    assert ok(lake, "rollback", back, "--json").json()["unseen"] == []
    assert counted(lake) == 5


def test_a_held_batch_does_not_come_again(lake, tmp_path):
    more = write(tmp_path, "more.csv", MORE)
    ok(lake, "ingest", more, "--into", "bronze.people")
    assert ok(lake, "rollback", "main~1", "--hold", "--json").json()["held"]
    refused = lagoa(lake, "ingest", more, "--into", "bronze.people")
    assert refused.code == 1
    assert "Traceback" not in refused.err


def test_a_state_that_fails_checks_of_now_is_named(lake, tmp_path):
    contract = lake / "iceberg/bronze/people.odcs.yaml"
    wider = contract.read_text("utf-8").replace(
        "      - name: city", "      - {name: phone, physicalType: string}\n      - name: city"
    )
    contract.write_text(wider, "utf-8")
    ok(lake, "ingest", write(tmp_path, "more.csv", MORE), "--into", "bronze.people")
    done = ok(lake, "rollback", "main~1")
    assert "1 failed, in" in done.out
    assert "\n  bronze.people/schema: phone is missing" in done.out
    assert "This state was audited before, so checks do not stop it." in done.err
