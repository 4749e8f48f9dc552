"""Which role may move which branch, in words: the rules themselves are those of infra/nessie."""

from __future__ import annotations

import pytest

from lagoa.domain.roles import JOURNAL, SCRATCH, who_may, who_may_move


@pytest.mark.parametrize("branch", ["main", "lagoa/candidate/1", JOURNAL, f"{SCRATCH}publisher/1"])
def test_the_publishers_branches_are_its_own(branch):
    assert who_may_move(branch) == ("publisher",)
    assert who_may(branch) == "The role publisher may."


def test_work_is_done_on_the_others():
    assert who_may_move("run/daily/1") == ("ingest", "engineer", "publisher")
    assert who_may("run/daily/1") == "The roles ingest, engineer and publisher may."
    assert who_may("running") == "The roles engineer and publisher may."
    assert who_may_move(f"{SCRATCH}ingest/1") == ("ingest", "publisher")


def test_a_branch_of_ones_own_is_nobody_elses():
    assert who_may("dev/ana/idea").startswith("The engineer 'ana' may, and the role publisher")
    assert who_may("sandbox/ana_churn").startswith("The engineer whose name it begins with may")
