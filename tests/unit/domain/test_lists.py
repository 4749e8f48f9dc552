"""Lists of names in messages."""

from __future__ import annotations

import pytest

from lagoa.domain.lists import counted, listed, repeated


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b", "c"], "a, b, c"),
        (["a", "b", "c", "d", "e"], "a, b, c and 2 more"),
        (["á\n\x1b[31m"], r"á\n\x1b[31m"),
    ],
)
def test_the_first_names_are_listed_and_the_others_counted(names, text):
    assert listed(names, 3) == text


@pytest.mark.parametrize(
    ("names", "found"), [([], None), (["a", "b"], None), (["a", "b", "b", "a"], "b"), (["a", "b", "a", "b"], "a")]
)
def test_the_first_name_that_occurs_a_second_time_is_found(names, found):
    assert repeated(names) == found


def test_a_number_of_things_is_one_or_several():
    assert counted(1, "row") == "1 row"
    assert counted(2, "batch", "batches") == "2 batches"
    assert counted(1_550_000, "row") == "1,550,000 rows"
