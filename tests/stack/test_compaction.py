"""Compaction on Nessie and MinIO: what holds of a lake on one machine holds there, and other programs read it."""

from __future__ import annotations

import pytest

from tests.integration.maintain import test_compaction as compactions

pytestmark = pytest.mark.timeout(300)

at = compactions.at

test_rows_stay = compactions.test_the_rows_stay_in_one_file_and_the_publication_is_audited
test_models = compactions.test_models_are_as_fresh_as_before
test_other_programs = compactions.test_rows_that_another_program_adds_after_it_make_models_stale
test_a_load_goes_first = compactions.test_a_load_in_between_goes_first_and_its_rows_stay_beside_the_rewritten_ones
test_files_that_are_gone = compactions.test_a_table_whose_old_files_are_gone_meanwhile_is_left_alone
test_branches_from_before = compactions.test_a_branch_from_before_is_rebased_on_a_load_after_the_compaction
test_blame = compactions.test_blame_and_diff_see_no_change_of_rows


@pytest.fixture
def lake(small):
    """Return a lake of the stack whose main has six files of people, and a model over them."""
    with compactions.filled(small) as opened:
        yield opened
