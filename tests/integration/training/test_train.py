"""Training at a commit: what is learned from, what is kept, and what cannot be trained."""

from __future__ import annotations

from datetime import UTC, timedelta
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from featured import SHOPS
from trained import BOOSTED, DEFINITION, FUNCTION, LATER, QUANTILES, SELECT, T0, orders, publish

from lagoa.domain.features import Definitions
from lagoa.errors import (
    FeatureError,
    ModelError,
    QueryError,
    RefNotFound,
    TableNotFound,
    TrainingError,
    TrainingUnavailable,
)
from lagoa.training.definition import DefinitionError, read_model
from lagoa.training.evaluation import label_of

SURE = """
import lightgbm


def late(features, label, *, strength):
    data = lightgbm.Dataset(features, 4 * label - 2)
    return lightgbm.train({"num_threads": 1, "verbose": -1}, data, num_boost_round=20)
"""
"""A regression, which says more than a probability can be."""


def test_a_run_says_what_it_learned_from_and_pins_the_commit(folder, lake):
    commit = publish(lake, orders(100))
    (run,) = lake.train()
    assert (run.model, run.version, run.ref, run.branch, run.commit) == ("late", 1, "main", "", commit)
    assert lake.ref(run.tag).commit == commit
    assert lake.ref(run.tag).kind == "tag"
    assert run.author == "ana"
    assert sorted(run.files) == ["late.py", "late.sql", "late.yaml"]
    assert run.parameters == {"strength": 1.0}
    assert list(run.rows.tables) == ["gold.orders"]
    assert run.rows.tables["gold.orders"] in lake.tables().values()
    assert run.metrics["auc"].low < run.metrics["auc"].value < run.metrics["auc"].high
    assert run.metrics["auc"].value > 0.7
    assert run.metrics["auc"].baseline == 0.5
    assert {each.value for each in run.segments} == {"SP", "BA"}
    assert list(run.importances) == ["distance", "state"]
    assert set(run.drift) == {"distance", "state"}
    assert run.packages["scikit-learn"]
    assert run.hardware["machine"]
    assert folder.tracking.aliases == {("late", "candidate"): 1}
    assert lake.trained_run("late") == run


def test_only_rows_whose_label_was_known_before_the_cut_are_learned_from(lake):
    publish(lake, orders(100))
    (run,) = lake.train()
    known = 90 * 8  # the last ten days have no label
    cut = T0 + timedelta(days=72)
    assert run.rows.rows == known
    assert run.rows.cut == cut.replace(tzinfo=UTC)
    assert run.rows.tested == 18 * 8
    assert run.rows.trained == (72 - LATER.days) * 8  # not those of the ten days before the cut


def test_local_moments_are_those_of_the_zone(folder, lake):
    folder.model_files(DEFINITION + "zone: America/Sao_Paulo\n")
    publish(lake, orders(100))
    (run,) = lake.train()
    assert run.rows.cut == (T0 + timedelta(days=72, hours=3)).replace(tzinfo=UTC)


def test_a_set_is_the_same_whatever_the_order_of_the_rows(lake):
    rows = orders(60)
    publish(lake, rows)
    (first,) = lake.train()
    with lake.run("turn") as branch:
        branch.replace("gold.orders", rows.take(pa.array(range(rows.num_rows - 1, -1, -1))))
        branch.publish()
    (second,) = lake.train()
    assert second.commit != first.commit
    assert (second.rows.digest, second.predictions) == (first.rows.digest, first.predictions)


def test_quantiles_are_learned_one_by_one(folder, lake):
    folder.file("ml/price.yaml", QUANTILES.replace("label: price", "label: price\nbaseline: distance"))
    folder.file("ml/price.py", BOOSTED)
    publish(lake, orders(80))
    late, price = lake.train()
    assert (late.model, price.model) == ("late", "price")
    assert price.metrics["pinball"].value < price.metrics["pinball"].baseline * 1.2
    assert 0.5 < price.metrics["coverage"].value <= 1
    assert price.metrics["kept"].baseline < 0.1  # the distance is less than most prices


def test_features_are_joined_as_they_were_known(folder, lake):
    folder.contract("gold.shops", "shop:string!* at:timestamptz!* v:long w:string")
    folder.model_files(
        DEFINITION + "features: ['shops:v']\nentities: {state: shop}\nzone: America/Sao_Paulo\n", select=SELECT
    )
    at = T0.replace(tzinfo=UTC) + timedelta(days=30, hours=3)  # midnight in São Paulo
    shops = pa.table(
        {
            "shop": ["SP", "SP", "BA"],
            "at": pa.array([T0.replace(tzinfo=UTC), at, at], pa.timestamp("us", "UTC")),
            "v": pa.array([1, 2, 3], pa.int64()),
            "w": ["", "", ""],
        }
    )
    publish(lake, orders(100))
    with pytest.raises(FeatureError, match="nothing of it was applied"):
        lake.train()
    lake.context.online.set_registry(b"", Definitions("test", {"shops": SHOPS}, {}))
    with pytest.raises(TableNotFound):
        lake.train()
    with lake.run("shops") as branch:
        branch.append("gold.shops", shops, batch="1")
        branch.publish()
    (run,) = lake.train()
    rows = lake.training_rows("late").select(["id", "state", "shops__v"]).to_pandas()
    day = rows["id"] // 8
    assert rows[(rows["state"] == "SP") & (day < 30)]["shops__v"].unique().tolist() == [1]
    assert rows[(rows["state"] == "SP") & (day >= 30)]["shops__v"].unique().tolist() == [2]
    assert rows[(rows["state"] == "BA") & (day < 30)]["shops__v"].isna().all()
    assert sorted(run.rows.tables) == ["gold.orders", "gold.shops"]
    # another definition of the view later does not change what is built again
    lake.context.online.set_registry(b"", Definitions("test", {}, {}))
    assert lake.reproduce("late").same_rows


def test_a_branch_is_trained_on_and_named(folder, lake):
    publish(lake, orders(100))
    lake.create_branch("dev/ana")
    (run,) = lake.train(ref="dev/ana")
    assert (run.ref, run.branch) == ("dev/ana", "dev/ana")
    assert folder.tracking.aliases == {}
    lake.create_tag("closing")
    assert lake.train(ref="closing")[0].branch == ""
    with pytest.raises(RefNotFound):
        lake.train(ref="nowhere")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (orders(0), "no row has a known label"),
        (orders(9), "no row has a known label"),
        (orders(12), "no row and its label were known before"),
        (orders(100).set_column(3, "late", pa.array([True] * 800)).slice(0, 700), "have the label 1"),
        (
            orders(100).set_column(4, "distance", pa.array([1.0] * 800)).set_column(6, "state", pa.array(["SP"] * 800)),
            "no feature has more than one value",
        ),
    ],
)
def test_what_nothing_can_be_learned_from_is_said(lake, rows, words):
    publish(lake, rows)
    with pytest.raises(TrainingError, match=words):
        lake.train()
    assert [each for each in lake.refs() if each.kind == "tag"] == []
    assert lake.trained_models()[0].runs == ()


def test_a_constant_feature_is_noted(lake):
    publish(lake, orders(100).set_column(6, "state", pa.array(["SP"] * 800)))
    (run,) = lake.train()
    assert run.notes == ("1 feature with one value alone: state",)


@pytest.mark.parametrize(
    ("select", "error", "words"),
    [
        (SELECT.replace("distance", "random() as distance"), ModelError, "late.sql:1: RAND.* different rows"),
        (SELECT.replace("distance", "distanse"), ModelError, "distanse"),
        (SELECT + "; drop table gold.orders", ModelError, "more than one statement"),
        ("select * from read_csv('x.csv')", ModelError, "late.sql:1"),
        (SELECT.replace("id,", "1 as id,"), TrainingError, "id = 1 comes more than once"),
        (SELECT.replace("id,", "case when id > 5 then id end as id,"), TrainingError, "the key id is null in 6 rows"),
        (
            SELECT.replace(" placed_at,", " case when id > 0 then placed_at end as placed_at,"),
            TrainingError,
            "1 row without placed_at",
        ),
        (SELECT.replace(" placed_at,", " id as placed_at,"), TrainingError, "'placed_at'.*no moment"),
        (SELECT.replace("known_at,", "cast(null as timestamp) as known_at,"), TrainingError, "720 rows with a label"),
        (
            SELECT.replace("placed_at, known_at,", "known_at as placed_at, placed_at as known_at,"),
            TrainingError,
            "placed_at",
        ),
        (SELECT.replace("distance", "placed_at as distance"), TrainingError, "feature 'distance'.*timestamp"),
        (SELECT.replace("late,", "case when late is not null then id end as late,"), TrainingError, "must be 0 or 1"),
        (
            SELECT.replace("late,", "case when late is not null then state end as late,"),
            TrainingError,
            "The label late: it is string",
        ),
        (SELECT.replace(", state", ""), TrainingError, "no column 'state'"),
        (SELECT.replace("distance", "cast(state as double) as distance"), QueryError, "SP|BA"),
        (
            SELECT.replace("id,", "case when id < 2 then 'nan'::double else id end as id,"),
            TrainingError,
            "the key id is null in 2 rows",
        ),
        (SELECT.replace("id,", "[id] as id,"), TrainingError, "the key id is a list"),
        (
            SELECT.replace(" placed_at,", " case when id > 0 then placed_at else 'infinity' end as placed_at,"),
            TrainingError,
            "'placed_at': it has moments outside the years 1 to 9999",
        ),
        (
            SELECT.replace("known_at,", "case when id > 0 then known_at::date else 'infinity' end as known_at,"),
            TrainingError,
            "'known_at': it has moments outside the years 1 to 9999",
        ),
    ],
)
def test_a_select_that_cannot_be_used_is_refused(folder, lake, select, error, words):
    publish(lake, orders(100))
    folder.model_files(select=select)
    with pytest.raises(error, match=words):
        lake.train()


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("def early(features, label): ...", "ml/late.py: it has no function late"),
        ("def late(features, label, *, strength):\n    return 1 / 0", r"ml/late.py:2: ZeroDivisionError"),
        ("def late(features, label)\n", r"ml/late.py:1: SyntaxError"),
        ("import nowhere\n", "ml/late.py:1: ModuleNotFoundError"),
        ("def late(features, label):\n    return None", "unexpected keyword argument 'strength'"),
        ("def late(features, label, *, strength):\n    return None", "function of the model late: it returned None"),
        ("def late(features, label, *, strength):\n    raise SystemExit(3)", "ml/late.py:2: SystemExit: 3"),
        ("raise SystemExit(3)", "ml/late.py:1: SystemExit: 3"),
        (SURE, "a probability is from 0 to 1"),
    ],
)
def test_a_function_that_fails_is_named_with_its_line(folder, lake, function, words):
    publish(lake, orders(100))
    folder.model_files(function=function)
    with pytest.raises(TrainingError, match=words):
        lake.train()


@pytest.mark.parametrize(
    ("more", "select", "words"),
    [
        ("baseline: state\n", SELECT, "The baseline state: it is a text"),
        ("baseline: price\n", SELECT, "The baseline price: it is not from 0 to 1"),
    ],
)
def test_a_baseline_is_a_number_that_a_model_could_give(folder, lake, more, select, words):
    publish(lake, orders(100))
    folder.model_files(DEFINITION + more, select=select)
    with pytest.raises(TrainingError, match=words):
        lake.train()


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_label_that_is_no_number_is_not_learned_from(folder, lake, value):
    folder.file("ml/price.yaml", QUANTILES)
    folder.file("ml/price.py", BOOSTED)
    folder.model_files(
        select=SELECT.replace("price", f"case when id < 3 then '{value}'::double else price end as price")
    )
    publish(lake, orders(100))
    with pytest.raises(TrainingError, match="The label price: it is NaN or infinite in 3 rows"):
        lake.train(["price"])


def test_a_label_of_decimals_is_the_nearest_double(folder, lake):
    folder.file("ml/price.yaml", QUANTILES)
    folder.file("ml/price.py", BOOSTED)
    prices = pa.array([Decimal("950234.45"), Decimal("544.93"), Decimal("102440.26")], pa.decimal128(18, 2))
    definition = read_model(folder.root / "ml", "price").definition
    assert label_of(pa.table({"price": prices}), definition).tolist() == [950234.45, 544.93, 102440.26]


def test_what_is_odd_about_the_rows_is_noted(folder, lake):
    folder.model_files(
        select=SELECT.replace("distance", "9007199254740993 + id as distance").replace(
            "known_at,", "case when id % 9 = 0 then placed_at - interval 1 day else known_at end as known_at,"
        )
    )
    publish(lake, orders(100))
    (run,) = lake.train()
    assert run.notes == (
        "1 feature with whole numbers beyond 2^53, rounded: distance",
        "80 labels known before the moment of the row",
    )


def test_the_end_of_the_calendar_stands_for_never(folder, lake):
    folder.model_files(
        DEFINITION + "zone: America/Sao_Paulo\n",
        select=SELECT.replace(
            "known_at,", "case when id < 8 then '9999-12-31 23:59:59'::timestamp else known_at end as known_at,"
        ),
    )
    publish(lake, orders(100))
    (run,) = lake.train()
    assert run.rows.trained == (72 - LATER.days) * 8 - 8


def test_a_new_store_is_made_whole_though_the_function_fails(folder, lake):
    folder.tracking.preparing_s = 0.2
    publish(lake, orders(100))
    folder.model_files(function="def late(features, label, *, strength):\n    return 1 / 0")
    with pytest.raises(TrainingError):
        lake.train()
    assert folder.tracking.prepared.is_set()  # else the end of the process would leave half of its tables


def test_nothing_is_kept_of_a_run_that_cannot_be_registered(folder, lake):
    publish(lake, orders(100))
    folder.tracking.fails = True
    with pytest.raises(TrainingUnavailable, match="the disk is full"):
        lake.train()
    assert lake.trained_models()[0].runs == ()
    assert [each for each in lake.refs() if each.kind == "tag"] == []


def test_nothing_is_kept_of_a_run_that_cannot_be_named_the_candidate(folder, lake):
    publish(lake, orders(100))
    folder.tracking.fails_to_name = True
    with pytest.raises(TrainingUnavailable, match="the database is locked"):
        lake.train()
    assert lake.trained_models()[0].runs == ()
    assert [each for each in lake.refs() if each.kind == "tag"] == []


def test_unknown_models_and_runs_are_said(lake):
    publish(lake, orders(100))
    with pytest.raises(TrainingError, match="There are: late"):
        lake.train(["lateness"])
    with pytest.raises(TrainingError, match="Nothing was trained yet"):
        lake.trained_run("late")
    (run,) = lake.train()
    assert lake.trained_run(run.id[:12]) == lake.trained_run("late@1") == lake.trained_run("late@candidate") == run
    assert lake.trained_run(run.tracking) == run
    with pytest.raises(TrainingError, match="it has no champion"):
        lake.trained_run("late@champion")
    with pytest.raises(TrainingError, match="no version or alias '7'"):
        lake.trained_run("late@7")
    with pytest.raises(TrainingError, match="Trained are: late"):
        lake.trained_run("latte")


def test_rows_can_be_had_again(lake):
    publish(lake, orders(100))
    (run,) = lake.train()
    publish(lake, orders(101, seed=2))
    rows = lake.training_rows(run.id)
    assert rows.num_rows == 720
    assert rows["id"].to_pylist() == sorted(rows["id"].to_pylist())
    assert pc.is_valid(rows["late"]).to_pylist() == [True] * 720


def test_a_lake_without_models_has_none(folder, lake):
    for name in ("late.yaml", "late.py", "late.sql"):
        (folder.root / "ml" / name).unlink()
    publish(lake, orders(10))
    assert lake.train() == []
    assert lake.trained_models() == []
    folder.model_files(DEFINITION + "unknown: 1\n", FUNCTION)
    with pytest.raises(DefinitionError, match="unknown"):
        lake.train()
