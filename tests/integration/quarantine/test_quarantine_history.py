"""At every commit of any history each record received is a row, waits or is discarded: exactly one of the three."""

from __future__ import annotations

import shutil
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import mkdtemp

import pytest
from effort import many
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from lakes import LakeFolder

from lagoa.adapters.duckdb.engine import DuckDBEngine
from lagoa.adapters.env.secrets import EnvSecrets
from lagoa.adapters.soda.auditor import SodaAuditor
from lagoa.adapters.sqlite.catalog import SqliteCatalog
from lagoa.adapters.sqlite.receipts import SqliteReceipts
from lagoa.bootstrap import approvals_of, open_online_features, open_tracking, open_training, open_turns
from lagoa.context import LakeContext
from lagoa.domain.selection import Selection
from lagoa.domain.tables import TableName
from lagoa.errors import BatchHeld, NothingToPublish, PublishConflict, RefNotFound
from lagoa.lake import Lake
from lagoa.publish.local import LocalPublisher
from lagoa.settings import Settings
from lagoa.storage.local import LocalStorage

TABLE = TableName.parse("bronze.a")
BRANCHES = ["one", "two"]
FILES = {
    "good.csv": (3, b"k,v\n1,a\n2,b\n3,c\n"),
    "mixed.csv": (5, b'v,k\na,4\nb,20\nc,x\n"d,5\ne,30\n'),
    "bad.csv": (3, b"k,v\n20,a\ny,b\n1,2,3\n"),
}
ROWS = "SELECT _batch_id, _source, _row FROM bronze.a"
REFUSED = "SELECT _batch_id, source, record, fate, fate_batch FROM quarantine.bronze__a"


class Histories(RuleBasedStateMachine):
    """Files come and come again, records are decided under a strict and a lax contract, on branches and main."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(mkdtemp())
        storage = LocalStorage(self.root / "warehouse")
        options = {"memory_limit": "500MB", "threads": 1, "target_file_bytes": 2**28}
        self.engine = DuckDBEngine(storage, spill=self.root / "spill", **options)
        catalog, receipts = SqliteCatalog(self.root / "c.db", create=True), SqliteReceipts(self.root / "r.db")
        self.lakes = {}
        for name, maximum in (("strict", 10), ("lax", 25)):
            place = Settings(root=self.root / name, state=self.root, author="ana")
            columns = {"k": {"physicalType": "int!", "logicalTypeOptions": {"maximum": maximum}}, "v": "string"}
            LakeFolder(place.root).contract("bronze.a", columns, source={"format": "csv"}, quarantineShare=1)
            parts = (place, storage, catalog, lambda: self.engine, receipts, SodaAuditor, EnvSecrets, LocalPublisher)
            opened = (partial(each, place) for each in (open_online_features, open_training, open_tracking, open_turns))
            self.lakes[name] = Lake(LakeContext(*parts, *opened, gate=approvals_of))
        for name, (_, content) in FILES.items():
            (self.root / name).write_bytes(content)
        self.lake = self.lakes["strict"]
        self.checked: set[str] = set()

    @initialize()
    def begin(self) -> None:
        for name in BRANCHES:
            self.lake.create_branch(name).ingest(self.root / "mixed.csv", "bronze.a")

    @rule(branch=st.sampled_from(BRANCHES), file=st.sampled_from(sorted(FILES)))
    def ingest(self, branch: str, file: str) -> None:
        with suppress(BatchHeld):
            self.lake.branch(branch).ingest(self.root / file, "bronze.a")

    @rule(branch=st.sampled_from(BRANCHES), by=st.sampled_from(["strict", "lax"]))
    def retry(self, branch: str, by: str) -> None:
        place = self.lakes[by].branch(branch)
        if not self.there(branch):
            return
        with suppress(BatchHeld):
            place.retry_quarantine("bronze.a")
            assert place.retry_quarantine("bronze.a").commit is None

    @rule(branch=st.sampled_from(BRANCHES), value=st.sampled_from(["7", "50"]), of=st.sampled_from(["20", "30", "x"]))
    def fix(self, branch: str, value: str, of: str) -> None:
        place = self.lake.branch(branch)
        if not self.there(branch):
            return
        with suppress(BatchHeld):
            place.fix_quarantine("bronze.a", {"k": value}, Selection(where=f"k = '{of}'"))
            assert place.fix_quarantine("bronze.a", {"k": value}, Selection(where=f"k = '{of}'")).commit is None

    @rule(branch=st.sampled_from(BRANCHES), which=st.sampled_from(["type/k", "quoting", "range/k"]))
    def discard(self, branch: str, which: str) -> None:
        if self.there(branch):
            self.lake.branch(branch).discard_quarantine("bronze.a", "a test", Selection(rule=which))
            assert (
                self.lake.branch(branch).discard_quarantine("bronze.a", "a test", Selection(rule=which)).commit is None
            )

    @rule(branch=st.sampled_from(BRANCHES))
    def publish(self, branch: str) -> None:
        with suppress(PublishConflict, NothingToPublish, BatchHeld):
            self.lakes["lax"].branch(branch).publish()

    @rule(hold=st.booleans())
    def roll_back(self, hold: bool) -> None:
        with suppress(RefNotFound, NothingToPublish):
            self.lake.rollback("main~1", hold=hold)

    @rule(branch=st.sampled_from(BRANCHES))
    def begin_anew(self, branch: str) -> None:
        self.lake.delete_ref(branch)
        self.lake.create_branch(branch)

    @invariant()
    def every_record_is_in_one_place(self) -> None:
        for name in ("main", *BRANCHES):
            with suppress(RefNotFound):  # before the branches are made
                for commit in self.lake.log(name):
                    if commit.id not in self.checked:
                        self.checked.add(commit.id)
                        self.check(f"{name}@{commit.id}")

    def check(self, ref: str) -> None:
        tables = self.lake.tables(ref)
        rows = self.lake.sql(ROWS, ref).fetchall() if TABLE in tables else []
        refused = self.lake.sql(REFUSED, ref).fetchall() if TABLE.quarantine in tables else []
        batches = {each.batch: each for each in (self.lake.batches("bronze.a", ref) if TABLE in tables else [])}
        taken = sorted((new, source, record) for _, source, record, fate, new in refused if fate == "accepted")
        later = {new for new, _, _ in taken}
        assert sorted(row for row in rows if row[0] in later) == taken
        loaded = [row for row in rows if row[0] not in later]
        places = [(source, record) for _, source, record, *_ in [*loaded, *refused]]
        delivered = {source for source, _ in places}
        expected = [(name, number) for name in delivered for number in range(1, FILES[name][0] + 1)]
        assert sorted(places) == sorted(expected)
        assert {(each.received, each.gone) for name, each in batches.items() if name not in later} == {
            (FILES[name][0], 0) for name in delivered
        }
        assert all(batches[name].gone == 0 for name in later)

    def there(self, branch: str) -> bool:
        return TABLE in self.lake.tables(branch)

    def teardown(self) -> None:
        self.lake.close()
        shutil.rmtree(self.root)


TestHistories = pytest.mark.slow(Histories.TestCase)
TestHistories.settings = settings(
    max_examples=many(6),
    stateful_step_count=8,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
