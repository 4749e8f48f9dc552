"""Features as they were known, against a plain reading of Feast's rules: no value from the future, ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pyarrow as pa
import pytest
from effort import many
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from lagoa.domain.features import Feature, FeatureView
from lagoa.features.entity_rows import entity_rows
from lagoa.features.offline import COMMIT, TablesAt, features_at

T0 = datetime(2026, 1, 1, tzinfo=UTC)
COLUMNS = "shop:string day:int? at:timestamptz written:timestamptz v:long w:string".replace("?", "")
MOMENTS = st.integers(0, 12).map(lambda steps: T0 + timedelta(microseconds=steps))
"""So few, and a microsecond apart, that ties and the very ends of a time to live come up."""
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", None]),
        st.sampled_from([1, 2]),
        st.one_of(st.none(), MOMENTS),
        st.one_of(st.none(), MOMENTS),
        st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
        st.sampled_from(["x", "é", "", None]),
    ),
    max_size=25,
)
ENTITIES = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c", None]), st.sampled_from([1, 2]), st.one_of(st.none(), MOMENTS)),
    min_size=1,
    max_size=8,
)


def view(ttl: int = 0, *, created: bool = False, keys: tuple[str, ...] = ("day", "shop")) -> FeatureView:
    kinds = {"day": "INT32", "shop": "STRING"}
    return FeatureView(
        name="shops",
        table="gold.shops",
        keys=tuple((key, key) for key in keys),
        key_types=tuple(kinds[key] for key in keys),
        timestamp="at",
        zone="UTC",
        created="written" if created else "",
        ttl_s=ttl / 1_000_000,
        features=(Feature("v", "INT64", "v"), Feature("word", "STRING", "w")),
    )


@pytest.fixture
def folder(folder):
    folder.contract("gold.shops", COLUMNS)
    return folder


def table(rows):
    names = ("shop", "day", "at", "written", "v", "w")
    kinds = (pa.string(), pa.int32(), pa.timestamp("us", "UTC"), pa.timestamp("us", "UTC"), pa.int64(), pa.string())
    schema = pa.schema(list(zip(names, kinds, strict=True)))
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], schema=schema)


def known(rows, entity, ttl, *, created, by_knowledge):
    """Return the rows of which one may be the answer; an empty list if nothing is known."""
    shop, day, now = entity
    fitting = [row for row in rows if row[0] == shop and row[1] == day and row[0] is not None and row[2] is not None]
    if now is None:
        return []
    if by_knowledge:
        fitting = [row for row in fitting if row[3] is not None and max(row[2], row[3]) <= now]
    fitting = [row for row in fitting if row[2] <= now]
    if not fitting:
        return []
    latest = max(row[2] for row in fitting)
    if ttl and latest < now - timedelta(microseconds=ttl):
        return []
    best = [row for row in fitting if row[2] == latest]
    if created or by_knowledge:
        order = [row[3] or datetime.min.replace(tzinfo=UTC) for row in best]
        best = [row for row, when in zip(best, order, strict=True) if when == max(order)]
    return best


@settings(max_examples=many(20), phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck))
@given(rows=ROWS, entities=ENTITIES, ttl=st.sampled_from([0, 1, 3]), mode=st.sampled_from(["", "created", "knowledge"]))
def test_no_value_is_from_the_future(lake_of_rows, rows, entities, ttl, mode):
    lake = lake_of_rows(table(rows))
    frame = pd.DataFrame(entities, columns=["shop", "day", "now"])
    frame["now"] = pd.to_datetime(frame["now"], utc=True)
    tables = TablesAt(lake.context, "dev")
    wanted = tables.wanted(
        view(ttl, created=bool(mode)), [("v", "v"), ("word", "word")], {"shop": "shop", "day": "day"}
    )
    found = features_at(tables, entity_rows(frame, "now"), [wanted], by_knowledge=mode == "knowledge")
    assert found.schema.metadata[COMMIT.encode()].decode() == tables.commit
    assert found.num_rows == len(entities)
    for entity, row in zip(entities, found.to_pylist(), strict=True):
        possible = known(rows, entity, ttl, created=bool(mode), by_knowledge=mode == "knowledge")
        answer = (row["v"], row["word"])
        assert answer in [(each[4], each[5]) for each in possible] or (not possible and answer == (None, None))


@pytest.fixture
def lake_of_rows(lake, dev):
    def fill(rows):
        dev.replace("gold.shops", rows)
        return lake

    return fill
