"""Rebases and reverts on Nessie and MinIO: what holds of a lake on one machine holds there."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import mkdtemp

import pytest
from effort import many
from hypothesis import HealthCheck, settings
from serial import Serial

from tests.integration.publish import test_rebase as rebases
from tests.integration.publish import test_revert as reverts
from tests.stack.breaking import StackLake, without_tables
from tests.stack.conftest import emptied

pytestmark = pytest.mark.timeout(300)

two = rebases.two

test_appends_of_both = rebases.test_appends_of_both_are_there_and_no_data_is_copied
test_one_commit_more = rebases.test_the_branch_has_one_commit_more_with_main_behind_it
test_again_and_again = rebases.test_a_branch_is_rebased_and_published_again_and_again
test_a_branch_of_a_branch = rebases.test_a_branch_of_a_branch_that_was_rebased
test_a_batch_that_main_has = rebases.test_a_batch_that_main_has_is_left_out
test_merges = rebases.test_merges_are_done_again_on_the_rows_of_main
test_deletes = rebases.test_deletes_are_done_again
test_models = rebases.test_models_run_again_on_what_both_loaded
test_replacements = rebases.test_of_a_table_that_one_side_replaced_only_one_state_can_stay
test_chosen_states = rebases.test_whose_state_stays_can_be_said
test_other_programs = rebases.test_appends_of_other_programs_count_as_appends
test_rewrites_of_others = rebases.test_rewrites_of_other_programs_are_refused
test_columns_that_collide = rebases.test_columns_that_collide_are_refused
test_deaths = rebases.test_a_rebase_that_dies_leaves_the_branch_or_is_done
test_a_branch_that_moves = rebases.test_a_branch_that_moves_meanwhile_is_not_overwritten


@pytest.fixture
def lake(small):
    """Return a lake of the stack, with nothing in it."""
    with small.open() as opened:
        yield opened


@pytest.fixture
def published(lake, small):
    """Return a lake whose main has people, pets and counts."""
    rebases.begin(lake, small)
    return lake


class TestReverts:
    """One publication is undone."""

    @pytest.fixture
    def published(self, lake, small):
        """Return a lake with three loads."""
        for number in (1, 2, 3):
            reverts.load(lake, small, number)
        return lake

    def test_of_one_the_later_one_stays(self, published, small):
        """See the test that is called."""
        reverts.test_one_publication_is_undone_and_the_later_one_stays(published, small)

    def test_of_several(self, published, small):
        """See the test that is called."""
        reverts.test_several_are_undone_one_after_the_other(published, small)


class OnNessie(Serial):
    """Writers on Nessie and MinIO."""

    url = ""

    def folder(self) -> StackLake:
        """Return a new folder of a lake, on a Nessie with nothing in it."""
        self.root = Path(mkdtemp(prefix="lagoa-serial-"))
        return without_tables(self.root, emptied(self.url))

    def teardown(self) -> None:
        """Remove it."""
        super().teardown()
        shutil.rmtree(self.root, ignore_errors=True)


@pytest.mark.timeout(1800)
def test_main_is_as_if_writers_had_gone_one_after_the_other(nessie_url):
    """See `Serial`."""
    OnNessie.url = nessie_url
    case = OnNessie.TestCase
    case.settings = settings(
        max_examples=many(3), stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
    )
    case("runTest").runTest()
