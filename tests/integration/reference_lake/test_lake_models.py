"""The unit tests of the reference lake's models, each as a test of its own."""

from __future__ import annotations

import pytest
import yaml
from checkout import ROOT

from lagoa.bootstrap import open_lake
from lagoa.settings import load_settings
from lagoa.sql_models.run import lake_models
from lagoa.sql_models.testing import run_tests
from lagoa.sql_models.testing.reading import read_test_file
from lagoa.sql_models.testing.running import run_test

MODELS = sorted(f"{path.parent.name}.{path.stem}" for path in (ROOT / "transformations").glob("*/*.sql"))
FILES = sorted((ROOT / "transformations" / "tests").glob("*/*.yaml"))
TESTS = [
    (f"{path.parent.name}.{path.stem}", test["name"])
    for path in FILES
    for test in yaml.load(path.read_text("utf-8"), yaml.CSafeLoader)["tests"]
]


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    settings = load_settings(ROOT).model_copy(update={"state": tmp_path_factory.mktemp("state")})
    with open_lake(settings) as lake:
        yield lake.context


@pytest.fixture(scope="module")
def results(context):
    return {(str(each.test.table), each.test.name): each for each in run_tests(context).results}


@pytest.mark.parametrize(("model", "name"), TESTS, ids=[": ".join(each) for each in TESTS])
def test_a_model_makes_of_given_rows_what_is_expected(results, model, name):
    assert results[model, name].lines == []


def test_every_test_is_run(results):
    assert sorted(results) == sorted(TESTS)


@pytest.mark.parametrize("model", MODELS)
def test_a_model_has_two_tests_or_more(model):
    assert len([name for table, name in TESTS if table == model]) >= 2


def test_the_tests_of_the_documentation_pass(context, tmp_path):
    page = (ROOT / "docs" / "models.md").read_text("utf-8")
    file = tmp_path / "tests" / "silver" / "payments.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(page.split("## Unit tests")[1].split("```yaml\n")[1].split("```")[0], "utf-8")
    models = lake_models(context)
    tests = read_test_file(file, tmp_path, models, context.contracts)
    assert [run_test(context, models[test.table], test).lines for test in tests] == [[], []]
