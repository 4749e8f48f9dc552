"""Which columns of a table are shown in a terminal, and how wide."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lagoa.cli.layout import GAP, Heading, Painted, Width, fit, laid_out, measured

WIDTHS = st.lists(
    st.builds(Width, st.integers(0, 40), st.integers(0, 200), st.booleans(), st.just(False)), min_size=1, max_size=30
)


def of(*columns, room):
    return fit([Width(*column) for column in columns], room)


def test_without_a_limit_nothing_is_cut():
    assert of((4, 500), (6, 2), room=None) == [500, 6]


def test_long_texts_are_cut_and_numbers_are_not():
    assert of((2, 10, True), (4, 500), (5, 20), room=80) == [10, 46, 20]


def test_columns_are_left_out_from_the_middle():
    assert of(*[(5, 10, True)] * 10, room=80) == [10, 10, 10, None, None, None, None, 10, 10, 10]


def test_names_stay_and_others_go_before():
    assert of((5, 60, True, True), (5, 30, True, True), (5, 10), room=80) == [60, 30, None]
    columns = [Width(5, 20, True), Width(5, 30), Width(5, 30, True), Width(5, 20, True)]
    assert fit(columns, 75, [3]) == [20, 21, 30, None]
    assert fit(columns, 60, [3]) == [20, None, 30, None]
    assert fit(columns, 75, [2]) == [20, 30, None, 20], "what is dispensable does not move the middle"
    row = [Painted("x" * 20), Painted("y" * 30), Painted("z" * 30), Painted("w" * 20)]
    shown = list(laid_out(row, [Heading("")] * 4, fit(columns, 75, [3]), [3]))
    assert [cell.text[-1] for cell in shown] == ["x", "…", "z"], "what is dispensable leaves no mark"


def heads(names, cells, room, whole=True):
    headings = [Heading(name, whole=whole) for name in names]
    rows = [[Painted("x" * cells) for _ in names]]
    widths = fit(measured(headings, rows), room)
    return [cell.text.strip() for cell in laid_out([Painted(name) for name in names], headings, widths)]


def test_values_are_cut_before_their_headings():
    names = ["delivered_to_the_carrier", "delivered_to_the_customer"]
    assert heads(names, 40, 60, whole=False) == names
    assert heads(["order_purchase_time", "approved_at_time"], 10, 40) == ["order_purchase_time", "approved_at_time"]


def test_a_heading_far_wider_than_its_values_is_cut_to_what_no_other_heading_is():
    names = ["share_of_households_with_water", "number_of_pupils_in_primary_schools", "n"]
    assert heads(names, 1, 40) == ["share_of_househo…", "number_of_pupils_…", "n"]
    alike = ["population_of_the_municipality_2020", "population_of_the_municipality_2021", "n"]
    assert heads(alike, 1, 80) == alike
    assert heads(alike, 1, 45) == [alike[0], "…", "n"], "left out, since cut it would be equal to the first one"
    assert heads(["count", "count"], 1, 40) == ["count", "count"], "a SELECT may name two columns alike"


def test_a_narrow_column_comes_back_where_a_wide_one_went_after_it():
    columns = [Width(5, 10, True), Width(5, 40, True), Width(5, 10, True), Width(5, 10, True)]
    assert fit(columns, 50) == [10, None, 10, 10]
    dispensable = [Width(5, 10, True), Width(5, 50), Width(5, 40, True), Width(5, 10, True)]
    assert fit(dispensable, 80, [3, 2]) == [10, 50, None, 10], "it fits beside all that is whole"
    assert fit(dispensable, 60, [3, 2]) == [10, 48, None, None], "it would cut another to less than 40"


@given(WIDTHS, st.integers(20, 200))
def test_what_is_shown_fits_unless_a_single_column_does_not(columns, room):
    widths = fit(columns, room)
    shown = [place for place, width in enumerate(widths) if width is not None]
    assert shown[0] == 0
    for place in shown:
        assert columns[place].least <= widths[place] <= columns[place].most
    cells = list(laid_out([Painted("x" * column.most) for column in columns], [Heading("")] * len(columns), widths))
    line = (" " * GAP).join(cell.text for cell in cells)
    assert len(line) <= room or len(shown) == 1
    if all(width == column.most for width, column in zip(widths, columns, strict=True)):
        assert "…" not in line


def test_a_wide_character_takes_two_places():
    headings = [Heading("name"), Heading("n", right=True, whole=True)]
    rows = [[Painted("日本語" * 10), Painted("7")]]
    widths = fit(measured(headings, rows), 20)
    assert [cell.text for cell in laid_out(rows[0], headings, widths)] == ["日本語日本語日本…", "7"]
