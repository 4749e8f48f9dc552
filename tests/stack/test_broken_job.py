"""A process that is killed on the way to main, on the stack: the same tests as for a lake that is a folder."""

from __future__ import annotations

import signal

import pytest

from tests.integration.publish.conftest import processes  # noqa: F401 - a fixture
from tests.integration.publish.test_kill import (  # noqa: F401 - tests and their fixtures
    LOAD,
    loaded,
    run,
    test_a_load_killed_at_any_step_is_finished_by_running_it_again,
    test_a_rollback_killed_at_any_step_is_finished_by_running_it_again,
    test_loads_killed_at_any_moment_are_finished_by_running_them_again,
)
from tests.stack.breaking import StackLake, hidden, idle_branches
from tests.stack.conftest import emptied

pytestmark = pytest.mark.timeout(240)


def test_what_killed_processes_left_on_the_server_goes(loaded, run, nessie_url):  # noqa: F811
    assert run(LOAD, "write.committed", 200) == -signal.SIGKILL
    assert hidden(nessie_url)
    assert run(LOAD, "never", 200) == 0
    own = idle_branches(loaded)
    assert set(hidden(nessie_url)) == own


@pytest.fixture(scope="module")
def shared(tmp_path_factory, nessie_url):
    """Return the files of a lake that the tests of this module share."""
    return StackLake(tmp_path_factory.mktemp("shared") / "lake", emptied(nessie_url))
