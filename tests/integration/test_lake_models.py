"""The unit tests of the reference lake's models, each as a test of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from lagoa.lake import open_lake
from lagoa.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
MODELS = sorted(f"{path.parent.name}.{path.stem}" for path in (ROOT / "transformations").glob("*/*.sql"))
FILES = sorted((ROOT / "transformations" / "tests").glob("*/*.yaml"))
TESTS = [
    (f"{path.parent.name}.{path.stem}", test["name"])
    for path in FILES
    for test in yaml.load(path.read_text("utf-8"), yaml.CSafeLoader)["tests"]
]

pytestmark = pytest.mark.xdist_group("lake-models")  # all are run at once, for the first of them


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    settings = load_settings(ROOT).model_copy(update={"state": tmp_path_factory.mktemp("state")})
    with open_lake(settings) as lake:
        return {(str(each.test.table), each.test.name): each for each in lake.test_models().results}


@pytest.mark.parametrize(("model", "name"), TESTS, ids=[": ".join(each) for each in TESTS])
def test_a_model_makes_of_given_rows_what_is_expected(results, model, name):
    assert results[model, name].lines == []


def test_every_test_is_run(results):
    assert sorted(results) == sorted(TESTS)


@pytest.mark.parametrize("model", MODELS)
def test_a_model_has_two_tests_or_more(model):
    assert len([name for table, name in TESTS if table == model]) >= 2
