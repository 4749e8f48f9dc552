"""The reference lake's models: they learn what is there to learn, and from nothing that came later."""

from __future__ import annotations

import importlib.util
import shutil
import warnings

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from checkout import ROOT

from flows.sources.olist import generate
from lagoa.bootstrap import open_lake
from lagoa.errors import AuditFailed
from lagoa.settings import load_settings
from lagoa.training.definition import unpacked
from lagoa.training.fitted import load_fitted

CUT = "2018-04-01"
UNTIL = {
    "olist_orders_dataset": f"""
        select * replace (
            case when order_approved_at < timestamp '{CUT}' then order_approved_at end as order_approved_at,
            case when order_delivered_carrier_date < timestamp '{CUT}' then order_delivered_carrier_date end
                as order_delivered_carrier_date,
            case when order_delivered_customer_date < timestamp '{CUT}' then order_delivered_customer_date end
                as order_delivered_customer_date
        ) from given where order_purchase_timestamp < timestamp '{CUT}'""",
    "olist_order_reviews_dataset": f"select * from given where review_answer_timestamp < timestamp '{CUT}'",
}
"""What each file had at the cut; files of orders have their orders alone, all others are as they are."""

pytestmark = pytest.mark.timeout(300)


def _as_it_was(full, early):
    """Write the files as they would have been at the cut."""
    early.mkdir()
    with duckdb.connect() as connection:
        for name in ("olist_orders_dataset", *(each.stem for each in full.glob("*.csv"))):
            given, target = full / f"{name}.csv", early / f"{name}.csv"
            text = given.read_text("utf-8").splitlines()[0]
            connection.execute(f"create or replace view given as from read_csv('{given}', header = true, nullstr = '')")
            if name in UNTIL:
                query = UNTIL[name]
            elif "order_id" in text:
                query = (
                    f"select given.* from given semi join '{early / 'olist_orders_dataset.csv'}' as o using (order_id)"
                )
            else:
                shutil.copy(given, target)
                continue
            connection.execute(
                f"copy ({query}) to '{target}' (format csv, header, timestampformat '%Y-%m-%d %H:%M:%S')"
            )


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """Return the reference lake with all orders on main, and on the branch `early` those of before the cut."""
    folder = tmp_path_factory.mktemp("trained")
    generate(folder / "full", scale=0.02)
    _as_it_was(folder / "full", folder / "early")
    shutil.copytree(ROOT / "ml", folder / "ml")
    settings = load_settings(ROOT).model_copy(update={"state": folder / "state"})
    with open_lake(settings) as opened:
        early = opened.create_branch("early")
        early.ingest_folder(folder / "early")
        early.transform()
        with opened.run("all") as branch:
            branch.ingest_folder(folder / "full")
            branch.transform()
            branch.publish()
        _apply_features(opened)
        yield opened


def _apply_features(lake):
    spec = importlib.util.spec_from_file_location("reference_features", ROOT / "feature_store" / "features.py")
    module = importlib.util.module_from_spec(spec)
    with warnings.catch_warnings(action="ignore"):  # Feast and what it imports warn when they are imported
        from lagoa.feast.views import definitions_of

        spec.loader.exec_module(module)
        found = definitions_of("lagoa", [module.customer_features, module.seller_features], [module.late_delivery], [])
    lake.context.online.set_registry(b"", found)


@pytest.mark.parametrize("model", ["late_delivery", "days_to_delivery", "monthly_demand"])
def test_features_and_labels_are_those_that_were_known_at_the_cut(lake, model):
    found = lake.check_leaks(model, "early")
    assert found.rows > 700
    assert found.leaks == ()


LEAKS = [
    ("orders.items,", "orders.items + date_diff('day', orders.day, orders.delivered_on) as items,", "items"),
    ("country.overdue,", "(select count(*) from orders) as overdue,", "overdue"),
    ("day + 1, 1, 0, 0, 0, 0", "day - 1, 1, 0, 0, 0, 0", "overdue_share"),  # orders of the next day wait already
    ("delivered_on + 1, 0, 0, 1", "day, 0, 0, 1", "late_share_14"),  # a road is known when it begins
    ("orders.delivered_at as known_at", "orders.approved_at as known_at", "late"),
]
LEAKS = [*LEAKS[:2], *(pytest.param(*each, marks=pytest.mark.slow) for each in LEAKS[2:])]


@pytest.mark.parametrize(("sound", "leaking", "column"), LEAKS)
def test_a_leak_on_purpose_is_found(lake, tmp_path, sound, leaking, column):
    from dataclasses import replace

    from lagoa.lake import Lake

    shutil.copytree(ROOT / "ml", tmp_path / "ml")
    file = tmp_path / "ml" / "approved_orders.sql"
    text = file.read_text("utf-8")
    assert sound in text
    file.write_text(text.replace(sound, leaking), "utf-8")
    moved = Lake(replace(lake.context, settings=lake.settings.model_copy(update={"root": tmp_path})))
    found = moved.check_leaks("late_delivery", "early")
    assert column in [each.column for each in found.leaks]


def test_all_models_are_trained(lake):
    runs = lake.train()
    assert [run.model for run in runs] == ["days_to_delivery", "late_delivery", "monthly_demand"]
    days, late, demand = runs
    assert days.metrics["pinball"].value < days.metrics["pinball"].baseline
    assert days.metrics["longest"].value < days.metrics["longest"].baseline  # a shorter promise than the marketplace's
    assert "customer_features__state" in late.rows.features
    assert demand.metrics["mae"].value < demand.metrics["mae"].baseline  # the same month of the year before
    assert len(demand.backtest) == 6
    assert set(demand.elasticities) == {"price_1"}


@pytest.mark.slow
def test_all_models_can_be_repeated(lake):
    runs = lake.train()
    assert len(runs) == 3
    for run in runs:
        again = lake.reproduce(run.id)
        assert (again.same_rows, again.same_predictions) == (True, True)


@pytest.mark.parametrize(
    "model",
    ["late_delivery", *(pytest.param(each, marks=pytest.mark.slow) for each in ("days_to_delivery", "monthly_demand"))],
)
def test_orders_are_answered_online_with_the_bits_of_the_model(lake, model):
    """A row by itself, with features read online, gets what the model says of a table with the same values."""
    (run,) = lake.train([model])
    lake.materialize_features()
    scorer = lake.scorer(run.id)
    with unpacked(run.model, run.files) as files:
        select, trusted = files.sql, files.definition.trusted
    rows = lake.sql(select).arrow().slice(0, 300)
    if model == "late_delivery":
        keys = rows.select(["seller_id", "customer_unique_id"]).to_pylist()
        features = lake.online_features(["late_delivery"], keys).rows
        for name in features[0]:
            rows = rows.append_column(name.replace(":", "__"), pa.array([row[name] for row in features]))
    fitted = load_fitted(lake.context.tracking.files(run), trusted)
    expected = fitted.predict(rows)
    given = rows.select(scorer.rows.columns).to_pylist()
    answer = scorer.score(given, reasons=3)
    assert np.array([list(row.predicted.values()) for row in answer.rows]).tobytes() == expected.tobytes()
    assert all(len(row.reasons) == (0 if model == "monthly_demand" else 3) for row in answer.rows)
    for number, row in enumerate(given[:20]):
        single = list(scorer.score([row]).rows[0].predicted.values())
        assert single == fitted.predict(rows.slice(number, 1)).tolist()[0]


def test_scores_are_audited_and_published_with_version_and_commit(lake):
    (run,) = lake.train(["late_delivery"])
    head = lake.resolve("main").id
    with lake.run("score") as branch:
        scores = branch.score("gold.order_risk", run.id, days=400)
        assert scores.rows > 20
        published = branch.publish()
    assert published.tables == ("gold.order_risk",)
    outcomes = {each.check: each.outcome for each in published.report.results if "order_risk" in each.check}
    assert outcomes["gold.order_risk/soda/checks.metric.shift"] == "passed", outcomes
    query = "select distinct model, model_version, data_commit from gold.order_risk"
    assert lake.sql(query).fetchall() == [("late_delivery", run.version, head)]
    query = "select count(*) from gold.order_risk join silver.orders using (order_id) where delivered_at is not null"
    assert lake.sql(query).fetchall() == [(0,)]
    other = lake.create_branch("unlike")
    other.replace("gold.order_risk", lake.sql("select * replace (0.95 as training_rank) from gold.order_risk").arrow())
    with pytest.raises(AuditFailed, match="The orders are like those"):
        other.publish()
