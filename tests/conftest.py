"""What holds for all tests."""

import pytest

pytest.register_assert_rewrite("older_lakes")  # it has the tests that the older lakes share
