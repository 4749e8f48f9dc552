"""History (SCD2): the versions that follow from observations, in whatever order, how often and how they arrive."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pytest
from effort import many
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lakes import LakeFolder
from typer.testing import CliRunner

from lagoa.cli.main import app
from lagoa.domain.commits import INTENTS
from lagoa.errors import ContractError, ModelError, QueryError, WriteError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from lakes import Columns

    from lagoa.branch import Branch
    from lagoa.lake import Lake

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
EXAMPLES = count()


class Seen(NamedTuple):
    """One observation: a key, the hour, a value, and whether the key was deleted then."""

    key: int
    hour: int
    value: str | None
    gone: bool = False


def moment(hour: int) -> datetime:
    return NOON + timedelta(hours=hour)


OBSERVED = "k:long! t:timestamptz! v:string gone:boolean!"
VERSIONS = "k:long* v:string valid_from:timestamptz* valid_to:timestamptz is_current:boolean!"
SELECT = "select k, v, t as valid_from from bronze.seen"


def make(root: Path, deletions: str = "marker", columns: Columns = VERSIONS, **custom: Any) -> LakeFolder:
    folder = LakeFolder(root)
    marked = SELECT.replace(" from bronze", ", gone as is_deleted from bronze")
    history = {"materialization": "scd2", "scd2": {"deletions": deletions}, **custom}
    folder.contract("bronze.seen", OBSERVED)
    folder.contract("silver.things", columns, **history)
    folder.model("silver.things", marked if deletions == "marker" else SELECT)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> LakeFolder:
    return make(tmp_path)


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
    with make(tmp_path, "missing").open() as lake:
        dev = lake.create_branch("dev")
        assert built(dev, Seen(1, 1, "a"), Seen(2, 1, "x")) == [(1, "a", 1, None), (2, "x", 1, None)]
        assert built(dev, Seen(2, 3, "x")) == [(1, "a", 1, 3), (2, "x", 1, None)]
        assert built(dev, Seen(1, 4, "a")) == [(1, "a", 1, 3), (1, "a", 4, None), (2, "x", 1, 4)]
        # a full delivery that arrives late
        assert built(dev, Seen(1, 2, "b"), Seen(2, 2, "x"))[:2] == [(1, "a", 1, 2), (1, "b", 2, 3)]


_SEEN = st.builds(
    Seen, st.integers(0, 3), st.integers(0, 4), st.sampled_from(["a", "b", None]), st.booleans() | st.just(value=False)
)


@pytest.fixture(scope="module")
def lakes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Lake]]:
    """A lake each of marked and of missing things, for branches of many examples."""
    folders = {name: make(tmp_path_factory.mktemp(name), name) for name in ("marker", "missing")}
    with folders["marker"].open() as marker, folders["missing"].open() as missing:
        yield {"marker": marker, "missing": missing}


@pytest.mark.slow
@settings(max_examples=many(8), deadline=None, suppress_health_check=list(HealthCheck))
@given(
    batches=st.lists(st.lists(_SEEN, max_size=6), min_size=1, max_size=4),
    deletions=st.sampled_from(["marker", "missing"]),
    data=st.data(),
)
def test_the_history_follows_from_the_set_of_observations(
    lakes: dict[str, Lake], batches: list[list[Seen]], deletions: str, data: st.DataObject
) -> None:
    """Batches in any order, some of them again, built after each: as one build of all, and as told in Python."""
    if deletions == "missing":
        batches = [[each._replace(gone=False) for each in batch] for batch in batches]
    arriving = data.draw(st.permutations(batches + data.draw(st.lists(st.sampled_from(batches), max_size=2))))
    example = next(EXAMPLES)
    slow, fast = (lakes[deletions].create_branch(f"{name}-{example}") for name in ("slow", "fast"))
    for batch in arriving:
        found = built(slow, *batch)
    everything = [each for batch in batches for each in batch]
    assert found == built(fast, *everything) == told(everything, missing=deletions == "missing")
    assert slow.catalog().load_table("silver.things").scan().to_arrow().num_rows == len(found)


def snapshot(branch: Branch) -> Any:
    return branch.catalog().load_table("silver.things").metadata.current_snapshot_id


def files(branch: Branch) -> set[str]:
    return {task.file.file_path for task in branch.catalog().load_table("silver.things").scan().plan_files()}


def test_what_was_known_already_makes_no_snapshot(dev: Branch) -> None:
    before = built(dev, Seen(1, 0, "a"), Seen(1, 2, "b"), Seen(2, 0, "x"))
    at = snapshot(dev)
    assert built(dev, Seen(1, 1, "a"), Seen(2, 0, "x")) == before
    assert snapshot(dev) == at
    assert [each.skipped for each in dev.transform()] == [True]


def test_rows_that_differ_alone_are_written(tmp_path: Path) -> None:
    with make(tmp_path, partition=["k"]).open() as lake:
        dev = lake.create_branch("dev")
        built(dev, *(Seen(key, 0, "a") for key in (1, 2, 3)))
        before = files(dev)
        arrive(dev, Seen(2, 1, "b"), Seen(4, 1, "x"))
        [result] = dev.transform()
        assert (result.rows, result.how) == (3, "scd2")
        assert len(before & files(dev)) == 2
        assert versions(dev) == [(1, "a", 0, None), (2, "a", 0, 1), (2, "b", 1, None), (3, "a", 0, None),
                                 (4, "x", 1, None)]  # fmt: skip


def test_a_thing_that_was_never_observed_leaves_no_trace(dev: Branch) -> None:
    built(dev, Seen(1, 0, "a"), Seen(2, 0, "x"))
    dev.delete("bronze.seen", "k = 2")
    dev.transform()
    assert versions(dev) == [(1, "a", 0, None)]
    dev.delete("bronze.seen", "true")
    dev.transform()
    assert versions(dev) == []


def test_what_somebody_else_wrote_is_put_right(dev: Branch) -> None:
    before = built(dev, Seen(1, 0, "a"), Seen(1, 1, "b"), Seen(2, 0, "x"))
    dev.append("silver.things", "select * from silver.things")
    dev.transform()
    assert versions(dev) == before
    dev.delete("silver.things", "k = 1 and is_current")
    dev.transform()
    assert versions(dev) == before


def observed(**columns: Any) -> pa.Table:
    at = pa.array([moment(0)], pa.timestamp("us", "UTC"))
    return pa.table({"k": pa.array([1], pa.int64()), "v": ["a"], "valid_from": at, "is_deleted": [False]} | columns)


def test_observations_come_from_python_too(lake: Lake, dev: Branch) -> None:
    assert dev.scd2("silver.things", observed()).rows_added == 1
    head = dev.head
    assert dev.scd2("silver.things", observed()).files == 0
    assert dev.head == head, "nothing was written"
    result = dev.scd2("silver.things", observed(v=["b"]))
    assert (result.rows_added, result.rows_removed) == (1, 1)
    assert versions(dev) == [(1, "b", 0, None)]
    [intent] = json.loads(lake.context.catalog.resolve("dev").properties[INTENTS])
    assert (intent["kind"], intent["key"], len(intent["files"])) == ("scd2", ["k", "valid_from"], 1)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (observed(k=pa.array([None], pa.int64())), "'k' is null in 1 observation"),
        (observed(valid_from=pa.array([None], pa.timestamp("us", "UTC"))), "'valid_from' is null in 1 observation"),
        (observed(is_current=[True]), "have an unknown column 'is_current'"),
        (observed().drop_columns(["is_deleted"]), "have no column 'is_deleted'"),
        (observed(is_deleted=["perhaps"]), "perhaps"),
    ],
    ids=["no key", "no moment", "what follows", "no marker", "no truth"],
)
def test_what_is_no_observation_leaves_no_trace(dev: Branch, rows: pa.Table, said: str) -> None:
    head = dev.head
    with pytest.raises((WriteError, QueryError), match=said):
        dev.scd2("silver.things", rows)
    assert dev.head == head


def test_a_table_without_history_takes_no_observations(dev: Branch) -> None:
    with pytest.raises(WriteError, match=r"has no history.*Set lagoa.materialization to scd2"):
        dev.scd2("bronze.seen", observed())


@pytest.mark.parametrize(
    ("select", "said"),
    [
        (SELECT, "lacks columns that the contract of silver.things requires: is_deleted"),
        ("select k, v, gone as is_deleted from bronze.seen", "requires: valid_from"),
        (SELECT.replace(" from bronze", ", gone as is_deleted, t as valid_to from bronze"), "valid_to is not observed"),
    ],
    ids=["no marker", "no moment", "what follows"],
)
def test_a_model_yields_observations(folder: LakeFolder, dev: Branch, select: str, said: str) -> None:
    arrive(dev, Seen(1, 0, "a"))
    folder.model("silver.things", select)
    with pytest.raises(ModelError, match=said):
        dev.transform()


def without(name: str) -> str:
    return " ".join(each for each in VERSIONS.split() if not each.startswith(f"{name}:"))


@pytest.mark.parametrize(
    ("columns", "custom", "said"),
    [
        (without("valid_to"), {}, "needs a column valid_to, and silver.things has none"),
        (without("valid_to") + " valid_to:date", {}, "the column valid_to does not have the type"),
        (without("valid_to") + " valid_to:timestamptz!", {}, "Make it valid_to: timestamptz, not required"),
        (without("is_current") + " is_current:string!", {}, "Make it is_current: boolean, required"),
        (without("k") + " k:long*", {}, "the key of versions is the business key followed by valid_from"),
        (without("k"), {}, "the key of versions is the business key followed by valid_from"),
        (f"{VERSIONS} is_deleted:boolean", {}, "is_deleted marks deletions in a SELECT"),
        (VERSIONS, {"orderBy": "v"}, "lagoa.orderBy has no meaning for scd2"),
        (VERSIONS, {"materialization": "full"}, "lagoa.scd2 is only for tables whose lagoa.materialization is scd2"),
        (VERSIONS, {"scd2": {"deletions": "soft"}}, "Input should be 'none', 'marker' or 'missing'"),
    ],
)
def test_a_contract_of_versions_has_their_columns(
    tmp_path: Path, columns: str, custom: dict[str, Any], said: str
) -> None:
    with pytest.raises(ContractError, match=said), make(tmp_path, columns=columns, **custom).open() as lake:
        _ = lake.context.contracts


def test_nothing_is_deleted_where_nothing_is_said(tmp_path: Path) -> None:
    with make(tmp_path, "none").open() as lake:
        dev = lake.create_branch("dev")
        assert built(dev, Seen(1, 0, "a"), Seen(2, 1, "x")) == [(1, "a", 0, None), (2, "x", 1, None)]


def test_values_of_any_type_make_versions(tmp_path: Path) -> None:
    """Dates as moments; nested values and numbers are compared as what they are; a key may have two columns."""
    kinds = {"f": "double", "d": "decimal(9, 2)", "l": "list<long>", "s": "struct<a: long, b: string>"}
    columns = {"k": "long*", "place": "string*", **kinds}
    columns |= {"valid_from": "date*", "valid_to": "date", "is_current": "boolean!"}
    with make(tmp_path, "none", columns).open() as lake:
        dev = lake.create_branch("dev")
        rows = """
            (1, 'x', 1.25::double, 1.50, [1, null], {'a': 1, 'b': null}, date '2026-01-01'),
            (1, 'x', 1.25::double, 1.5, [1, null], {'a': 1, 'b': null}, date '2026-01-02'),
            (1, 'x', 1.25::double, 1.5, [1, 2], {'a': 1, 'b': null}, date '2026-01-03'),
            (1, 'x', null, 1.5, [1, 2], {'a': 1, 'b': null}, date '2026-01-04'),
            (1, 'x', null, 1.5, [1, 2], {'a': 1, 'b': ''}, date '2026-01-05'),
            (1, 'y', null, 1.5, [1, 2], null, date '2026-01-05'),
            (1, 'y', null, 1.5, [1, 2], {'a': null, 'b': null}, date '2026-01-06')
        """
        select = f"select * from (values {rows}) as t(k, place, f, d, l, s, valid_from)"
        assert dev.scd2("silver.things", select).rows_added == 6
        assert dev.scd2("silver.things", f"{select} limit 100").files == 0
        found = dev.sql("select place, day(valid_from), day(valid_to) from silver.things order by all").fetchall()
        assert found == [("x", 1, 3), ("x", 3, 4), ("x", 4, 5), ("x", 5, None), ("y", 5, 6), ("y", 6, None)]
        assert dev.audit().passed


def test_a_new_column_makes_new_versions(tmp_path: Path) -> None:
    folder = make(tmp_path, "none")
    with folder.open() as lake:
        dev = lake.create_branch("dev")
        built(dev, Seen(1, 0, "a"), Seen(1, 1, "a", gone=True), Seen(2, 0, "x"))
    make(tmp_path, "none", f"{VERSIONS} left:boolean")
    folder.model("silver.things", SELECT.replace(" from", ', gone as "left" from'))
    with folder.open() as lake:
        dev = lake.branch("dev")
        dev.transform()
        assert versions(dev) == [(1, "a", 0, 1), (1, "a", 1, None), (2, "x", 0, None)]


def test_a_diff_tells_what_ended_and_what_began(lake: Lake, dev: Branch) -> None:
    built(dev, Seen(1, 0, "a"), Seen(2, 0, "x"))
    later = lake.create_branch("later", "dev")
    built(later, Seen(1, 1, "b"))
    [table] = [each for each in lake.diff("dev", "later").tables if str(each.table) == "silver.things"]
    assert (table.rows_added, table.rows_changed, table.rows_removed) == (1, 1, 0)


def test_a_table_is_asked_for_what_was_so_then_as_it_is_shown(lake: Lake, dev: Branch) -> None:
    built(dev, Seen(1, 0, "a"), Seen(1, 2, "b"), Seen(2, 3, "x"))
    shown = CliRunner().invoke(app, ["--lake", str(lake.settings.root), "show", "silver.things", "--ref", "dev"])
    assert shown.exit_code == 0
    asked = dict(re.findall(r"^(now|at a moment)\s+(where .*?)\s*$", shown.stdout, re.MULTILINE))
    now, then = asked["now"], asked["at a moment"].replace("moment", "timestamptz '2026-01-01 13:59:59+00'")
    assert dev.sql(f"select k, v from silver.things {now} order by k").fetchall() == [(1, "b"), (2, "x")]
    assert dev.sql(f"select k, v from silver.things {then}").fetchall() == [(1, "a")]


SPOILED = {
    "valid_to": "select * replace (valid_from as valid_to, false as is_current) from silver.things where k = 2",
    "is_current": "select * replace (not is_current as is_current) from silver.things where k = 2",
    "one_current": "select * replace (null as valid_to, true as is_current) from silver.things",
    "intervals": "select * replace (valid_to + interval 1 hour as valid_to) from silver.things",
    "gap": "select * replace (valid_to - interval 1 minute as valid_to) from silver.things",
}


@pytest.mark.parametrize("what", SPOILED)
def test_a_check_of_history_fails(tmp_path: Path, what: str) -> None:
    with make(tmp_path, "none").open() as lake:
        dev = lake.create_branch("dev")
        built(dev, Seen(1, 0, "a"), Seen(1, 1, "b"), Seen(1, 2, "c"), Seen(2, 0, "x"))
        dev.replace("silver.things", SPOILED[what])
        found = {each.check: each for each in dev.audit().results if "/history/" in each.check}
        failed = {check.rpartition("/")[2] for check, each in found.items() if each.outcome == "failed"}
        also = {"one_current": {"intervals"}}.get(what, set())
        assert failed == {what if what != "gap" else "intervals"} | also
        for check in failed:
            rows = dev.sql(found[f"silver.things/history/{check}"].samples_sql or "").fetchall()
            assert len(rows) >= found[f"silver.things/history/{check}"].figure > 0


def test_gaps_are_right_where_things_are_deleted(dev: Branch) -> None:
    built(dev, Seen(1, 0, "a"), Seen(1, 1, None, gone=True), Seen(1, 2, "a"), Seen(2, 0, "x"))
    found = {each.check: each.outcome for each in dev.audit().results if "/history/" in each.check}
    assert len(found) == 4
    assert set(found.values()) == {"passed"}
    dev.replace("silver.things", "select * replace (valid_to + interval 2 hour as valid_to) from silver.things")
    found = {each.check: each.outcome for each in dev.audit().results if "/history/" in each.check}
    assert found["silver.things/history/intervals"] == "failed"
