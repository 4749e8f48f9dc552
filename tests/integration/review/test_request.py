"""The review of a branch: what publishing it would change."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from foreign_tables import delete_equal, delete_positions
from lakes import LakeFolder

from lagoa.domain.tables import TableName
from lagoa.errors import NothingToPublish, RefNotFound, RefProtected
from lagoa.review.request import profiles, tables

if TYPE_CHECKING:
    from lagoa.review.request.results import Review, TableReview

ORDERS, DAYS = "silver.orders", "gold.days"


def rows(ids, price=10.0, *, state="SP", name="Ana", day=1) -> pa.Table:
    count = len(ids)
    return pa.table(
        {
            "id": pa.array(ids, pa.int64()),
            "price": pa.array([price] * count, pa.float64()),
            "state": [state] * count,
            "name": pa.array([name] * count, pa.string()),
            "day": pa.array([day] * count, pa.date32()),
        }
    )


COLUMNS = {
    "id": "long*",
    "price": {"physicalType": "double", "logicalTypeOptions": {"minimum": 0}},
    "state": "string",
    "name": {"physicalType": "string", "classification": "personal"},
    "day": "date",
}
MODEL = "select day, sum(price) as revenue, count(*) as orders from silver.orders group by day"


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """The files of a lake with 100 orders on main, and a branch `dev`."""
    folder = LakeFolder(tmp_path_factory.mktemp("begun"), author="ana")
    folder.contract(ORDERS, COLUMNS)
    folder.contract(DAYS, "day:date* revenue:double orders:long", materialization="full")
    folder.model(DAYS, MODEL)
    with folder.open() as lake:
        with lake.run("load") as branch:
            branch.append(ORDERS, rows(range(100)))
            branch.transform()
            branch.publish()
        lake.create_branch("dev")
    return folder


@pytest.fixture
def folder(begun, folder):
    folder.take(begun)
    return folder


@pytest.fixture
def lake(folder):
    with folder.open() as opened:
        yield opened


def of(review: Review, name: str) -> TableReview:
    return next(each for each in review.tables if str(each.table) == name)


def column(table: TableReview, name: str):
    assert table.profile is not None
    return next(each for each in table.profile.columns if each.column == name)


def test_rows_are_matched_by_key_and_counted(dev):
    dev.merge(ORDERS, rows([1, 2], 99.0))
    dev.merge(ORDERS, rows([200, 201, 202]))
    dev.delete(ORDERS, "id = 50")
    found = of(dev.review(), ORDERS)
    assert (found.rows_before, found.rows_after) == (100, 102)
    assert (found.rows_added, found.rows_changed, found.rows_removed) == (3, 2, 1)
    assert found.key == ("id",)
    assert found.values_changed == {"price": 2}
    assert [(each.kind, each.changed) for each in found.samples] == [
        *[("added", ())] * 3,
        ("removed", ()),
        *[("changed", ("price",))] * 2,
    ]
    assert found.owner == "tests"
    assert found.breaking == ()


def test_commits_and_authors_are_those_of_the_branch(lake, dev):
    dev.append(ORDERS, rows([101]))
    settings = lake.settings.model_copy(update={"author": "bia"})
    type(lake)(replace(lake.context, settings=settings)).branch("dev").append(ORDERS, rows([102]))
    found = dev.review()
    assert [each.author for each in found.commits] == ["bia", "ana"]
    assert found.commit_count == 2
    assert set(found.authors) == {"ana", "bia"}
    assert (found.head, found.main, found.base) == (dev.head, lake.branch("main").head, lake.branch("main").head)


def test_nothing_is_published_and_its_checks_are_used_again(lake, dev):
    before = lake.branch("main").head
    dev.append(ORDERS, rows([101]))
    dev.transform()
    found = dev.review()
    assert found.checks.unknown == ()
    assert found.verdict == "all checks passed"
    assert lake.branch("main").head == before
    assert [each.name for each in lake.refs()] == ["dev", "main"]
    report = dev.publish().report
    assert all(each.reused for each in report.results)
    assert [each.check for each in report.results] == [each.check for each in found.checks.results]


def test_without_an_audit_only_known_results_are_told(dev):
    dev.append(ORDERS, rows([101], -1.0))
    found = dev.review(audit=False)
    assert "silver.orders/range/price" in found.checks.unknown
    assert "not run yet" in found.verdict
    again = dev.review()
    assert [each.check for each in again.checks.bad] == ["silver.orders/range/price"]
    assert again.verdict == "would be refused: 1 check failed"
    assert dev.review(audit=False).checks.unknown == ()


def test_what_is_not_to_be_published_has_no_review(lake, dev):
    with pytest.raises(NothingToPublish):
        dev.review()
    with pytest.raises(RefProtected):
        lake.branch("main").review()
    with pytest.raises(RefNotFound):
        type(dev)(lake.context, "nosuch").review()


def publish_other_rows(lake):
    with lake.run("other") as other:
        other.append(ORDERS, rows(range(300, 310)))
        other.transform()
        other.publish()


def test_a_branch_that_would_be_rebased_is_compared_with_what_it_is_based_on(lake, dev):
    base = lake.branch("main").head
    dev.append(ORDERS, rows([101]))
    publish_other_rows(lake)
    found = dev.review()
    assert (found.base, found.main, found.refused) == (base, lake.branch("main").head, "")
    assert [(str(each.table), each.how, each.writes) for each in found.rebase] == [(ORDERS, "replayed", 1)]
    assert found.verdict == "would be put on main as it is now first"
    assert "silver.orders/key/id" in found.checks.unknown
    assert (of(found, ORDERS).rows_added, of(found, ORDERS).rows_removed) == (1, 0)
    for text in (found.html(), found.markdown()):
        assert "`lagoa rebase dev` makes the state that can be reviewed" in text
    dev.rebase()
    again = dev.review()
    assert (again.rebase, again.base) == ((), again.main)
    assert (of(again, ORDERS).rows_before, of(again, ORDERS).rows_added) == (110, 1)


def test_a_branch_that_would_be_refused_is_compared_with_what_it_is_based_on(lake, dev):
    dev.replace(ORDERS, rows([1]))
    publish_other_rows(lake)
    found = dev.review()
    assert ORDERS in found.refused
    assert (found.verdict, found.rebase) == ("would be refused", ())
    assert "silver.orders/key/id" in found.checks.unknown
    assert of(found, ORDERS).rows_removed == 99


def test_personal_values_are_in_no_part(dev):
    dev.merge(ORDERS, rows([1], 20.0, name="Zacarias"))
    dev.append(ORDERS, rows([500], name="Zacarias"))
    found = dev.review()
    table = of(found, ORDERS)
    assert [each.after["name"] for each in table.samples if each.after] == ["•••", "•••"]
    changed = next(each for each in table.samples if each.kind == "changed")
    assert set(changed.changed) == {"price", "name"}
    assert (column(table, "name").hidden, column(table, "name").after.distinct) == (True, 2)
    for text in (found.html(), found.markdown(), repr(found)):
        assert "Zacarias" not in text
    assert "Zacarias" not in str(table)


def test_a_column_that_the_contract_does_not_have_any_more_is_hidden(folder, lake, dev):
    dev.append(ORDERS, rows([500], name="Zacarias"))
    folder.contract(ORDERS, {name: each for name, each in COLUMNS.items() if name != "name"})
    lake.context.refresh()
    found = dev.review(audit=False)
    assert [each.after["name"] for each in of(found, ORDERS).samples] == ["•••"]
    assert "Zacarias" not in found.html() + found.markdown()


def test_profiles_say_what_moved_most_first(dev):
    dev.replace(ORDERS, rows(range(100), 30.0, state=None))
    found = of(dev.review(), ORDERS)
    assert found.profile is not None
    assert (found.profile.of, found.profile.approximate) == ("all rows", False)
    assert {each.column for each in found.profile.columns} == {"price", "state"}
    price, state = column(found, "price"), column(found, "state")
    assert (price.before.minimum, price.after.minimum) == (10.0, 30.0)
    assert (price.before.mean, price.after.mean) == (10.0, 30.0)
    assert price.after.quantiles == (30.0,) * 5
    assert price.after.median == 30.0
    assert (state.before.null_share, state.after.null_share) == (0.0, 1.0)
    assert state.moved == 1.0


def test_profiles_of_a_large_table_read_only_files_that_differ(monkeypatch, dev):
    monkeypatch.setattr(profiles, "WHOLE", 50)
    dev.append(ORDERS, rows(range(200, 220), 1000.0))
    found = of(dev.review(), ORDERS)
    assert found.profile is not None
    assert found.profile.of == "new files"
    price = column(found, "price")
    assert (price.before.rows, price.before.minimum, price.before.maximum, price.before.mean) == (100, 10.0, 10.0, None)
    assert (price.after.rows, price.after.mean) == (20, 1000.0)
    assert price.moved == 1.0
    day = column(found, "day")
    assert str(day.before.minimum) == "1970-01-02"
    assert (column(found, "state").before.nulls, column(found, "state").before.minimum) == (0, None)


def test_profiles_of_a_large_table_with_files_that_were_rewritten(monkeypatch, folder, lake, dev):
    monkeypatch.setattr(profiles, "WHOLE", 50)
    dev.append(ORDERS, rows(range(200, 220)))
    dev.transform()
    dev.publish()
    branch = lake.create_branch("next")
    branch.merge(ORDERS, rows([205], 1000.0))
    found = of(branch.review(), ORDERS)
    assert found.profile is not None
    assert found.profile.of == "files that differ"
    price = column(found, "price")
    assert (price.before.rows, price.after.rows, price.after.maximum) == (20, 20, 1000.0)


KINDS = """
select 1::bigint k, true b, 1::int i, 2::bigint l, 'nan'::float f, 'inf'::double d, 1.5::decimal(9,2) n,
  date '2026-01-01' t, timestamp '2026-01-01' s, timestamptz '2026-01-01 00:00:00Z' z, 'x'::blob x,
  '00000000-0000-0000-0000-000000000001'::uuid u, [1] a, 'y' c
"""


def test_values_of_every_type_have_a_profile(folder):
    kinds = "k:long* b:boolean i:int l:long f:float d:double n:decimal(9,2) t:date s:timestamp z:timestamptz"
    folder.contract("silver.kinds", f"{kinds} x:binary u:uuid a:list<int> c:string", materialization="full")
    folder.model("silver.kinds", KINDS)
    with folder.open() as lake:
        branch = lake.create_branch("kinds")
        branch.transform(["silver.kinds"])
        review = branch.review()
    found = of(review, "silver.kinds")
    assert (found.kind, len(found.samples)) == ("added", 1)
    assert found.profile is not None
    assert {each.column for each in found.profile.columns} == set("kbilfdntszxuac")
    assert (column(found, "f").after.maximum, column(found, "d").after.mean) == (None, None)
    assert column(found, "b").after.mean == 1.0
    assert str(column(found, "n").after.maximum) == "1.50"
    assert "2026-01-01" in review.html()
    assert "2026-01-01" in review.markdown()


def test_figures_of_gold_before_and_after(dev):
    dev.append(ORDERS, rows([200, 201], 5.0, day=2))
    dev.transform()
    found = {each.column: each for each in dev.review().kpis}
    assert found["revenue"].total == (1000.0, 1010.0)
    assert found["revenue"].average == (1000.0, 505.0)
    assert found["revenue"].latest == (1000.0, 10.0)
    assert found["orders"].moments == ("1970-01-02", "1970-01-03")
    assert (found["orders"].before, found["orders"].after) == ((100.0, None), (100.0, 2.0))
    assert set(found) == {"revenue", "orders"}
    assert [each.moved for each in dev.review().kpis] == [0.99, 0.98]  # the latest of each, in proportion


def test_figures_that_stay_are_left_out(lake, dev):
    dev.merge(ORDERS, rows([1], 11.0))
    dev.transform()
    assert [each.column for each in dev.review().kpis] == ["revenue"]


def test_a_schema_change_is_compatible_or_breaks_readers(folder, lake, dev):
    columns = {name: each for name, each in COLUMNS.items() if name != "state"}
    columns |= {"cost": {"physicalType": "double", "lagoa.formerName": "price"}, "extra": "string"}
    columns.pop("price")
    columns["id"] = "long*"
    folder.contract(ORDERS, columns, dropped=["state"])
    folder.model(DAYS, MODEL.replace("price", "cost"))
    lake.context.refresh()
    dev.evolve([ORDERS])
    found = of(dev.review(audit=False), ORDERS)
    assert {(each.kind, each.column) for each in found.columns} == {
        ("renamed", "cost"),
        ("removed", "state"),
        ("added", "extra"),
    }
    assert set(found.breaking) == {"the column price is renamed to cost", "the column state is removed"}


def test_a_wider_type_is_compatible(folder):
    folder.contract("silver.wide", "k:long* v:int! w:float")
    with folder.open() as lake:
        with lake.run("load") as branch:
            branch.append(
                "silver.wide", pa.table({"k": [1], "v": pa.array([1], pa.int32()), "w": pa.array([1], pa.float32())})
            )
            branch.publish()
        folder.contract("silver.wide", "k:long* v:long w:double")
        lake.context.refresh()
        branch = lake.create_branch("wider")
        branch.evolve(["silver.wide"])
        found = of(branch.review(audit=False), "silver.wide")
        assert {each.kind for each in found.columns} >= {"type"}
        assert found.breaking == ("v may be null",)


def test_a_table_that_is_new_or_dropped(folder, lake, dev):
    folder.contract("silver.extra", "k:long")
    lake.context.refresh()
    dev.append("silver.extra", pa.table({"k": [1, 2]}))
    dev.drop(DAYS)
    found = dev.review(audit=False)
    new, gone = of(found, "silver.extra"), of(found, DAYS)
    assert (new.kind, new.rows_before, new.rows_after, new.rows_added) == ("added", None, 2, 2)
    assert (gone.kind, gone.rows_before, gone.rows_after, gone.rows_removed) == ("removed", 1, None, 1)
    assert found.breaking == (f"{DAYS}: the table is removed",)
    assert [each.after for each in new.samples] == [{"k": 1}, {"k": 2}]


def test_rows_without_a_key_are_added_and_removed(folder, lake, dev):
    folder.contract("silver.plain", "k:long v:long")
    lake.context.refresh()
    with lake.run("load") as branch:
        branch.append("silver.plain", pa.table({"k": [1, 2], "v": [1, 1]}))
        branch.publish()
    branch = lake.create_branch("next")
    branch.replace("silver.plain", pa.table({"k": [1, 2], "v": [1, 5]}))
    found = of(branch.review(), "silver.plain")
    assert (found.key, found.rows_added, found.rows_removed, found.rows_changed) == ((), 1, 1, 0)


def test_contracts_that_ask_for_less_or_more_are_told(folder, lake, dev):
    dev.append(ORDERS, rows([101]))
    folder.contract(
        ORDERS,
        COLUMNS
        | {
            "price": {"physicalType": "double", "logicalTypeOptions": {"minimum": -5}},
            "state": {"physicalType": "string", "enum": [{"value": "SP"}]},
        },
    )
    folder.contract(DAYS, {"day": "date", "revenue": "double", "orders": "long"}, materialization="full")
    lake.context.refresh()
    found = dev.review(audit=False).checks
    assert found.contracts == (DAYS, ORDERS)
    assert f"{ORDERS}/range/price: >= -5 instead of >= 0" in found.loosened
    assert f"{DAYS}/key/day: removed" in found.loosened
    assert found.tightened == (f"{ORDERS}/enum/state: new",)


def test_who_reads_what_changed_is_told(folder, dev):
    exposure = "name: board, kind: dashboard, owner: sales, url: 'https://bi.example/1', reads: [gold.days]"
    folder.file("exposures/sales.yaml", f"exposures:\n  - {{{exposure}}}\n")
    dev.append(ORDERS, rows([101]))
    found = dev.review()
    assert [(each.kind, each.name, each.stale) for each in found.downstream] == [
        ("model", DAYS, True),
        ("exposure", "board", False),
    ]
    dev.transform()
    assert not dev.review().downstream[0].stale
    folder.file("exposures/sales.yaml", "exposures: [{name: x}]\n")
    assert "sales.yaml:1" in dev.review().problems[0]


def test_only_some_of_very_many_tables_are_compared(monkeypatch, folder):
    monkeypatch.setattr(tables, "COMPARED", 3)
    names = [f"silver.t{number}" for number in range(8)]
    for name in names:
        folder.contract(name, "k:long*")
    with folder.open() as lake:
        with lake.run("load") as branch:
            for name in names:
                branch.append(name, pa.table({"k": [1]}))
            branch.publish()
        branch = lake.create_branch("many")
        for name in names:
            branch.append(name, pa.table({"k": [2]}))
        branch.drop("silver.t7")
        found = branch.review()
        assert [str(each.table) for each in found.tables] == names
        assert [str(each.table) for each in found.tables if each.compared] == ["silver.t0", "silver.t1", "silver.t7"]
        assert (of(found, "silver.t5").rows_before, of(found, "silver.t5").rows_after) == (1, 2)
        assert "not compared: too many tables" in found.html()
        assert "not compared: too many tables" in found.markdown()


def test_a_very_wide_table_is_bounded(folder):
    names = [f"c{number}" for number in range(300)]
    folder.contract("silver.wide", " ".join(["k:long*", *(f"{name}:long" for name in names)]))
    with folder.open() as lake:
        with lake.run("load") as branch:
            branch.append("silver.wide", pa.table({"k": [1, 2], **{name: [1, 2] for name in names}}))
            branch.publish()
        branch = lake.create_branch("next")
        branch.merge("silver.wide", pa.table({"k": [1, 3], **{name: [1, 2] for name in names[:-1]}, names[-1]: [7, 7]}))
        found = of(branch.review(), "silver.wide")
        assert found.profile is not None
        assert (len(found.profile.columns), found.profile.left_out) == (60, 241)
        assert found.profile.columns[0].column == "c299" or "c299" in {each.column for each in found.profile.columns}
        changed = next(each for each in found.samples if each.kind == "changed")
        assert list(changed.after)[:2] == ["k", "c299"]
        assert (len(changed.after), found.columns_left_out) == (30, 271)


def test_a_table_that_was_written_with_the_same_rows_affects_nobody(dev):
    dev.replace(ORDERS, rows(range(100)))
    found = dev.review()
    table = of(found, ORDERS)
    assert (table.rows_added, table.rows_changed, table.rows_removed, table.profile) == (0, 0, 0, None)
    assert table.same
    for text in (found.html(), found.markdown()):
        assert f"Written again with the same rows: {ORDERS}." in text
    assert found.downstream == ()


def test_a_name_of_a_table_is_that_of_its_review(dev):
    dev.append(ORDERS, rows([101]))
    assert [each.table for each in dev.review().tables] == [TableName.parse(ORDERS)]


def test_two_people_review_one_branch_at_a_time(lake, dev):
    dev.append(ORDERS, rows([101]))
    with ThreadPoolExecutor(2) as both:
        one, other = both.map(lambda _: dev.review(), range(2))
    told = [[(each.check, each.outcome) for each in found.checks.results] for found in (one, other)]
    assert told[0] == told[1]
    assert (one.tables, one.downstream) == (other.tables, other.downstream)


def test_rows_that_another_engine_deleted_by_position_are_removed(monkeypatch, lake, dev):
    delete_positions(dev.catalog().load_table(ORDERS), "id", 7)
    found = of(dev.review(), ORDERS)
    assert (found.rows_added, found.rows_removed) == (0, 1)
    assert (found.rows_before, found.rows_after) == (100, None)  # the metadata does not say how many are left
    assert found.profile is not None
    assert (column(found, "price").before.rows, column(found, "price").after.rows) == (100, 99)
    monkeypatch.setattr(profiles, "WHOLE", 50)
    again = of(dev.review(), ORDERS)
    assert again.profile is not None
    assert column(again, "price").after.rows == 99


def test_in_a_notebook_it_is_a_table_of_tables(dev):
    dev.append(ORDERS, rows([101]))
    found = dev.review()
    assert ORDERS in found._repr_html_()
    assert repr(found) == f"<Review of 'dev' ({dev.head[:12]}): 1 table, all checks passed>"


def test_a_table_that_cannot_be_read_hides_no_other(dev):
    dev.append(ORDERS, rows([101]))
    dev.transform()
    delete_equal(dev.catalog().load_table(ORDERS), "id", 7)
    found = dev.review(audit=False)
    table = of(found, ORDERS)
    assert not table.compared
    assert "rows were deleted by value" in table.problem
    assert of(found, DAYS).rows_changed == 1
    assert "not compared: " in found.html()
    assert f"`{ORDERS}`" in found.markdown()
