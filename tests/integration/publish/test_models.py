"""The models of publishing (docs/model/): explored whole, with each guard and without, and compared with the code."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import counterexamples
import promela
import pytest
from checkout import ROOT

from lagoa.domain import faults

if TYPE_CHECKING:
    from pathlib import Path

MODELS = {name: promela.Model.read(name) for name in ("publish", "rebase")}

BROKEN = {
    "publish": {
        "batch_check": "once",
        "key_check": "none_lost",
        "sweep": "clean",
        "fixed_head": "none_lost",
        "conflict_check": "none_lost",
        "skew_check": "no_skew",
        "news_check": "once",
        "exact_audit": "audited_exactly",
        "gate": "audited_exactly",
        "receipt_before_swap": "receipts_fit",
        "receipt_condition": "receipts_fit",
        "first_parent_check": "one_line",
        "fixed_commit": "audited_exactly",
        "cas": "one_line",
        "journal_before_swap": "journal_fits",
        "journal_condition": "journal_fits",
    },
    "rebase": {
        "undone_check": "undone_stays_away",
        "entry_check": "refused_rightly",
        "hold_check": "held_stays_away",
        "drop_check": "once",
        "branch_cas": "none_lost",
        "second_parent": "ends",
        "refusal": "none_lost",
        "rebuild": "ends",
        "skew_check": "no_skew",
        "cas": "one_line",
        "gate": "audited_exactly",
    },
}
"""By model and guard: the first property that fails without the guard."""

OTHERS = {"publish": "ends", "rebase": "stands"}
"""By model: the property that never is the first to fail."""

REPLAYS = {"publish": counterexamples.Publishing, "rebase": counterexamples.Rebasing}
"""By model: its counterexamples on a real lake, in which the guards are in place."""

GUARDS = [(name, guard) for name, model in MODELS.items() for guard in model.guards]


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", MODELS)
def test_every_state_has_every_property(name, tmp_path):
    found = promela.explore(MODELS[name], tmp_path)
    assert found.violated == ""
    assert found.states > 100_000
    assert found.unreached == []


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize(("name", "guard"), GUARDS)
def test_without_a_guard_its_property_fails(name, guard, tmp_path):
    assert promela.explore(MODELS[name], tmp_path, without=guard).violated == BROKEN[name][guard]


@pytest.mark.parametrize("name", MODELS)
def test_each_property_is_broken_by_a_missing_guard_and_each_guard_has_its_counterexample_on_a_lake(name):
    model, replays = MODELS[name], dir(REPLAYS[name])
    assert set(BROKEN[name]) == set(model.guards)
    assert set(BROKEN[name].values()) | {OTHERS[name]} == set(model.properties)
    assert [guard for guard in model.guards if not any(each.startswith(f"test_{guard}_") for each in replays)] == []


def test_the_steps_of_the_models_are_the_fault_points_of_the_code():
    named = {step for file in (ROOT / "lagoa").rglob("*.py") for step in _named_in(file.read_text("utf-8"))}
    assert named >= {*faults.STEPS}
    of_publishing = {step for step in named if step.startswith(("write.", "publish.", "rebase."))}
    assert {step for model in MODELS.values() for step in model.steps} == of_publishing, "see docs/model/index.md"


def test_what_the_models_name_is_in_the_code():
    files = {file: file.read_text("utf-8") for file in (ROOT / "lagoa").rglob("*.py")}
    named = {place for model in MODELS.values() for place in model.guards.values()}
    words = {word for place in named for word in re.findall(r"[A-Za-z]\w*\.\w+|[A-Z][a-z]+[A-Z]\w+", place)}
    assert {"Work.tables", "catalog.swap", "NothingToPublish"} <= words
    assert [word for word in sorted(words) if not any(_has(file, text, word) for file, text in files.items())] == []


def test_the_page_has_each_guard_with_what_it_prevents_and_tests_that_are_there():
    page = (promela.MODELS / "index.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| .* \| `(\w+)`", page, re.MULTILINE)
    assert sorted(rows) == sorted(pair for broken in BROKEN.values() for pair in broken.items())
    for model in MODELS.values():
        assert [name for name in model.properties if f"\n| `{name}` | " not in page] == []
    tests = "\n".join(file.read_text("utf-8") for file in (ROOT / "tests").rglob("*.py"))
    assert [name for name in re.findall(r"`(test_\w+)`", page) if f"def {name}(" not in tests] == []


@pytest.mark.parametrize("limits", [{"depth": 20}, pytest.param({"memory_mb": 1}, marks=pytest.mark.slow)])
def test_a_search_that_does_not_see_all_states_fails(limits, tmp_path):
    with pytest.raises(AssertionError, match="did not explore all states"):
        promela.explore(MODELS["publish"], tmp_path, **limits)


def test_what_is_not_installed_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AssertionError, match="make system"):
        promela.explore(MODELS["publish"], tmp_path)


def _named_in(text: str) -> list[str]:
    return re.findall(r'fault_point\("([\w.]+)"\)', text)


def _has(file: Path, text: str, word: str) -> bool:
    """Return whether a file has a class, or a function in a class or module of that name."""
    owner, _, name = word.rpartition(".")
    if owner == "lagoa":
        return (file.parent.name, file.name) == (name, "__init__.py")
    inside = not owner or file.stem == owner or f"class {owner}" in text
    return inside and re.search(rf"\b(?:def|class) {name}\b", text) is not None
