"""What asks for an approval before a branch is published, who can give it, and what voids it."""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import pyarrow as pa
import pytest
from lakes import LakeFolder

from lagoa.audit.records import find_audit
from lagoa.domain.approvals import Approval, Demand, consent
from lagoa.domain.refs import MAIN
from lagoa.errors import ApprovalMissing, ApprovalOutdated, RefNotFound, RefProtected
from lagoa.lake import Lake
from lagoa.publish.remote import PublisherProcess, _environment
from lagoa.settings import ApprovalRules, load_settings

TABLE = "silver.orders"
COLUMNS = {
    "id": "long*",
    "price": {"physicalType": "double", "logicalTypeOptions": {"minimum": 0}},
    "state": "string",
}

pytestmark = pytest.mark.timeout(180)


def rows(*ids, price=1.0):
    return pa.table(
        {"id": pa.array(ids, pa.int64()), "price": pa.array([price] * len(ids)), "state": ["SP"] * len(ids)}
    )


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """The files of a lake with ten rows on main, and a branch `dev`."""
    folder = LakeFolder(tmp_path_factory.mktemp("begun"), author="ana", memory_limit="500MB")
    folder.contract(TABLE, COLUMNS)
    with folder.open() as lake:
        with lake.run("load") as branch:
            branch.append(TABLE, rows(*range(10)))
            branch.publish()
        lake.create_branch("dev")
    return folder


@pytest.fixture
def lake(begun, folder):
    folder.take(begun)
    with folder.open() as opened:
        yield opened


def as_(lake, author=None, **rules):
    """Return the lake with other rules, for somebody else."""
    now = lake.settings
    update = {"author": author or now.author, "approval": ApprovalRules(**rules) if rules else now.approval}
    return Lake(replace(lake.context, settings=now.model_copy(update=update)))


def missing(branch):
    with pytest.raises(ApprovalMissing) as told:
        branch.publish()
    return told.value


def test_nothing_is_asked_for_by_default(lake):
    dev = lake.branch("dev")
    dev.delete(TABLE, "id < 5")
    assert dev.publish().approvals == ()


def test_the_owner_of_each_changed_table_approves_exactly_the_head(lake):
    lake = as_(lake, owners=True, teams={"tests": ("bia",)})
    dev, main = lake.branch("dev"), lake.resolve(MAIN).id
    dev.append(TABLE, rows(100))
    error = missing(dev)
    assert error.missing == ("tests owns silver.orders (owners; can be approved by bia)",)
    assert (error.branch, error.head) == ("dev", dev.head)
    assert f"lagoa approve dev --commit {dev.head[:12]}" in error.advice
    assert lake.resolve(MAIN).id == main
    dev.approve("it is mine, but I own nothing")
    assert missing(dev).missing == error.missing
    given = as_(lake, "bia").branch("dev").approve("fine")
    assert (given.by, given.commit, given.message, given.enforced) == ("bia", dev.head, "fine", False)
    publication = dev.publish()
    assert given in publication.approvals
    assert "bia" in given.shown
    assert given.shown.endswith("not enforced")
    assert lake.publications()[0] == publication
    assert find_audit(lake.context, MAIN).receipt.approvals == publication.approvals


def test_another_commit_voids_it(lake):
    lake = as_(lake, owners=True, teams={"tests": ("ana",)})
    dev = lake.branch("dev")
    dev.append(TABLE, rows(100))
    old = dev.head
    dev.approve()
    dev.append(TABLE, rows(101))
    missing(dev)
    with pytest.raises(ApprovalOutdated):
        dev.approve(commit=old[:12])
    dev.approve(commit=dev.head[:12])
    dev.publish()


def test_a_rebase_voids_it(lake):
    lake = as_(lake, rows_removed=2)
    dev = lake.branch("dev")
    dev.delete(TABLE, "id < 5")
    dev.approve()
    with lake.run("other") as other:
        other.append(TABLE, rows(200))
        other.publish()
    approved = dev.head
    missing(dev)
    assert dev.head != approved
    dev.approve()
    dev.publish()


def test_main_may_move_on_elsewhere_meanwhile(lake, tmp_path):
    LakeFolder(tmp_path, author="ana").contract("silver.other", {"id": "long*"})
    lake.context.refresh()
    lake = as_(lake, rows_removed=2)
    dev = lake.branch("dev")
    dev.delete(TABLE, "id < 5")
    given = dev.approve()
    with lake.run("other") as other:
        other.append("silver.other", pa.table({"id": pa.array([1], pa.int64())}))
        other.publish()
    assert dev.publish().approvals == (given,)


@pytest.mark.parametrize(("limit", "asked"), [(4, True), (5, False)])
def test_more_rows_removed_than_allowed(lake, limit, asked):
    lake = as_(lake, rows_removed=limit)
    dev = lake.branch("dev")
    dev.delete(TABLE, "id < 5")
    dev.merge(TABLE, rows(7, price=3.0))  # the row changes, and none is removed
    if not asked:
        assert dev.publish().approvals == ()
        return
    assert missing(dev).missing == (
        "5 rows removed from silver.orders, more than 4 (rows_removed; can be approved by anybody)",
    )
    dev.approve()
    dev.publish()


def test_a_dropped_table_breaks_readers_and_removes_its_rows(lake):
    lake = as_(lake, rows_removed=9, breaking=True)
    dev = lake.branch("dev")
    dev.drop(TABLE)
    assert [each.partition(" (")[0] for each in missing(dev).missing] == [
        "silver.orders: the table is removed",
        "10 rows removed from silver.orders, more than 9",
    ]


def test_a_change_that_breaks_readers(lake, tmp_path):
    lake = as_(lake, breaking=True)
    dev = lake.branch("dev")
    dev.append(TABLE, rows(100))
    assert dev.publish().approvals == ()
    without = {name: each for name, each in COLUMNS.items() if name != "state"}
    LakeFolder(tmp_path, author="ana").contract(TABLE, without)
    lake.context.refresh()
    dev.replace(TABLE, rows(1, 2).drop_columns(["state"]))
    assert missing(dev).missing == (
        "silver.orders: the column state is removed (breaking; can be approved by anybody)",
    )


def test_a_loosened_check(lake, tmp_path):
    lake = as_(lake, loosened=True)
    dev = lake.branch("dev")
    dev.append(TABLE, rows(100))
    assert dev.publish().approvals == ()
    LakeFolder(tmp_path, author="ana").contract(TABLE, COLUMNS | {"price": "double"})
    lake.context.refresh()
    dev.append(TABLE, rows(101))
    (only,) = missing(dev).missing
    assert "silver.orders/range/price: removed" in only
    dev.approve()
    assert dev.publish().loosened == ("silver.orders/range/price: removed",)


def test_an_author_does_not_approve_where_four_eyes_are_asked(lake):
    lake = as_(lake, rows_removed=2, four_eyes=True)
    dev = lake.branch("dev")
    as_(lake, "bia").branch("dev").delete(TABLE, "id < 5")
    with as_(lake, "carla").run("other") as other:
        other.append(TABLE, rows(200))
        other.publish()
    as_(lake, "ana").branch("dev").rebase()  # its commit is ana's, and the work before it still bia's
    for name in ("ana", "bia", "BIA"):
        as_(lake, name).branch("dev").approve()
    error = missing(dev)
    assert error.ignored == tuple(f"{name}: an author of the branch (four_eyes)" for name in ("ana", "bia", "BIA"))
    given = as_(lake, "carla").branch("dev").approve()
    assert dev.publish().approvals == (given,)


def test_a_branch_of_ones_own_is_not_approved_by_oneself(lake):
    lake = as_(lake, rows_removed=2, four_eyes=True)
    own = lake.create_branch("dev/bia/work")
    own.delete(TABLE, "id < 5")
    as_(lake, "bia").branch("dev/bia/work").approve()
    assert missing(own).ignored == ("bia: an author of the branch (four_eyes)",)


def test_two_people_approve_one_branch_and_one_of_them_twice(lake):
    lake = as_(lake, rows_removed=2)
    dev = lake.branch("dev")
    dev.delete(TABLE, "id < 5")
    given = [as_(lake, name).branch("dev").approve() for name in ("bia", "carla", "bia")]
    assert dev.publish().approvals == tuple(given[:2])


def test_a_team_of_nobody_and_a_table_of_no_team(lake):
    lake = as_(lake, owners=True)
    dev = lake.branch("dev")
    dev.append(TABLE, rows(100))
    (only,) = missing(dev).missing
    assert only.startswith(
        "tests owns silver.orders, and [approval.teams] of lagoa.toml names nobody in 'tests' (owners"
    )
    assert only.endswith("can be approved by nobody)")


def test_a_rollback_asks_for_nothing(lake):
    lake = as_(lake, rows_removed=0)
    with lake.run("more") as branch:
        branch.append(TABLE, rows(300))
        branch.publish()
    assert lake.rollback("main~1").approvals == ()


def test_the_review_says_what_is_needed_and_what_is_there(lake):
    lake = as_(lake, rows_removed=2, four_eyes=True)
    dev = lake.branch("dev")
    dev.delete(TABLE, "id < 5")
    dev.approve()
    found = dev.review()
    (demand,) = found.consent.missing
    assert (demand.rule, demand.tables, demand.who) == ("rows_removed", (TABLE,), None)
    assert found.verdict.startswith("needs an approval: 5 rows removed")
    as_(lake, "bia").branch("dev").approve()
    found = dev.review()
    assert (found.consent.missing, found.verdict) == ((), "all checks passed")
    for text in (found.html(), found.markdown()):
        assert "Approved by" in text
        assert "not enforced" in text
        assert "ana: an author of the branch" in text


def test_what_is_no_branch_is_not_approved(lake):
    with pytest.raises(RefProtected):
        lake.branch(MAIN).approve()
    with pytest.raises(RefNotFound):
        type(lake.branch("dev"))(lake.context, "nosuch").approve()


def test_the_rules_of_the_publishers_own_checkout_apply(tmp_path, monkeypatch):
    state = tmp_path / "state"
    caller = LakeFolder(tmp_path / "caller", author="ana", state=str(state))
    own = LakeFolder(tmp_path / "publisher", author="ana", state=str(state))
    for folder in (caller, own):
        folder.contract(TABLE, COLUMNS)
    with (own.root / "lagoa.toml").open("a") as file:
        file.write("[approval]\nowners = true\nteams = {tests = ['bia']}\n")
    command = (sys.executable, "-I", "-m", "lagoa.cli.publisher", "--lake", str(own.root))
    with caller.open() as opened:
        settings = opened.settings.model_copy(update={"publisher_command": command})
        publisher = partial(PublisherProcess, settings, opened.context.receipts.parts)
        lake = Lake(replace(opened.context, settings=settings, open_publisher=lambda _: publisher()))
        with closing(lake.context.publisher):
            dev = lake.create_branch("dev")
            dev.append(TABLE, rows(1))
            error = missing(dev)
            assert error.missing == ("tests owns silver.orders (owners; can be approved by bia)",)
            assert lake.tables() == {}
            dev.approve("by the step")
            assert missing(dev).missing == error.missing
        monkeypatch.setenv("LAGOA_APPROVAL", "{}")
        assert "LAGOA_APPROVAL" not in _environment(settings.model_copy(update={"publisher_command": ()}))


def test_only_what_the_publisher_kept_counts_where_names_are_proven():
    demand = Demand("owners", (TABLE,), "it is theirs", ("bia",))
    forged = Approval("dev", "a" * 64, "bia", datetime(2026, 11, 30, tzinfo=UTC))
    found = consent([demand], [forged], (), enforced=True)
    assert found.missing == (demand,)
    assert found.ignored == ("bia: the publisher did not keep it",)
    assert consent([demand], [forged], (), enforced=False).missing == ()
    assert consent([demand], [replace(forged, enforced=True)], (), enforced=True).missing == ()


def test_rules_are_read_from_the_file(tmp_path):
    (tmp_path / "lagoa.toml").write_text("[approval]\nrows_removed = 5\nteams = {sales = ['ana', 'bia']}\n")
    rules = load_settings(tmp_path).approval
    assert (rules.rows_removed, rules.teams, rules.any) == (5, {"sales": ("ana", "bia")}, True)
