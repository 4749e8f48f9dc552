"""History (SCD2): the versions that follow from observations, in whatever order, how often and how they arrive."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lagoa.lake import open_lake

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lagoa.branch import Branch
    from lagoa.lake import Lake

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Seen(NamedTuple):
    """One observation: a key, the hour, a value, and whether the key was deleted then."""

    key: int
    hour: int
    value: str | None
    gone: bool = False


def moment(hour: int) -> datetime:
    return NOON + timedelta(hours=hour)


def contract(table: str, columns: Sequence[tuple[str, str, str]], custom: dict[str, Any]) -> str:
    """Return a contract of columns given as name, type and marks: `!` is required, a digit the place in the key."""
    properties = []
    for name, kind, marks in columns:
        place = marks.strip("!")
        entry: dict[str, Any] = {"name": name, "physicalType": kind, "description": "x", "required": marks != ""}
        properties.append(entry | ({"primaryKey": True, "primaryKeyPosition": int(place)} if place else {}))
    return json.dumps({
        "apiVersion": "v3.1.0", "kind": "DataContract", "id": table, "name": table, "version": "1.0.0",
        "schema": [{
            "name": table.split(".")[1], "description": "One row a thing.", "properties": properties,
            "customProperties": [{"property": f"lagoa.{name}", "value": value} for name, value in custom.items()],
        }],
    })  # fmt: skip


OBSERVED = [("k", "long", "!"), ("t", "timestamptz", "!"), ("v", "string", ""), ("gone", "boolean", "!")]
VERSIONS = [("k", "long", "!1"), ("v", "string", ""), ("valid_from", "timestamptz", "!2"),
            ("valid_to", "timestamptz", ""), ("is_current", "boolean", "!")]  # fmt: skip
SELECT = "select k, v, t as valid_from from bronze.seen"


def make(root: Path, deletions: str = "marker", **custom: Any) -> Path:
    (root / "lagoa.toml").write_text('name = "test"\nthreads = 1\nmemory_limit = "1GB"\n')
    marked = SELECT.replace(" from bronze", ", gone as is_deleted from bronze")
    files = {
        "iceberg/bronze/seen.odcs.yaml": contract("bronze.seen", OBSERVED, {}),
        "iceberg/silver/things.odcs.yaml": contract(
            "silver.things", VERSIONS, {"materialization": "scd2", "scd2": {"deletions": deletions}, **custom}
        ),
        "transformations/silver/things.sql": marked if deletions == "marker" else SELECT,
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with open_lake(make(tmp_path)) as lake:
        yield lake


@pytest.fixture
def dev(lake: Lake) -> Branch:
    return lake.create_branch("dev")


def arrive(branch: Branch, *seen: Seen) -> None:
    columns = {
        "k": pa.array([each.key for each in seen], pa.int64()),
        "t": pa.array([moment(each.hour) for each in seen], pa.timestamp("us", "UTC")),
        "v": pa.array([each.value for each in seen], pa.string()),
        "gone": pa.array([each.gone for each in seen], pa.bool_()),
    }
    branch.append("bronze.seen", pa.table(columns))


Version = tuple[int, str | None, int, int | None]


def versions(branch: Branch) -> list[Version]:
    """The key, value, first and last hour of each version, after making sure that `is_current` agrees."""
    rows = branch.sql("select k, v, valid_from, valid_to, is_current from silver.things").fetchall()
    assert all(current is (until is None) for *_, until, current in rows)

    def hour(at: datetime) -> int:
        return int((at - NOON).total_seconds() // 3600)

    return sorted(
        ((k, v, hour(since), None if until is None else hour(until)) for k, v, since, until, _ in rows),
        key=lambda row: (row[0], row[2]),
    )


def built(branch: Branch, *seen: Seen) -> list[Version]:
    """The history after these have arrived."""
    arrive(branch, *seen)
    branch.transform()
    return versions(branch)


def told(seen: Iterable[Seen], *, missing: bool = False) -> list[Version]:
    """What a set of observations tells, the plain way: hour by hour, key by key."""
    observations, found = set(seen), []
    hours = sorted({each.hour for each in observations})
    for key in sorted({each.key for each in observations}):
        states: list[tuple[int, tuple[str | None] | None]] = []
        for hour in hours:
            of_hour = [each for each in observations if (each.key, each.hour) == (key, hour)]
            there = [each.value for each in of_hour if not each.gone]
            if there:
                states.append((hour, (max(there, key=lambda value: (value is not None, value or "")),)))
            elif of_hour or missing:
                states.append((hour, None))
        changes = [(hour, state) for at, (hour, state) in enumerate(states) if at == 0 or states[at - 1][1] != state]
        for (hour, state), (until, _) in pairwise([*changes, (None, None)]):
            if state is not None:
                found.append((key, state[0], hour, until))
    return found


def test_a_version_for_each_time_that_a_thing_was_other_than_before(dev: Branch) -> None:
    assert built(dev, Seen(1, 0, "a"), Seen(2, 0, "x")) == [(1, "a", 0, None), (2, "x", 0, None)]
    assert built(dev, Seen(1, 5, "a"), Seen(1, 7, "b")) == [(1, "a", 0, 7), (1, "b", 7, None), (2, "x", 0, None)]


def test_a_late_change_lands_in_its_place(dev: Branch) -> None:
    assert built(dev, Seen(1, 1, "a"), Seen(1, 3, "a")) == [(1, "a", 1, None)]
    assert built(dev, Seen(1, 2, "b")) == [(1, "a", 1, 2), (1, "b", 2, 3), (1, "a", 3, None)]
    assert built(dev, Seen(1, 0, "b"))[0] == (1, "b", 0, 1)


def test_what_is_deleted_ends_and_may_come_back(dev: Branch) -> None:
    assert built(dev, Seen(1, 1, "a"), Seen(1, 3, None, gone=True)) == [(1, "a", 1, 3)]
    assert built(dev, Seen(1, 4, None, gone=True), Seen(1, 6, "a")) == [(1, "a", 1, 3), (1, "a", 6, None)]
    assert built(dev, Seen(1, 2, None, gone=True)) == [(1, "a", 1, 2), (1, "a", 6, None)]


def test_of_one_moment_one_observation_counts(dev: Branch) -> None:
    seen = [Seen(1, 1, "a"), Seen(1, 1, "b"), Seen(1, 1, None), Seen(1, 1, "z", gone=True)]
    assert built(dev, *seen) == [(1, "b", 1, None)]
    assert built(dev, *reversed(seen)) == [(1, "b", 1, None)]


def test_a_delivery_that_lacks_a_thing_ends_it(tmp_path: Path) -> None:
    with open_lake(make(tmp_path, "missing")) as lake:
        dev = lake.create_branch("dev")
        assert built(dev, Seen(1, 1, "a"), Seen(2, 1, "x")) == [(1, "a", 1, None), (2, "x", 1, None)]
        assert built(dev, Seen(2, 3, "x")) == [(1, "a", 1, 3), (2, "x", 1, None)]
        assert built(dev, Seen(1, 4, "a")) == [(1, "a", 1, 3), (1, "a", 4, None), (2, "x", 1, 4)]
        # a full delivery that arrives late
        assert built(dev, Seen(1, 2, "b"), Seen(2, 2, "x"))[:2] == [(1, "a", 1, 2), (1, "b", 2, 3)]


_SEEN = st.builds(
    Seen, st.integers(0, 3), st.integers(0, 4), st.sampled_from(["a", "b", None]), st.booleans() | st.just(value=False)
)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    batches=st.lists(st.lists(_SEEN, max_size=6), min_size=1, max_size=4),
    deletions=st.sampled_from(["marker", "missing"]),
    data=st.data(),
)
def test_the_history_follows_from_the_set_of_observations(
    batches: list[list[Seen]], deletions: str, data: st.DataObject
) -> None:
    """Batches in any order, some of them again, built after each: as one build of all, and as told in Python."""
    if deletions == "missing":
        batches = [[each._replace(gone=False) for each in batch] for batch in batches]
    arriving = data.draw(st.permutations(batches + data.draw(st.lists(st.sampled_from(batches), max_size=2))))
    root = make(Path(mkdtemp(prefix="lagoa-history-")), deletions)
    try:
        with open_lake(root) as lake:
            slow, fast = lake.create_branch("slow"), lake.create_branch("fast")
            for batch in arriving:
                found = built(slow, *batch)
            everything = [each for batch in batches for each in batch]
            assert found == built(fast, *everything) == told(everything, missing=deletions == "missing")
            as_arrow = slow.catalog().load_table("silver.things").scan().to_arrow()
            assert as_arrow.num_rows == len(found)
    finally:
        shutil.rmtree(root)
