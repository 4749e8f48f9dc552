"""The model of expiry and collection (docs/model/collect.pml): explored whole, with each guard and without."""

from __future__ import annotations

import re

import counterexamples
import promela
import pytest
from checkout import ROOT

from lagoa.domain import faults

MODEL = promela.Model.read("collect")

BROKEN = {
    "branches_marked": "refs_whole",
    "kept_marked": "named_whole",
    "since_marked": "refs_whole",
    "expiry_check": "named_whole",
    "found_before": "refs_whole",
    "grace": "refs_whole",
    "age_first": "refs_whole",
    "marked_again": "refs_whole",
    "recent_marked": "refs_whole",
}
"""By guard of a catalog that knows the commits of deleted branches: the first property that fails without it."""

NESSIE = "NESSIE"

BROKEN_ON_NESSIE = {"twice_found": "refs_whole", "looked_again": "refs_whole"}
"""By guard of one that does not, in place of `recent_marked`."""

SAME_ORDER = {"twice_found": "recent_marked"}
"""Guards whose counterexample is played as that of another one."""


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_every_state_has_every_property(tmp_path):
    found = promela.explore(MODEL, tmp_path)
    assert found.violated == ""
    assert found.states > 100_000
    assert set(found.unreached) == {"-end-"}  # of the clock, which waits for ever


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("guard", BROKEN)
def test_without_a_guard_its_property_fails(guard, tmp_path):
    assert promela.explore(MODEL, tmp_path, without=guard).violated == BROKEN[guard]


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_every_state_has_every_property_on_nessie(tmp_path):
    found = promela.explore(MODEL, tmp_path, variant=NESSIE)
    assert found.violated == ""
    assert found.states > 100_000


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("guard", BROKEN_ON_NESSIE)
def test_without_a_guard_of_nessie_its_property_fails(guard, tmp_path):
    assert promela.explore(MODEL, tmp_path, without=guard, variant=NESSIE).violated == BROKEN_ON_NESSIE[guard]


def test_the_model_has_the_steps_and_the_guards_of_the_code_and_each_has_its_counterexample_on_a_lake():
    assert MODEL.steps == set(faults.OF_MAINTENANCE)
    assert {*BROKEN, *BROKEN_ON_NESSIE} == set(MODEL.guards)
    assert set(BROKEN.values()) == set(MODEL.properties)
    replays = dir(counterexamples.Collecting)
    played = {guard: f"test_{SAME_ORDER.get(guard, guard)}_" for guard in MODEL.guards}
    assert [guard for guard, name in played.items() if not any(each.startswith(name) for each in replays)] == []
    code = "\n".join(file.read_text("utf-8") for file in (ROOT / "lagoa").rglob("*.py"))
    named = {word for place in MODEL.guards.values() for word in re.findall(r"\w+\.(\w+)", place)}
    assert {"branch_states", "_mark", "_needed_since"} <= named
    assert [name for name in named if not re.search(rf"\bdef {name}\b|^    {name}:", code, re.MULTILINE)] == []
