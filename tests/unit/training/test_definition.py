"""The definition of a model: what it must say, and where it is wrong."""

from __future__ import annotations

import pytest
from trained import DEFINITION, FUNCTION, SELECT

from lagoa.errors import FeatureError, TrainingError
from lagoa.training.definition import DefinitionError, model_names, read_model, unpacked


def write(folder, text=DEFINITION):
    """Write a model."""
    (folder / "late.yaml").write_text(text, "utf-8")
    (folder / "late.py").write_text(FUNCTION, "utf-8")
    (folder / "late.sql").write_text(SELECT, "utf-8")


def test_a_model_is_three_files(tmp_path):
    write(tmp_path)
    found = read_model(tmp_path, "late")
    assert model_names(tmp_path) == ["late"]
    assert sorted(found.files) == ["late.py", "late.sql", "late.yaml"]
    assert (found.definition.metric, found.definition.parts, found.definition.test) == ("auc", (None,), 0.2)
    with unpacked("late", found.files) as again:
        assert (again.definition, again.sql, again.code) == (found.definition, found.sql, found.code)


@pytest.mark.parametrize(
    ("change", "line", "words"),
    [
        (("gate:", "gaet:"), 13, "the key 'gaet' is not known.*gate"),
        (("kind: probability", "kind: number"), 2, "kind"),
        (("auc:", "acu:"), 12, "there is no metric 'acu'"),
        (("margin: 0.02", "margin: -1"), 13, "margin"),
        (("[distance, state]", "[distance, late]"), 8, "'late' is known only later"),
        (("[distance, state]", "[distance, distance]"), 8, "distance occurs twice"),
        (("columns: [distance, state]\n", ""), 2, "names nothing to learn from"),
        (("late.sql", "../late.sql"), 3, "in the same folder"),
        (("kind: probability", "kind: quantiles\nquantiles: [0.9, 0.1]"), 3, "must rise"),
        (("margin: 0.02", "metric: pinball"), 13, "there is no such metric"),
        (("limits:", "search: {depth: [1]}\nlimits:"), 11, "'depth' is none of the parameters"),
        (("limits:", "search: {strength: []}\nlimits:"), 11, "search"),
        (("auc: {minimum: 0.6}", "auc: {}"), 12, "it limits nothing"),
        (("minimum: 0.6", "minimum: .nan"), 12, "minimum"),
        (("segments: [state]", "gap: 0.1"), 9, "of segments, and there are none"),
        (("limits:", "quantiles: [0.1, 0.5]\nlimits:"), 11, "a probability has none"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path, change, line, words):
    write(tmp_path, DEFINITION.replace(*change))
    with pytest.raises(DefinitionError, match=words) as found:
        read_model(tmp_path, "late")
    assert found.value.line == line


def test_missing_files_names_and_zones_are_said(tmp_path):
    with pytest.raises(TrainingError, match="There are: none"):
        read_model(tmp_path, "late")
    write(tmp_path)
    with pytest.raises(TrainingError, match=r"Did you mean|late"):
        read_model(tmp_path, "lte")
    with pytest.raises(TrainingError, match="There are: late"):
        read_model(tmp_path, "../late")
    (tmp_path / "late.py").unlink()
    with pytest.raises(TrainingError, match="It must have the function"):
        read_model(tmp_path, "late")
    (tmp_path / "Ünlucky name.yaml").write_text(DEFINITION, "utf-8")
    with pytest.raises(TrainingError, match="not named as a model can be"):
        read_model(tmp_path, "Ünlucky name")
    write(tmp_path, DEFINITION + "zone: Mars/Olympus\n")
    with pytest.raises(FeatureError, match="no time zone"):
        read_model(tmp_path, "late")
