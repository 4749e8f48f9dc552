"""The online store follows main: as a whole, from published commits alone, with nothing left of what is gone."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial

import featured
import pandas as pd
import pyarrow as pa
import pytest
from checkout import ROOT
from featured import SHOPS, TOWNS

from lagoa.bootstrap import open_lake
from lagoa.domain.features import Feature, OnlineRow, entity_key, moment_of
from lagoa.errors import FeatureError, FeaturesGone, FeaturesUnavailable, LakeTooNew, OnlineStateLost, TableNotFound
from lagoa.features.entity_rows import entity_rows
from lagoa.features.moments import moment_in_sql, moment_in_utc
from lagoa.features.offline import TablesAt, features_at

BOTH = ["both"]


@pytest.fixture
def folder(folder):
    featured.contracts(folder)
    return folder


@pytest.fixture
def online(lake):
    """Return a lake whose features are online."""
    featured.publish(lake, {"a": 1, "b": 2})
    featured.apply(lake)
    lake.materialize_features()
    return lake


def values(lake, shop="a"):
    return lake.online_features(BOTH, [{"shop": shop}]).rows[0]


def test_online_are_the_newest_rows_of_the_published_commit(online):
    commit = featured.publish(online, {"a": 3, "b": 4}, day=1)
    done = online.materialize_features()
    assert done.written == {"shops": 2, "towns": 2}
    answer = online.online_features(BOTH, [{"shop": "b"}, {"shop": "nobody"}])
    assert answer.commit == commit
    assert answer.rows == (
        {"shops:v": 4, "shops:word": "w4", "towns:v": 4},
        {"shops:v": None, "shops:word": None, "towns:v": None},
    )
    assert answer.moments[0]["shops"] == featured.rows({"b": 4}, day=1)["at"][0].as_py()


def test_an_entity_that_is_gone_from_the_table_is_gone_online(online):
    featured.publish(online, {"b": 2})
    online.materialize_features()
    assert set(values(online).values()) == {None}


def test_a_rollback_of_main_is_followed(online):
    first = online.resolve("main").id
    featured.publish(online, {"a": 9})
    online.materialize_features()
    online.rollback(f"main@{first}")
    assert online.feature_status().publications == 1
    online.follow_features()
    assert values(online)["shops:v"] == 1
    assert values(online, "b")["towns:v"] == 2
    assert online.feature_status().publications == 0


def test_a_rollback_to_before_a_table_or_a_column_takes_only_its_view_offline(folder, lake):
    featured.contracts(folder)
    with lake.run("first") as branch:
        branch.replace("gold.towns", featured.rows({"a": 1}, word=False))
        first = branch.publish().commit
    featured.publish(lake, {"a": 2})
    featured.apply(lake)
    lake.materialize_features()
    commit = lake.rollback(f"main@{first}").commit
    with pytest.raises(TableNotFound):
        lake.follow_features()
    assert values(lake)["towns:v"] == 2  # as it was
    done = lake.follow_features(leave_out=True)
    assert (set(done.left_out), done.state.commit) == ({"shops"}, commit)
    assert "no table gold.shops" in done.left_out["shops"]
    assert lake.online_features(["towns"], [{"shop": "a"}]).rows == ({"towns:v": 1},)
    with pytest.raises(FeatureError, match="shops: it is not online"):
        values(lake)
    assert [each.missing for each in lake.feature_status().views] == [True, False]
    number = lake.context.online.standing().number
    assert set(lake.follow_features(leave_out=True).left_out) == {"shops"}
    assert lake.context.online.standing().number == number
    for wrong in (replace(TOWNS, timestamp="when"), replace(TOWNS, keys=(("shop", "town"),))):
        featured.apply(lake, wrong)
        assert "no column" in lake.follow_features(leave_out=True).left_out["towns"]


def test_nothing_is_read_again_where_the_tables_are_the_same(online):
    with online.run("other") as branch:
        branch.replace("gold.towns", featured.rows({"a": 7}, word=False))
        branch.publish()
    done = online.materialize_features()
    assert (done.written, done.kept) == ({"towns": 1}, ("shops",))
    assert values(online) == {"shops:v": 1, "shops:word": "w1", "towns:v": 7}
    number = online.context.online.standing().number
    assert online.materialize_features().kept == ("shops", "towns")
    assert online.context.online.standing().number == number


def test_a_branch_is_never_online(online):
    branch = online.create_branch("mine")
    branch.replace("gold.shops", featured.rows({"a": 100}))
    with pytest.raises(FeatureError, match="never published"):
        online.materialize_features("mine")
    assert values(online)["shops:v"] == 1


@pytest.mark.parametrize(
    ("age", "word", "failed"),
    [
        (40, True, "checks.freshness"),
        (1, False, "columns.w.checks.missing"),
        (1, True, None),
    ],
)
def test_freshness_and_shares_of_nulls_are_checked_as_documented(folder, age, word, failed):
    text = (ROOT / "docs" / "features.md").read_text("utf-8")
    example = text.partition("in `soda/gold/<table>.yaml`:\n\n```yaml\n")[2].partition("```")[0]
    folder.file("soda/gold/shops.yaml", example.replace("late_share_to_date", "w").replace("event_timestamp", "at"))
    with open_lake(folder.root) as lake, lake.run("load") as branch:
        day = (datetime.now(UTC) - featured.T0).days - age
        rows = featured.rows({"a": 1}, day=day)
        branch.replace("gold.shops", rows if word else rows.set_column(3, "w", pa.nulls(1, pa.string())))
        found = [each.check for each in branch.audit().results if each.outcome != "passed"]
    assert [each.partition("/soda/")[2] for each in found] == ([failed] if failed else [])


def test_read_at_a_moment_it_is_said_from_when_on_the_features_are_known(online):
    later = featured.T0 + timedelta(days=9)
    found = online.features_at(BOTH, {"shop": "a"}, later)
    assert found.moments == ({"shops": featured.T0, "towns": featured.T0},)
    assert found == online.online_features(BOTH, [{"shop": "a"}])
    assert online.features_at(BOTH, {"shop": "nobody"}, later).moments == ({"shops": None, "towns": None},)


@pytest.mark.parametrize(
    ("value", "zone", "expected"),
    [
        (datetime(2026, 1, 1, 12), "America/Sao_Paulo", datetime(2026, 1, 1, 15, tzinfo=UTC)),  # noqa: DTZ001
        (datetime(2018, 2, 17, 23, 30), "America/Sao_Paulo", datetime(2018, 2, 18, 2, 30, tzinfo=UTC)),  # noqa: DTZ001
        (datetime(2018, 11, 4, 0, 30), "America/Sao_Paulo", datetime(2018, 11, 4, 3, 30, tzinfo=UTC)),  # noqa: DTZ001
        (date(2026, 1, 1), "UTC", datetime(2026, 1, 1, tzinfo=UTC)),
        (datetime(9999, 12, 31, 23), "America/Sao_Paulo", datetime.max.replace(tzinfo=UTC)),  # noqa: DTZ001
        (datetime(1, 1, 1), "Asia/Tokyo", datetime.min.replace(tzinfo=UTC)),  # noqa: DTZ001
        (
            datetime(1900, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
            "America/Sao_Paulo",
            datetime(1900, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
        ),
    ],
)
def test_a_value_is_the_moment_that_the_engine_takes_it_for(lake, value, zone, expected):
    kind = "timestamptz" if getattr(value, "tzinfo", None) else "timestamp" if isinstance(value, datetime) else "date"
    with lake.context.engine.session({}) as session:
        session.register("given", pa.table({"at": [value]}))
        micros = session.query(f"SELECT {moment_in_sql('at', kind, zone)} FROM given").fetchall()[0][0]
    assert moment_of(micros) == moment_in_utc(value, zone) == expected


def test_a_key_of_whole_numbers_is_one(online):
    featured.apply(online, replace(SHOPS, key_types=("INT32",)))
    for wrong in ("1e3", "1_0", "", " 1", "2147483648", "9" * 5000):
        with pytest.raises(FeatureError, match="whole number of 32 bits"):
            online.online_features(["shops"], [{"shop": wrong}])


def test_a_state_that_main_had_before_can_be_online(online):
    first = online.resolve("main").id
    featured.publish(online, {"a": 9})
    online.materialize_features()
    assert online.materialize_features("main~1").state.commit == first
    assert values(online)["shops:v"] == 1


@pytest.mark.parametrize("commits", [2, pytest.param(10, marks=pytest.mark.slow)])
def test_no_request_mixes_two_commits(online, commits):
    """While states are put in, readers see each number in both views, or in neither."""
    wrong, reads, done = [], [], threading.Event()

    def read():
        while not done.is_set():
            row = values(online)
            reads.append(row["shops:v"])
            if len({row["shops:v"], row["towns:v"]}) > 1:
                wrong.append(row)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for each in readers:
        each.start()
    try:
        for number in range(2, 2 + commits):
            featured.publish(online, {"a": number})
            online.materialize_features()
    finally:
        done.set()
        for each in readers:
            each.join()
    assert not wrong
    assert len(set(reads)) > 1


def test_a_reader_keeps_its_state_through_one_change_and_starts_again_after_two(online):
    store = online.context.online
    pinned = store.standing()
    featured.publish(online, {"a": 2})
    online.materialize_features()
    key = entity_key(["a"])
    assert store.read(pinned.views["shops"].part, SHOPS, [key], [0])[key].values == (1,)
    featured.publish(online, {"a": 3})
    online.materialize_features()
    with pytest.raises(OnlineStateLost):
        store.read(pinned.views["shops"].part, SHOPS, [key], [0])
    assert values(online)["shops:v"] == 3


def test_a_failure_in_the_middle_leaves_what_was_there(online):
    """As when the process is killed: the rows come from a generator, which fails after the first."""
    store = online.context.online
    state = store.standing()

    class Broken:
        view, pointer = SHOPS, "elsewhere"

        def rows(self):
            yield OnlineRow(entity_key(["a"]), 0, (99, "x"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.replace(state.number, "c", {"towns": state.views["towns"]}, [Broken()])
    assert store.standing() == state
    assert values(online)["shops:v"] == 1


def test_of_two_that_materialize_at_once_the_second_begins_again(online):
    state = online.context.online.standing()
    featured.publish(online, {"a": 5})
    online.materialize_features()
    with pytest.raises(OnlineStateLost):
        online.context.online.replace(state.number, "c", {}, [])


def test_a_pushed_row_counts_while_it_is_the_newest(online):
    store = online.context.online
    later = int(featured.T0.timestamp() * 1e6) + 10
    assert (
        store.push(SHOPS, [OnlineRow(entity_key(["a"]), later, (50, "now")), OnlineRow(entity_key(["b"]), 0, (0, ""))])
        == 1
    )
    assert values(online)["shops:v"] == 50
    assert values(online, "b")["shops:v"] == 2
    assert {each.view.name: each.pushed for each in online.feature_status().views} == {"shops": 1, "towns": 0}
    featured.publish(online, {"a": 3})  # at the day before the pushed row
    online.materialize_features()
    assert values(online)["shops:v"] == 50
    featured.publish(online, {"a": 4}, day=1)
    online.materialize_features()
    assert values(online)["shops:v"] == 4


def test_a_changed_definition_is_not_read_before_it_is_materialized(online):
    featured.apply(online, replace(SHOPS, features=(Feature("v", "INT64", "v"),)), TOWNS)
    with pytest.raises(FeatureError, match="changed since"):
        online.online_features(["shops:v"], [{"shop": "a"}])
    assert [each.behind for each in online.feature_status().views] == [True, False]
    online.materialize_features()
    assert online.online_features(["shops:v"], [{"shop": "a"}]).rows[0] == {"shops:v": 1}


def test_a_column_of_another_type_or_none_is_refused_by_name(online):
    featured.apply(online, replace(SHOPS, features=(Feature("v", "DOUBLE", "v"),)))
    with pytest.raises(FeatureError, match=r"shops:v.*applied as DOUBLE.*long"):
        online.materialize_features()
    featured.apply(online, replace(SHOPS, features=(Feature("v", "INT64", "vv"),)))
    with pytest.raises(FeatureError, match="no column 'vv'"):
        online.materialize_features()
    featured.apply(online, replace(SHOPS, table="gold.shop"))
    with pytest.raises(TableNotFound, match=r"gold\.shop"):
        online.materialize_features()


@pytest.mark.parametrize(
    ("features", "entity", "said"),
    [
        (["shop:v"], {"shop": "a"}, "Did you mean"),
        (["shops:vv"], {"shop": "a"}, "no feature 'vv'"),
        (["both"], {}, "shop is missing"),
        (["both"], {"shop": "a", "town": "b"}, "no join key town"),
    ],
)
def test_an_unknown_name_is_refused_with_what_there_is(online, features, entity, said):
    with pytest.raises(FeatureError, match=said):
        online.online_features(features, [entity])


def test_a_commit_that_was_deleted_is_said_with_the_features_that_there_are(online):
    now = online.resolve("main").id
    branch = online.create_branch("work")
    branch.replace("gold.shops", featured.rows({"a": 7}))
    head = branch.head
    online.create_tag("closing", "work")
    online.delete_ref("work")
    moment = featured.T0 + timedelta(days=1)
    assert online.features_at(["shops:v"], {"shop": "a"}, moment, "closing").rows == ({"shops:v": 7},)  # a tag keeps it
    online.delete_ref("closing")
    for ref in ("closing", f"work@{head}", f"main@{head}"):
        for read in (online.materialize_features, partial(online.features_at, ["shops:v"], {"shop": "a"}, moment)):
            with pytest.raises(FeaturesGone, match="main has the tables of 2 of the 2 feature views") as gone:
                read(ref)
            assert gone.value.ref == ref
            assert f"online are the features of {now[:12]}" in gone.value.left
    assert values(online)["shops:v"] == 1


@pytest.mark.slow
def test_a_million_unknown_keys_are_nulls(online):
    nobody = [f"nobody {number}" for number in range(1_000_000)]
    answer = online.online_features(BOTH, [{"shop": shop} for shop in [*nobody, "a"]])
    assert answer.rows[-1] == {"shops:v": 1, "shops:word": "w1", "towns:v": 1}
    nothing = dict.fromkeys(answer.rows[-1])
    assert all(row == nothing for row in answer.rows[:-1])
    tables = TablesAt(online.context, "main")
    given = pd.DataFrame({"shop": [*nobody, "a"], "at": featured.T0 + timedelta(days=1)})
    wanted = tables.wanted(SHOPS, [("v", "v")], {"shop": "shop"})
    found = features_at(tables, entity_rows(given, "at"), [wanted])["v"]
    assert (found.null_count, found[-1].as_py()) == (len(nobody), 1)


def test_before_anything_is_online_the_next_step_is_said(lake):
    with pytest.raises(FeatureError, match="lagoa feature apply"):
        lake.materialize_features()
    assert lake.follow_features() is None
    featured.publish(lake, {"a": 1})
    featured.apply(lake)
    with pytest.raises(FeatureError, match="lagoa feature materialize"):
        values(lake)


def test_a_store_of_a_newer_version_a_damaged_one_and_a_full_disk_are_told_apart(online):
    file = online.settings.state_folder / "features.db"
    featured.publish(online, {"a": 6})
    with sqlite3.connect(file, isolation_level=None) as db:
        pages = db.execute("pragma page_count").fetchone()[0]
    db.close()
    connection = online.context.online._connection()
    connection.execute(f"pragma max_page_count = {pages}")
    with pytest.raises(FeaturesUnavailable, match="full"):
        online.materialize_features()
    assert values(online)["shops:v"] == 1
    connection.execute("pragma max_page_count = 100000")
    connection.execute("pragma user_version = 99")
    online.close()
    with open_lake(online.settings) as again, pytest.raises(LakeTooNew):
        again.online_features(BOTH, [{"shop": "a"}])
    for each in file.parent.glob("features.db*"):
        each.write_bytes(b"no database" * 1000)
    with open_lake(online.settings) as again, pytest.raises(FeaturesUnavailable, match="delete it"):
        again.online_features(BOTH, [{"shop": "a"}])
    for each in file.parent.glob("features.db*"):
        each.unlink()
    with open_lake(online.settings) as again:
        featured.apply(again)
        again.materialize_features()
        assert values(again)["shops:v"] == 6


def test_features_of_rewritten_files_are_not_behind(online):
    with online.run("load") as branch:
        for day in range(1, 4):
            branch.append("gold.shops", featured.rows({"a": 10 + day}, day=day))
        branch.publish()
    online.materialize_features()
    assert [each.state for each in online.compact().tables] == ["compacted"]
    assert [each.behind for each in online.feature_status().views] == [False, False]
    assert online.materialize_features().written == {}
    assert values(online)["shops:v"] == 13
