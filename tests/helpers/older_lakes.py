"""Lakes that an earlier Lagoa made (tests/fixtures/lakes): where they open, what is seen in them, what must go on."""

from __future__ import annotations

import fcntl
import json
import shutil
import tarfile
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pyarrow as pa
import pytest
from pyarrow import parquet
from typer.testing import CliRunner

import lagoa
from lagoa.bootstrap import examine_lake
from lagoa.cli.main import app
from lagoa.domain.commits import Batch
from lagoa.domain.refs import CANDIDATE_PREFIX, MAIN
from lagoa.domain.selection import Selection
from lagoa.domain.tables import TableName
from lagoa.errors import AuditFailed, AuditNotFound, BatchChanged, BatchHeld, NothingToPublish, PublishConflict
from lagoa.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lagoa.lake import Lake

LAKES = Path(__file__).parents[1] / "fixtures/lakes"

EMBEDDED = ("embedded-0.1", "embedded-0.5")
"""The lakes on a SQLite catalog and files, by the version that made each."""

PLACE = Path("/srv/lagoa-fixture")
"""Where these were made. Their catalogs and their tables' metadata say so."""

CHECK = "bronze.stock/range/pieces"
"""A check that every audit has."""

DIFFS = ((f"{MAIN}~1", MAIN), ("v1", MAIN), (MAIN, "left"))
"""Refs between which it is told what differs."""


LOADED = {
    "1/orders.csv": None,
    "2/orders.csv": "orders-2",
    "3/orders.csv": "orders-none",
    "5/orders.csv": "orders/5 ü",
    "3/customers.jsonl": None,
    "3/products.parquet": "products-3",
}
"""Files that were loaded and are on main, with the id of their batch; by default it follows from the file."""

APPENDED = ("1/readings", "2/readings", "5/readings", "1/refunds")
"""What was appended by the API and is on main."""

FIRST = "8c6ac1e96ed1dcf0"
"""The batch of the first orders."""

_FURTHER = {"orders": "csv", "customers": "jsonl"}
_MOMENTS = {"_ingested_at", "_quarantined_at", "received_at"}


_LATER = {"git", "uncommitted"}
"""Of publications: what the first Lagoa did not keep, and what is empty therefore."""


class Kept:
    """A lake as it was left, put where it opens.

    Attributes:
        folder: the lake's.
        profile: of its settings; None for those of all.
        expected: what was seen in it when it was made, and what becomes of a further delivery.
    """

    def __init__(self, name: str, folder: Path, profile: str | None = None) -> None:
        self.folder = folder
        self.profile = profile
        self.expected: dict[str, Any] = json.loads((LAKES / f"{name}.json").read_text("utf-8"))

    def open(self) -> Lake:
        """Open the lake."""
        return lagoa.open_lake(self.folder, self.profile)

    def examine(self) -> list[Any]:
        """Return what `lagoa doctor` finds."""
        return examine_lake(load_settings(self.folder, self.profile))

    def delivery(self, name: str) -> Path:
        """Return a file that was delivered, such as `1/orders.csv`."""
        return self.folder / "deliveries" / name

    def content(self, ref: str = MAIN) -> dict[str, list[Any]]:
        """Return the rows that every table had at a ref."""
        tables = self.expected["states"][ref]["tables"]
        return {table: self.expected["kept"][key]["rows"] for table, key in tables.items()}


class OlderLake:
    """What holds for each of these lakes in every later version; the fixture `kept` gives it as it was left."""

    def test_everything_is_there_as_it_was(self, kept: Kept) -> None:
        with kept.open() as lake:
            found = seen(lake)
        assert differences(found, {name: kept.expected[name] for name in found}) == []

    def test_nothing_is_wrong_with_it(self, kept: Kept) -> None:
        profile = ["--profile", kept.profile] if kept.profile else []
        found = CliRunner().invoke(app, ["--lake", str(kept.folder), *profile, "doctor"])
        # Where it is not in the place in which it was made, a line above says so.
        assert (found.exit_code, found.stdout.splitlines()[-1:]) == (0, ["The lake is healthy."]), found.stderr

    @pytest.mark.parametrize("ref", [MAIN, "v1", "left"])
    def test_pyiceberg_reads_the_same(self, kept: Kept, ref: str) -> None:
        with kept.open() as lake:
            catalog = lake.catalog(ref)
            for table, wanted in kept.content(ref).items():
                found = in_order(catalog.load_table(table).scan().to_arrow())
                for row in [*found, *wanted] if table == "bronze.readings" else []:
                    row["parts"] = row["parts"] or []  # it reads a null list of structs as empty: iceberg-python#3833
                assert differences(found, wanted) == [], table

    def test_the_branch_that_was_left_is_published(self, kept: Kept) -> None:
        with kept.open() as lake:
            before = lake.resolve(MAIN).id
            published = lake.branch("left").publish()
            assert published.previous == before
            assert published.report.passed
            assert differences(content(lake), kept.content("left")) == []
            assert lake.publications()[0].commit == lake.resolve(MAIN).id == published.commit
            assert [each.commit for each in lake.publications()[1:]] == _commits(kept.expected["publications"])
            assert [each.name for each in lake.refs() if each.name.startswith(CANDIDATE_PREFIX)] == []
            assert [str(table) for table in lake.stale_models()[0]] == []
        assert kept.examine() == []

    def test_what_publishing_would_change_is_reviewed(self, kept: Kept) -> None:
        wanted = {each["table"]: each for each in kept.expected["diffs"][f"{MAIN}..left"]}
        with kept.open() as lake:
            review = lake.branch("left").review()
        assert (review.refused, review.rebase, review.problems) == ("", (), ())
        assert [str(each.table) for each in review.tables] == list(wanted)
        for each in review.tables:
            figures = {name: getattr(each, name) for name in ("kind", "rows_added", "rows_removed", "rows_changed")}
            assert figures.items() <= wanted[str(each.table)].items()
        assert (review.verdict, review.checks.unknown) == ("passes with warnings", ())

    def test_branches_that_main_has_left_behind_are_rebased(self, kept: Kept) -> None:
        """What their writes did is read from what the version of then kept of them."""
        with kept.open() as lake:
            lake.branch("beside").publish()  # it adds to the stock, as main did since and as the other branch does
            branch = lake.branch("left")
            replayed = {str(each.table): each.writes for each in branch.rebase().tables if each.how == "replayed"}
            assert replayed == {"bronze.stock": 1}
            [added] = [each for each in kept.content("beside")["bronze.stock"] if each["product_id"] == "p6"]
            found, wanted = content(lake, "left"), kept.content("left")
            found["bronze.stock"].remove(added)
            assert differences(found, wanted) == []
            branch.publish()
            killed = lake.branch("run/daily/killed")
            again = killed.rebase().tables
            assert [(str(each.table), each.how) for each in again] == [("bronze.customers", "replayed")]
            killed.transform()
            killed.publish()
            assert len(rows(lake, "bronze.customers")) == len(wanted["bronze.customers"]) + 1
        assert kept.examine() == []

    def test_what_a_killed_process_left_is_published(self, kept: Kept) -> None:
        with kept.open() as lake:
            branch = lake.branch("run/daily/killed")
            branch.transform()
            branch.publish()
            assert lake.sql("SELECT town FROM gold.customers WHERE customer_id = 10").fetchall() == [("Gdańsk",)]

    @pytest.mark.parametrize("name", ["load/4", "undone"])
    def test_a_branch_that_stands_on_what_was_rolled_back_is_not(self, kept: Kept, name: str) -> None:
        with kept.open() as lake, pytest.raises(PublishConflict, match="rolled back"):
            lake.branch(name).publish()

    def test_a_branch_whose_audit_failed_fails_again(self, kept: Kept) -> None:
        with kept.open() as lake:
            lake.rollback("main~4")  # where it was made
            with pytest.raises(AuditFailed) as told:
                lake.branch("bad").publish()
        assert [each.check for each in told.value.report.blocking] == [CHECK]

    def test_every_batch_is_known(self, kept: Kept) -> None:
        """By its id and fingerprint, whatever it came as."""
        with kept.open() as lake:
            for ref, tables in kept.expected["fingerprints"].items():
                branch = lake.create_branch(f"again/{ref}", ref)
                for table, batches in tables.items():
                    nothing = f"SELECT * FROM {table} LIMIT 0"
                    for name, fingerprint in batches.items():
                        assert branch.append(table, nothing, batch=Batch(name, fingerprint)).skipped, (table, name)
                        with pytest.raises(BatchChanged):
                            branch.append(table, nothing, batch=Batch(name, "another"))
                assert branch.head == lake.ref(ref).commit

    def test_files_that_were_loaded_are_skipped(self, kept: Kept) -> None:
        with kept.open() as lake:
            branch = lake.create_branch("again")
            before = branch.head
            for name, batch in LOADED.items():
                table = f"bronze.{Path(name).stem}"
                assert branch.ingest(kept.delivery(name), table, batch=batch).skipped, name
            with pytest.raises(BatchChanged):
                branch.ingest(kept.delivery("6/orders.csv"), "bronze.orders", batch="orders/5 ü")
            assert branch.head == before

    def test_rows_that_were_appended_are_skipped(self, kept: Kept) -> None:
        """Their fingerprints are those of the rows."""
        with kept.open() as lake:
            branch = lake.create_branch("again")
            before = branch.head
            for name in APPENDED:
                table, rows_again, batch = _appended(kept, name)
                assert branch.append(table, rows_again, batch=batch).skipped, name
                with pytest.raises(BatchChanged):
                    branch.append(table, rows_again.slice(1), batch=batch)
            assert branch.merge("bronze.prices", _read(kept, "2/prices"), batch="prices-2").skipped
            assert branch.head == before

    def test_what_was_held_is_refused(self, kept: Kept) -> None:
        with kept.open() as lake:
            branch = lake.create_branch("again")
            for table, batches in kept.expected["held"].items():
                for name, fingerprint in batches.items():
                    with pytest.raises(BatchHeld):
                        branch.append(table, f"SELECT * FROM {table} LIMIT 0", batch=Batch(name, fingerprint))
            with pytest.raises(BatchHeld):
                branch.ingest(kept.delivery("4/orders.csv"), "bronze.orders", batch="orders.4 'late'")
            for name in ("4/readings", "4/refunds"):
                table, held, batch = _appended(kept, name)
                with pytest.raises(BatchHeld):
                    branch.append(table, held, batch=batch)
                assert branch.append(table, held.slice(1), batch=batch).skipped is False  # other rows are not held
            branch.publish()

    def test_main_goes_back_and_forth(self, kept: Kept) -> None:
        with kept.open() as lake:
            head = lake.resolve(MAIN).id
            for ref in ("main~5", "main~4", "main~6"):
                commit = kept.expected["states"][ref]["commit"]
                there = lake.rollback(commit)
                assert not there.report.gating  # it was audited before
                assert differences(content(lake), kept.content(ref)) == []
            lake.rollback(kept.expected["states"]["main~2"]["commit"])  # this gives free what was held
            table, freed, batch = _appended(kept, "4/readings")
            assert lake.create_branch("again").append(table, freed, batch=batch).skipped
            lake.rollback(head)
            assert differences(content(lake), kept.content()) == []
            assert len(lake.publications()) == len(kept.expected["publications"]) + 5
            with pytest.raises(NothingToPublish):
                lake.rollback(head)
        assert kept.examine() == []

    def test_tables_are_restored_from_earlier_states(self, kept: Kept) -> None:
        with kept.open() as lake:
            branch = lake.create_branch("again")
            branch.restore(["bronze.prices", "bronze.orders"], "v1")
            for table in ("bronze.prices", "bronze.orders", "quarantine.bronze__orders"):
                assert rows(lake, table, branch.name) == kept.content("v1")[table]

    def test_no_model_is_stale(self, kept: Kept) -> None:
        with kept.open() as lake:
            branch = lake.create_branch("again")
            before = branch.head
            results = branch.transform()
            assert [str(each.table) for each in results if not each.skipped] == []
            assert (len(results), branch.head) == (6, before)

    def test_models_go_on_with_a_further_delivery(self, kept: Kept) -> None:
        with kept.open() as lake:
            assert differences(deliver_further(lake), kept.expected["further"]) == []
            before = content(lake, "further")
            lake.branch("further").publish()
            assert differences(content(lake), before) == []
            built = lake.branch("further").backfill("silver.orders")[-1]
            assert built.how == "full"
            assert differences(content(lake, "further"), before) == []

    def test_refused_records_are_decided_on(self, kept: Kept) -> None:
        with kept.open() as lake:
            branch = lake.create_branch("again")
            table = "bronze.orders"
            one = Selection(where="order_id = 'A-0008'")
            assert branch.fix_quarantine(table, {"amount": "3,50"}, one).accepted == 1
            old = Selection(rule="quoting", batch="orders-2")
            assert branch.discard_quarantine(table, "old", old).discarded == 1
            assert branch.retry_quarantine(table).accepted == 0
            branch.transform()
            published = branch.publish()
            fates = {each.record: each.fate for each in lake.refused_records(table, fate=None) if each.batch == FIRST}
            assert fates == {5: "accepted", 6: "accepted", 7: "discarded", 8: "accepted", 9: "waiting", 10: "waiting"}
            [fixed] = [each for each in lake.refused_records(table, fate="accepted") if each.record == 8]
            assert (fixed.fate_commit, fixed.fixed) == (published.commit, {"amount": "3,50"})
            assert all(each.gone == 0 for each in lake.batches(table))


def _appended(kept: Kept, name: str) -> tuple[str, pa.Table, str]:
    """Return what was appended by the API: where, the rows, the batch."""
    delivery, table = name.split("/")
    return f"bronze.{table}", _read(kept, name), f"{table}/{delivery}.0 'ü'"


def _read(kept: Kept, name: str) -> pa.Table:
    return parquet.read_table(kept.delivery(f"{name}.parquet"))


def _commits(published: list[dict[str, Any]]) -> list[str]:
    return [each["commit"] for each in published]


def unpack(name: str, to: Path) -> Path:
    """Unpack a lake into a folder that is made for it; return the folder."""
    to.mkdir(parents=True)
    with tarfile.open(LAKES / f"{name}.tar.gz") as packed:
        packed.extractall(to, filter="data")
    return to


@contextmanager
def older_lake(name: str) -> Iterator[Path]:
    """Yield the folder of an embedded lake, unpacked anew where it was made, for this test alone.

    That is in no temporary folder, so one test after another has it, those of other processes too.
    """
    with PLACE.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        shutil.rmtree(PLACE, ignore_errors=True)
        try:
            yield unpack(name, PLACE)
        finally:
            shutil.rmtree(PLACE, ignore_errors=True)


def seen(lake: Lake) -> dict[str, Any]:
    """Return all that is seen in a lake: its refs, the states of tables that they name, what was published and checked.

    What is the same in several places stands under `kept` once, by a name that these places give. Where files lie, and
    how long something took, is left out: a lake may be moved.
    """
    return _Look(lake).all()


def rows(lake: Lake, table: str, ref: str = MAIN) -> list[Any]:
    """Return a table's rows as JSON has them, in an order of their own."""
    return in_order(lake.sql(f"SELECT * FROM {table}", ref).arrow())


def in_order(found: pa.Table) -> list[Any]:
    """Return rows as JSON has them, in an order of their own."""
    return sorted(_plain(found.to_pylist()), key=lambda row: json.dumps(row, sort_keys=True))


def content(lake: Lake, ref: str = MAIN) -> dict[str, list[Any]]:
    """Return the rows of every table at a ref."""
    return {str(table): rows(lake, str(table), ref) for table in sorted(lake.tables(ref))}


def deliver_further(lake: Lake) -> dict[str, Any]:
    """Load one more delivery on a new branch, and run the models; return what became of it, moments left out."""
    folder = lake.settings.root / "deliveries/8"
    branch = lake.create_branch("further")
    loaded = [branch.ingest(folder / f"{name}.{kind}", f"bronze.{name}") for name, kind in _FURTHER.items()]
    branch.append("bronze.readings", parquet.read_table(folder / "readings.parquet"), batch="readings/8")
    built = [each for each in branch.transform() if not each.skipped]
    return {
        "loaded": {str(each.table): [each.received, each.accepted, _plain(each.rules)] for each in loaded},
        "built": {str(each.table): [each.how, list(each.increments), each.rows, each.reason] for each in built},
        "content": {
            table: sorted(
                (
                    {name: _first_words(name, value) for name, value in row.items() if name not in _MOMENTS}
                    for row in found
                ),
                key=json.dumps,
            )
            for table, found in content(lake, branch.name).items()
        },
    }


def _first_words(name: str, value: Any) -> Any:
    """Return a value; of the reason why a record is refused what every version says, without the value received."""
    return value.partition(": '")[0] if name == "reason" and isinstance(value, str) else value


def differences(found: Any, wanted: Any, place: str = "") -> list[str]:
    """Return where two values of JSON differ and how, a line each; nothing where they are the same."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        names = sorted((found.keys() | wanted.keys()) - {"note"})  # words for people, which versions put otherwise
        told = [differences(found.get(name), wanted.get(name), f"{place}/{name}") for name in names]
        return [line for lines in told for line in lines]
    if isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        told = [differences(*pair, f"{place}/{at}") for at, pair in enumerate(zip(found, wanted, strict=True))]
        return [line for lines in told for line in lines]
    if place.endswith("/reason") and str(found).startswith(f"{wanted}: "):
        return []  # reasons of later versions show the value
    return [] if found == wanted else [f"{place}: {found!r} instead of {wanted!r}"]


class _Look:
    """One look at a lake, which keeps what it has seen."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._kept: dict[str, Any] = {}
        self._tables: dict[str, str] = {}
        self._counted: dict[tuple[Any, ...], str] = {}

    def all(self) -> dict[str, Any]:
        lake = self._lake
        refs = [each.name for each in lake.refs()]
        line = lake.log(MAIN)
        states = [MAIN, *(f"{MAIN}~{back}" for back in range(1, len(line)))]
        published = lake.publications()
        logs = {name: lake.log(name) for name in refs}
        return {
            "refs": [{"name": each.name, "kind": each.kind, "commit": each.commit} for each in lake.refs()],
            "branches": {each.name: [each.ahead, each.behind, each.message] for each in lake.branches()},
            "log": {name: [each.id for each in log] for name, log in logs.items()},
            "commits": {each.id: self._commit(each) for log in logs.values() for each in log},
            "states": {ref: self._state(ref) for ref in [*states, *(name for name in refs if name != MAIN)]},
            "publications": [self._publication(each) for each in published],
            "by_time": {_plain(each.published_at): self._at(each.published_at) for each in published},
            "audits": [self._audit(each.audit) for each in lake.check_history(CHECK, every=True)],
            "audit_of": {name: self._audit_of(name) for name in [*states, *refs, *(each.commit for each in published)]},
            "diffs": {f"{a}..{b}": self._diff(a, b) for a, b in DIFFS},
            "checks": sorted(lake.checks()),
            "kept": self._kept,
        }

    def _state(self, ref: str) -> dict[str, Any]:
        lake = self._lake
        tables = {str(each.table): each for each in lake.describe(ref)}
        stale, models = lake.stale_models(ref)
        contracts = [each for each in lake.contract_diff(ref=ref) if each.state != "same"]
        return {
            "commit": lake.resolve(ref).id,
            "tables": {name: self._table(ref, each) for name, each in tables.items()},
            "counts": {str(table): number for table, number in lake.row_counts(ref).items()},
            "waiting": self._keep("waiting", lake.quarantine(ref)),
            "refused": {name: self._keep(f"refused by {name}", self._refused(ref, name)) for name in _origins(tables)},
            "batches": {name: self._batches(ref, name, tables) for name in tables if name.startswith("bronze.")},
            "stale": sorted(map(str, stale)),
            "models": models,
            "contracts": self._keep("contracts", contracts),
        }

    def _keep(self, name: str, value: Any) -> str:
        """Put a value among those that are kept, once, and return its name there."""
        value, number = _plain(value), 1
        while self._kept.setdefault(f"{name} {number}", value) != value:
            number += 1
        return f"{name} {number}"

    def _table(self, ref: str, state: Any) -> str:
        if state.location not in self._tables:
            found = {name: getattr(state, name) for name in ("partition", "sort", "files", "snapshots")}
            found["columns"] = self._keep(f"columns of {state.table}", state.columns)
            found["rows"] = rows(self._lake, str(state.table), ref)
            self._tables[state.location] = self._keep(str(state.table), found)
        return self._tables[state.location]

    def _batches(self, ref: str, table: str, tables: Any) -> str:
        quarantine = tables.get(str(TableName.parse(table).quarantine))
        state = tables[table].location, quarantine and quarantine.location
        if state not in self._counted:
            self._counted[state] = self._keep(f"batches of {table}", self._lake.batches(table, ref))
        return self._counted[state]

    def _refused(self, ref: str, table: str) -> Any:
        return self._lake.refused_records(table, ref, fate=None, limit=1000)

    def _commit(self, commit: Any) -> dict[str, Any]:
        told = {name: getattr(commit, name) for name in ("parents", "message", "author", "committed_at")}
        return _plain({**told, "changed": self._lake.changed_tables(commit)})

    def _report(self, report: Any) -> dict[str, Any]:
        results = {each.check: [each.outcome, each.figure, each.threshold, each.message] for each in report.results}
        for told in results.values():
            if told[0] == "passed":
                del told[-1]
        return {
            "ref": report.ref,
            "commit": report.commit,
            "base": report.base,
            "gating": report.gating,
            "results": self._keep("results", results),
        }

    def _publication(self, publication: Any) -> dict[str, Any]:
        told = {**_plain(publication), "report": self._report(publication.report)}
        return {name: value for name, value in told.items() if value or name not in _LATER}

    def _audit(self, kept: Any) -> dict[str, Any]:
        receipt = kept.receipt
        names = ("id", "commit", "base", "branch", "author", "prepared_at", "unseen", "held", "loosened")
        told = {name: getattr(receipt, name) for name in names}
        report = self._report(kept.report)
        return _plain({**told, "tables": sorted(receipt.tables), "state": kept.state, "report": report})

    def _at(self, moment: datetime) -> str:
        return self._lake.resolve(f"{MAIN}*{moment.isoformat()}").id

    def _audit_of(self, ref: str) -> str | None:
        try:
            return self._lake.audit_of(ref).receipt.id
        except AuditNotFound:
            return None

    def _diff(self, a: str, b: str) -> list[Any]:
        return [{**_plain(each), "samples": len(each.samples)} for each in self._lake.diff(a, b).tables]


def _origins(tables: Any) -> list[str]:
    return [name.removeprefix("quarantine.").replace("__", ".", 1) for name in tables if name.startswith("quarantine.")]


_NEWER = frozenset({"approvals", "values_changed"})
"""Fields that have come since these lakes were made."""


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: texts for what JSON has no form for."""
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    for kinds, as_text in _TEXTS:
        if isinstance(value, kinds):
            return as_text(value)
    if is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value) if each.name not in _NEWER}
    return value


def _moment(value: datetime) -> str:
    return (value.astimezone(UTC) if value.tzinfo else value).isoformat()


_TEXTS = (
    ((TableName, Decimal, UUID, Path), str),
    (datetime, _moment),
    ((date, time), lambda value: value.isoformat()),
    (bytes, bytes.hex),
)
