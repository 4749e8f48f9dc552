"""Random histories of a whole lake: whatever is done, and killed, `main` and the branches hold what an oracle says."""

from __future__ import annotations

import random

import pytest
from effort import FACTOR
from histories import History

STEPS = 2_000


def history(tmp_path, processes, seed, steps):
    taken = History(tmp_path, seed, processes.Process)
    for number in range(steps):
        try:
            taken.step()
        except BaseException as error:
            error.add_note(f"Step {number} of seed {seed}.")
            raise
    taken.examine()
    taken.lake.close()
    return taken.taken


@pytest.mark.timeout(300)
def test_a_short_history_is_that_of_the_oracle(tmp_path, processes):
    taken = history(tmp_path, processes, seed=1, steps=60)
    assert taken["publish"] > 3


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_a_history_of_two_thousand_steps_is_that_of_the_oracle(tmp_path, processes, capsys):
    seed = 1 if FACTOR == 1 else random.randrange(10**9)  # noqa: S311 - any will do
    taken = history(tmp_path, processes, seed, STEPS)
    with capsys.disabled():
        print(f"\nSeed {seed}: {dict(taken)}")  # noqa: T201
    assert taken["killed"] > STEPS / 100
