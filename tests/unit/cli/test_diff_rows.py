"""The rows of a difference: the key first, then the columns that changed."""

from __future__ import annotations

from lagoa.cli.commands import diff
from lagoa.domain.tables import TableName
from lagoa.review.diff import RowChange, TableDiff

OLD = {"city": "Rio", "n": 1, "id": 7, "state": "sent"}


def lines(capsys, samples, key=("id",)):
    diff._show_rows(TableDiff(TableName.parse("a.b"), "changed", key=key, samples=samples))
    return [line.split() for line in capsys.readouterr().out.splitlines()[2:]]


def test_what_changed_comes_after_the_key(capsys):
    changed = RowChange("changed", OLD, OLD | {"state": None, "n": 2}, ("n", "state"))
    assert lines(capsys, (RowChange("added", None, OLD), changed)) == [
        ["id", "n", "state", "city"],
        ["+", "7", "1", "sent", "Rio"],
        ["~", "7", "1", "->", "2", "sent", "->", "NULL", "Rio"],
    ]


def test_without_a_change_columns_keep_their_order(capsys):
    assert lines(capsys, (RowChange("removed", OLD, None),))[0] == ["city", "n", "id", "state"]


def test_a_hidden_value_is_seen_to_change(capsys):
    hidden = {"id": 7, "name": "•••"}
    assert lines(capsys, (RowChange("changed", hidden, hidden, ("name",)),))[1] == ["~", "7", "•••", "->", "•••"]


def test_a_text_with_line_ends_stays_on_its_line(capsys):
    changed = RowChange("changed", OLD, OLD | {"city": "a\nb"}, ("city",))
    assert lines(capsys, (changed,))[1][2:5] == ["Rio", "->", r"a\nb"]
