"""A feature repository as users of Feast know it: apply, plan, historical and online features, push, refusals."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pandas as pd
import pyarrow as pa
import pytest
from feast import FeatureStore
from feast.data_source import PushMode
from feast.errors import FeatureServiceNotFoundException

from lagoa.domain.features import OnlineRow, entity_key
from lagoa.errors import FeatureError, FeaturesGone, TableNotFound
from lagoa.feast import at_ref
from lagoa.feast.applying import apply, declared
from lagoa.feast.offline_store import LakeOfflineStore
from lagoa.features.changes import changes

ROOT = Path(__file__).parents[3]
T0 = datetime(2026, 1, 10, 12, tzinfo=UTC)
COLUMNS = {
    "shop": "string!*",
    "at": "timestamp!*",
    "written": "timestamptz",
    "small": "int",
    "big": "long",
    "price": "decimal(20,4)",
    "ok": "boolean",
    "real": "double",
    "single": "float",
    "word": "string",
    "raw": "binary",
    "id": "uuid",
    "day": "date",
    "since": "timestamptz",
    "words": "list<string>",
    "marks": "list<double>",
}
ROW = {
    "shop": "a",
    "at": datetime(2026, 1, 10, 9),  # noqa: DTZ001 - local time of São Paulo
    "written": T0,
    "small": -(2**31),
    "big": 2**63 - 1,
    "price": Decimal("1234567890123456.7891"),
    "ok": False,
    "real": 5e-324,
    "single": 1.5,
    "word": "ação\n'\"",
    "raw": b"\x00\xff",
    "id": str(UUID(int=1)),
    "day": datetime(1969, 12, 31).date(),  # noqa: DTZ001
    "since": datetime(1900, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
    "words": ["x", "", "é"],
    "marks": [0.1, -0.0],
}
FEATURES = {"event": "at", "created": "written", "zone": "America/Sao_Paulo", "ttl": "2d", "domain": "sales"}
VIEWS = """
from feast import Entity, FeatureService, ValueType

from lagoa.feast import declared_features

declared = declared_features(__file__)
shop = Entity(name="shop", join_keys=["shop"], value_type=ValueType.STRING)
shops = declared.view("gold.shops", [shop], push="shops_now"{only})
service = FeatureService(name="model", features=[shops[["big", "word"]]])
"""


@pytest.fixture
def folder(folder):
    folder.contract("gold.shops", COLUMNS, features=FEATURES)
    repository(folder)
    return folder


def repository(folder, views=None):
    folder.file("feature_store/feature_store.yaml", (ROOT / "feature_store" / "feature_store.yaml").read_text("utf-8"))
    folder.file("feature_store/views.py", views or VIEWS.format(only=""))
    for name in [name for name in sys.modules if name == "views"]:
        del sys.modules[name]


def row(**others):
    return ROW | others


def publish(lake, *rows):
    with lake.run("load") as branch:
        branch.replace("gold.shops", pa.Table.from_pylist(list(rows), SCHEMA))
        return branch.publish().commit


SCHEMA = pa.schema(
    {
        "shop": pa.string(), "at": pa.timestamp("us"), "written": pa.timestamp("us", "UTC"), "small": pa.int32(),
        "big": pa.int64(), "price": pa.decimal128(20, 4), "ok": pa.bool_(), "real": pa.float64(),
        "single": pa.float32(), "word": pa.string(), "raw": pa.binary(), "id": pa.string(), "day": pa.date32(),
        "since": pa.timestamp("us", "UTC"), "words": pa.list_(pa.string()), "marks": pa.list_(pa.float64()),
    }
)  # fmt: skip


@pytest.fixture
def applied(lake):
    publish(lake, row())
    apply(lake.settings.features_folder)
    lake.materialize_features()
    return lake


def store_of(lake):
    return FeatureStore(repo_path=str(lake.settings.features_folder))


def at(moment, shop="a"):
    return pd.DataFrame({"shop": [shop], "event_timestamp": [moment]})


def test_every_type_is_exact_offline_and_online(applied):
    store, names = store_of(applied), [name for name in COLUMNS if name not in {"shop", "at", "written"}]
    refs = [f"shops:{name}" for name in names]
    offline = store.get_historical_features(entity_df=at(T0), features=refs).to_arrow().to_pylist()[0]
    online = store.get_online_features(features=refs, entity_rows=[{"shop": "a"}]).to_dict()
    plain = applied.online_features(["shops"], [{"shop": "a"}]).rows[0]
    for name in names:
        expected = ROW[name]
        found = {"offline": offline[name], "online": online[name][0], "plain": plain[f"shops:{name}"]}
        if name == "id":  # a text in Arrow
            assert found.pop("offline") == expected
            expected = UUID(expected)
        if name == "day":
            assert found.pop("offline") == expected
            expected = datetime(1969, 12, 31, tzinfo=UTC)
        if name == "since":  # Feast has whole seconds
            assert found.pop("online") == expected.replace(microsecond=0)
        for place, value in found.items():
            assert value == expected, (name, place)
            assert isinstance(value, bool) == isinstance(expected, bool)


def test_zero_with_a_sign_no_number_and_no_bytes_are_what_they_are(applied):
    """-0.0 equals 0.0, so the texts are compared; NaN and no bytes are nulls to Feast's own conversion."""
    publish(applied, row(real=-0.0, single=-0.0, marks=[-0.0], raw=b""))
    applied.materialize_features()
    store, names = store_of(applied), ["real", "single", "marks", "raw"]
    expected, refs = ["-0.0", "-0.0", "[-0.0]", "b''"], [f"shops:{name}" for name in names]
    source = store.get_feature_view("shops").batch_source
    latest = LakeOfflineStore.pull_latest_from_table_or_query(
        store.config, source, ["shop"], names, "at", None, T0 - timedelta(days=9), T0
    )
    online = store.get_online_features(features=refs, entity_rows=[{"shop": "a"}]).to_dict()
    plain = applied.online_features(refs, [{"shop": "a"}]).rows[0]
    assert [str(latest.to_arrow().to_pylist()[0][name]) for name in names] == expected
    assert [str(online[name][0]) for name in names] == expected
    assert [str(plain[ref]) for ref in refs] == expected
    known = store.get_historical_features(entity_df=at(T0), features=refs).to_arrow().to_pylist()[0]
    assert [str(known[name]) for name in names] == expected

    view = applied.context.online.definitions().views["shops"]
    values = tuple(float("nan") if each.name in {"real", "single"} else None for each in view.features)
    applied.context.online.push(view, [OnlineRow(entity_key(["a"]), 2**52, values)])
    online = store.get_online_features(features=refs, entity_rows=[{"shop": "a"}]).to_dict()
    assert [str(online[name][0]) for name in names] == ["nan", "nan", "None", "None"]


def test_a_row_is_known_from_its_local_moment_on_and_for_its_time_to_live(applied):
    store, feature = store_of(applied), ["shops:big"]
    step = timedelta(microseconds=1)
    for moment, there in (
        (T0 - step, False),
        (T0, True),
        (T0 + timedelta(days=2), True),
        (T0 + timedelta(days=2) + step, False),
    ):
        found = store.get_historical_features(entity_df=at(moment), features=feature).to_df()["big"].tolist()
        assert (found == [2**63 - 1]) is there, moment


def test_a_result_says_its_commit_and_is_read_at_the_ref_that_is_named(applied):
    store, first = store_of(applied), applied.resolve("main").id
    second = publish(applied, row(big=7))
    job = store.get_historical_features(entity_df=at(T0), features=["shops:big"])
    assert job.to_df().attrs["lagoa.commit"] == second
    assert job.to_arrow().schema.metadata[b"lagoa.commit"].decode() == second
    with at_ref("main~1"):
        job = store.get_historical_features(entity_df=at(T0), features=["shops:big"])
    publish(applied, row(big=8))  # what the job reads was settled before
    frame = job.to_df()
    assert (frame["big"].tolist(), frame.attrs["lagoa.commit"]) == ([2**63 - 1], first)
    with at_ref("nothing"), pytest.raises(FeaturesGone):
        store.get_historical_features(entity_df=at(T0), features=["shops:big"])
    with at_ref("main~3"), pytest.raises(TableNotFound):
        store.get_historical_features(entity_df=at(T0), features=["shops:big"])


def test_entity_rows_can_be_a_select_confined_to_the_lake_or_left_out(applied):
    store, feature = store_of(applied), ["shops:word"]
    select = """select shop, timezone('America/Sao_Paulo', "at") as event_timestamp from gold.shops"""
    assert store.get_historical_features(entity_df=select, features=feature).to_df()["word"].tolist() == [ROW["word"]]
    with pytest.raises(Exception, match=r"read_csv"):
        store.get_historical_features(entity_df="select * from read_csv('/etc/passwd')", features=feature).to_df()
    days = {"start_date": T0 - timedelta(days=1), "end_date": T0 + timedelta(days=1)}
    found = store.get_historical_features(entity_df=None, features=feature, **days).to_df()
    assert (found["shop"].tolist(), found["word"].tolist()) == (["a"], [ROW["word"]])


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (pd.DataFrame({"event_timestamp": [T0]}), "no column 'shop'"),
        (at(T0).assign(shop=1), "'shop' is integer, and text"),
        (pd.DataFrame({"shop": ["a", "b"], "event_timestamp": [T0, T0.replace(tzinfo=None)]}), "some without.*row 1"),
        (pd.DataFrame({"shop": ["a"], "event_timestamp": ["yesterday"]}), "event_timestamp"),
        (pd.DataFrame({"shop": ["a"]}), "event_timestamp"),
        (at(T0).assign(big=1), "several columns 'big'"),
        (pd.DataFrame([["a", "b", T0]], columns=["shop", "shop", "event_timestamp"]), "several columns 'shop'"),
    ],
)
def test_entity_rows_that_do_not_fit_are_refused_by_name(applied, frame, said):
    with pytest.raises(FeatureError, match=said):
        store_of(applied).get_historical_features(entity_df=frame, features=["shops:big"]).to_df()


def test_rows_of_nobody_of_no_moment_and_twice_stay_in_their_order(applied):
    frame = pd.DataFrame(
        {"shop": ["b", "a", None, "a", "a"], "event_timestamp": pd.to_datetime([T0, T0, T0, None, T0], utc=True)}
    )
    found = store_of(applied).get_historical_features(entity_df=frame, features=["shops:small"]).to_df()
    assert found["shop"].tolist() == ["b", "a", None, "a", "a"]
    assert found["small"].isna().tolist() == [True, False, True, True, False]


def test_moments_beyond_the_nanoseconds_of_pandas_are_taken(applied):
    publish(applied, row(at=datetime(9998, 1, 1)))  # noqa: DTZ001
    moments = pd.Series([datetime(9998, 1, 2), datetime(1, 1, 1), None], dtype=object)  # noqa: DTZ001
    frame = pd.DataFrame({"shop": ["a", "a", "a"], "event_timestamp": moments})
    found = store_of(applied).get_historical_features(entity_df=frame, features=["shops:small"]).to_arrow()
    assert found["small"].to_pylist() == [ROW["small"], None, None]
    moments[1] = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    with pytest.raises(FeatureError, match="some without"):
        store_of(applied).get_historical_features(
            entity_df=frame.assign(event_timestamp=moments), features=["shops:small"]
        )
    only = frame.assign(event_timestamp=moments).iloc[1:]
    with pytest.raises(FeatureError, match="cannot be read"):
        store_of(applied).get_historical_features(entity_df=only, features=["shops:small"])


def test_a_pushed_row_is_online_and_offline_only_on_a_branch(applied):
    store = store_of(applied)
    newest = row(at=datetime(2026, 1, 11), big=5, id="00000000-0000-0000-0000-000000000001")  # noqa: DTZ001
    pushed = pd.DataFrame([newest])
    store.push("shops_now", pushed)
    assert store.get_online_features(features=["shops:big"], entity_rows=[{"shop": "a"}]).to_dict()["big"] == [5]
    with pytest.raises(FeatureError, match="publications alone"):
        store.push("shops_now", pushed, to=PushMode.OFFLINE)
    for missing in ("shop", "at"):
        with pytest.raises(FeatureError, match=f"{missing} is null in a row"):
            store.push("shops_now", pd.DataFrame([newest | {"big": 6}, newest | {missing: None}]))
    assert store.get_online_features(features=["shops:big"], entity_rows=[{"shop": "a"}]).to_dict()["big"] == [5]


def test_a_list_with_a_null_is_refused_where_feast_would_change_it(applied):
    publish(applied, row(words=["x", None]))
    applied.materialize_features()
    assert applied.online_features(["shops:words"], [{"shop": "a"}]).rows[0] == {"shops:words": ["x", None]}
    with pytest.raises(FeatureError, match="a null"):
        store_of(applied).get_online_features(features=["shops:words"], entity_rows=[{"shop": "a"}])


def test_feast_materializes_all_of_main(applied):
    store = store_of(applied)
    publish(applied, row(shop="b", big=3))
    store.materialize_incremental(end_date=datetime.now(UTC))
    assert applied.feature_status().online == applied.resolve("main").id
    found = store.get_online_features(features=["shops:big"], entity_rows=[{"shop": "a"}, {"shop": "b"}]).to_dict()
    assert found["big"] == [None, 3]


def test_what_a_service_uses_cannot_change_or_go_under_its_name(folder, applied):
    repository(folder, VIEWS.format(only=', only=["big", "small"]').replace('[["big", "word"]]', '[["big"]]'))
    before = applied.context.online.definitions()
    found = changes(before, declared(applied.settings.features_folder))
    assert [(each.what, each.breaks) for each in found if each.breaks] == [("shops:word", ("model",))]
    repository(folder, VIEWS.format(only=', only=["big", "small"]').replace('[["big", "word"]]', '[["big"]]'))
    with pytest.raises(FeatureError, match=r"shops:word.*model"):
        apply(applied.settings.features_folder)
    assert applied.context.online.definitions() == before
    renamed = VIEWS.format(only=', only=["big", "small"]').replace('[["big", "word"]]', '[["big"]]')
    repository(folder, renamed.replace('name="model"', 'name="model_2"'))
    apply(applied.settings.features_folder)
    assert set(applied.context.online.definitions().services) == {"model_2"}
    with pytest.raises(FeatureServiceNotFoundException):
        store_of(applied).get_feature_service("model")


def test_a_feature_of_another_type_is_refused_with_its_service(folder, applied):
    changed = {**COLUMNS, "word": "long"}
    folder.contract("gold.shops", changed, features=FEATURES)
    repository(folder)
    with pytest.raises(FeatureError, match=r"shops:word.*STRING to INT64.*model"):
        apply(applied.settings.features_folder)


@pytest.mark.parametrize(
    ("views", "said"),
    [
        (f"{VIEWS.format(only='')}\n1 / 0", r"views\.py, line 11: ZeroDivisionError: division by zero"),
        ("def (", r"views\.py, line 1: SyntaxError"),
        (
            VIEWS.format(only="").replace("ValueType.STRING", "ValueType.INT64"),
            r"views\.py, line 8: ValueError: Entity",
        ),
        (f"{VIEWS.format(only='')}\nagain = declared.view('gold.shops', [shop])", "Multiple FeatureViews.*'shops'"),
    ],
)
def test_a_repository_that_cannot_be_used_is_refused_by_file_and_line(folder, applied, views, said):
    repository(folder, views)
    with pytest.raises(FeatureError, match=said):
        declared(applied.settings.features_folder)
    with pytest.raises(FeatureError, match=said):
        apply(applied.settings.features_folder)


def test_a_service_of_a_view_that_feast_does_not_find_is_refused(folder, lake):
    publish(lake, row())
    repository(folder, f"{VIEWS.format(only='')}\ndel shops")
    for call in (declared, apply):
        with pytest.raises(FeatureError, match="The service model: it has features of shops, which no variable"):
            call(lake.settings.features_folder)
    assert not lake.context.online.definitions().services


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("registry_store_type: lagoa.feast.registry_store.LakeRegistryStore", "x: y", r"registry\.registry_store_type"),
        ("lagoa.feast.online_store.LakeOnlineStore", "sqlite", "online_store.type is sqlite"),
        ("lagoa.feast.offline_store.LakeOfflineStore", "file", "offline_store.type is file"),
        ("lagoa.feast.compute_engine.LakeComputeEngine", "local", "batch_engine.type is local"),
        ("project: lagoa", "project: [", "ParserError"),
    ],
)
def test_settings_with_stores_of_others_are_refused(folder, applied, old, new, said):
    path = folder.root / "feature_store" / "feature_store.yaml"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new).replace("  ref: main\n", ""), "utf-8")
    with pytest.raises(FeatureError, match=said):
        apply(applied.settings.features_folder)


@pytest.mark.parametrize(
    ("key", "feature", "column", "said"),
    [
        ("STRING", 'Field(name="bg", dtype=Int64)', "at", "gold.shops: it has no column 'bg'"),
        (
            "STRING",
            'Field(name="big", dtype=String)',
            "at",
            "hand:big: it is declared as STRING, and .* is long .INT64",
        ),
        ("STRING", 'Field(name="big", dtype=Int64)', "big", "is of the type long, and no moment"),
        ("INT64", 'Field(name="big", dtype=Int64)', "at", "join key shop of hand: it is declared as INT64"),
    ],
)
def test_a_view_by_hand_that_does_not_fit_its_table_is_refused_at_apply(folder, applied, key, feature, column, said):
    views = f"""
from feast import Entity, FeatureView, Field, ValueType
from feast.types import Int64, String

from lagoa.feast import LakeSource

shop = Entity(name="shop", join_keys=["shop"], value_type=ValueType.{key})
source = LakeSource(table="gold.shops", timestamp_field="{column}")
hand = FeatureView(name="hand", entities=[shop], schema=[{feature}], source=source)
"""
    repository(folder, views)
    before = applied.context.online.definitions()
    with pytest.raises(FeatureError, match=said):
        apply(applied.settings.features_folder)
    assert applied.context.online.definitions() == before


@pytest.mark.slow
def test_the_command_line_of_feast_applies_and_serves_the_repository(folder, lake):
    publish(lake, row())
    feast = Path(sys.executable).with_name("feast")
    done = subprocess.run(
        [feast, "apply"],
        cwd=folder.root / "feature_store",
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ},
    )
    assert done.returncode == 0, done.stderr
    assert set(lake.context.online.definitions().views) == {"shops"}
