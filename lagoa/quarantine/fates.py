"""The fate of refused records: checked by the contract again, unchanged or fixed, or discarded; one commit each."""

# ruff: noqa: S608 - names are quoted, values are bound
from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from lagoa.contracts.quarantine import RECORD_KEY
from lagoa.domain.commits import Batch
from lagoa.domain.lists import counted
from lagoa.domain.selection import Selection
from lagoa.domain.sql_names import name_in_sql
from lagoa.domain.suggestions import did_you_mean_name
from lagoa.domain.tables import LINEAGE_COLUMNS
from lagoa.errors import TableNotFound, WriteError
from lagoa.formats.resend import TextRecords
from lagoa.formats.shared.row_sql import STREAM, RowSql
from lagoa.formats.shared.stream import ROW
from lagoa.quarantine.records import refused_sql
from lagoa.quarantine.waiting import RECORDS, Waiting, check_condition, source_of
from lagoa.write import SessionQuery, begin
from lagoa.write.fingerprints import digest_of, given_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from lagoa.context import LakeContext
    from lagoa.contracts import Contract
    from lagoa.domain.ports.engine import SqlSession
    from lagoa.domain.tables import TableName
    from lagoa.quarantine.edits import Edits
    from lagoa.write import WriteTransaction

Action = Literal["retry", "fix", "discard"]

_RECORDS, _REFUSED, _ACCEPTED, _NEWS = map(name_in_sql, (RECORDS, "@refused", "@accepted", "@news"))
_PASSED = f"n IN (SELECT {name_in_sql(ROW)} FROM {name_in_sql(STREAM)}) AND n NOT IN (SELECT record FROM {_REFUSED})"
_ID_LENGTH = 16
_CONSTANT = frozenset(LINEAGE_COLUMNS[:2])  # the batch and the time; files and record numbers are those of the records


@dataclass(frozen=True, slots=True)
class FateResult:
    """What became of the selected records of one table.

    Attributes:
        table: the table that had refused them.
        action: what was done: `retry`, `fix` or `discard`.
        records: waiting records that were selected.
        accepted: of these, now rows of the table.
        discarded: of these, no longer waiting.
        rules: of these, still waiting, by the first rule that each breaks now.
        changed: records in which a value was replaced, by column (`fix`).
        unsplit: waiting records that are not among these, because they could not be split into columns: a condition on
            columns does not select them, and no single value of them can be replaced.
        batch: the batch of the accepted rows; None if there are none.
        commit: id of the commit that contains all this; None if nothing changed.
        seconds: wall time.
    """

    table: TableName
    action: Action
    records: int = 0
    accepted: int = 0
    discarded: int = 0
    rules: Mapping[str, int] = field(default_factory=dict)
    changed: Mapping[str, int] = field(default_factory=dict)
    unsplit: int = 0
    batch: str | None = None
    commit: str | None = None
    seconds: float = 0.0

    def __repr__(self) -> str:
        found = f"{counted(self.records, 'record')}, {self.accepted:,} accepted, {self.discarded:,} discarded"
        return f"<FateResult {self.action} of {self.table}: {found}, {self.waiting:,} waiting>"

    @property
    def waiting(self) -> int:
        """How many of them are still waiting."""
        return sum(self.rules.values())


def retry_quarantine(
    context: LakeContext, branch: str, table: TableName, selection: Selection = Selection()
) -> FateResult:
    """Check waiting records by the current contract.

    Those that pass become rows of the table, in a separate batch whose id follows from the records; the others keep
    waiting, with the rule that they break now. Rows and fates are written in one commit. The operation is idempotent.

    Args:
        context: the lake.
        branch: a work branch.
        table: the table that refused the records.
        selection: which of them; all by default.

    Raises:
        TableNotFound: the branch has neither the table nor records that it refused.
        ContractError: it has no contract, or one that does not say what its files look like.
        QueryError: a condition that cannot be used.
        BatchHeld: exactly these records were accepted before, and that was rolled back and held.
        CommitLost: another writer changed the table or its quarantine meanwhile.
        RefProtected: the branch accepts no writes.
    """

    def judge(work: _Work) -> FateResult:
        return work.judge(f"passes version {work.contract.version} of the contract")

    return _decide(context, branch, FateResult(table, "retry"), selection, judge)


def fix_quarantine(
    context: LakeContext, branch: str, table: TableName, edits: Edits, selection: Selection = Selection()
) -> FateResult:
    """Replace values that were received, and check the records that this changes by the contract.

    The quarantine keeps what was received along with what replaces it. A record that still breaks a rule keeps the
    given values and continues to wait. Otherwise as `retry_quarantine`.

    Raises:
        WriteError: an edited record that the quarantine does not have.
        LagoaError: as `retry_quarantine`.
    """

    def fix(work: _Work) -> FateResult:
        work.refuse_unknown(edits.records)
        records = [(record, given) for record in work.waiting if (given := edits.changes(record))]
        changed = Counter(name for _, given in records for name in given)
        work.waiting.replace(records)
        result = work.judge(f"fixed: {', '.join(sorted(changed))}")
        unsplit = result.unsplit if edits.records else work.waiting.unsplit
        return replace(result, changed=dict(sorted(changed.items())), unsplit=unsplit)

    return _decide(context, branch, FateResult(table, "fix"), selection, fix)


def discard_quarantine(
    context: LakeContext, branch: str, table: TableName, reason: str, selection: Selection = Selection()
) -> FateResult:
    """Discard waiting records: they stay in the quarantine, marked with who discarded them, when and why.

    Raises:
        WriteError: no reason is given.
        LagoaError: as `retry_quarantine`.
    """
    if not reason.strip():
        raise WriteError(table, "a reason is required to discard records.", "Give one; it is kept with them.")
    return _decide(context, branch, FateResult(table, "discard"), selection, lambda work: work.discard(reason))


def _decide(
    context: LakeContext, branch: str, result: FateResult, selection: Selection, do: Callable[[_Work], FateResult]
) -> FateResult:
    started = time.perf_counter()
    table, catalog = result.table, context.catalog
    contract = context.contracts[table]
    check_condition(context.engine, selection.where)
    with begin(context, branch, f"{result.action} records that {table} refused") as tx:
        pointers = catalog.tables(catalog.ref(branch).commit)
        if table.quarantine not in pointers:
            if table not in pointers:
                raise TableNotFound(table, branch, did_you_mean_name(table, pointers))
            return result
        tx.expect(table.quarantine, pointers[table.quarantine])
        quarantine = {table.quarantine: pointers[table.quarantine]}
        with context.engine.session(quarantine, confined=selection.where is not None) as session:
            waiting = Waiting(session, contract, selection)
            fate = _Fate(context.settings.author, datetime.now(UTC))
            result = replace(result, unsplit=waiting.left_out)
            result = do(_Work(tx, session, contract, waiting, result, fate))
    commit = tx.commit.id if tx.commit else None
    return replace(result, commit=commit, seconds=time.perf_counter() - started)


@dataclass(frozen=True, slots=True)
class _Fate:
    """Who decides, and when."""

    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class _Work:
    """A decision about some records, to be written in one commit."""

    tx: WriteTransaction
    session: SqlSession
    contract: Contract
    waiting: Waiting
    result: FateResult
    fate: _Fate

    def refuse_unknown(self, records: Collection[tuple[str, int]]) -> None:
        """Raise `WriteError` for a record, by batch and number, that the table's quarantine does not have."""
        import pyarrow as pa

        batches, numbers = zip(*records, strict=True) if records else ((), ())
        named = pa.table({"batch": pa.array(batches, pa.string()), "record": pa.array(numbers, pa.int64())})
        self.session.register("@named", named)
        unknown = self.session.query(
            f'SELECT n.batch, n.record FROM "@named" AS n ANTI JOIN ({refused_sql(self.result.table.quarantine)}) AS q '
            "ON q._batch_id = n.batch AND q.record = n.record ORDER BY ALL LIMIT 1"
        ).fetchall()
        for batch, record in unknown:
            raise WriteError(
                self.result.table,
                f"its quarantine has no record {record} of batch {batch!r}.",
                "Nothing was written. Use the branch and the table that the records were exported from.",
            )

    def judge(self, reason: str) -> FateResult:
        """Write the records that pass now into the table, and what changed about all of them into the quarantine."""
        records = self.waiting.count
        sql = RowSql(self.contract, TextRecords(self.contract, source_of(self.contract)), str(self.contract.file))
        self.session.query(f"CREATE TEMP TABLE {_REFUSED} AS {sql.refused}", ["", self.fate.at, ""]).fetchall()
        rules = "SELECT rule, count(*) FROM {} GROUP BY rule ORDER BY count(*) DESC, rule"
        found = dict(self.session.query(rules.format(_REFUSED)).fetchall())
        result = replace(self.result, records=records, accepted=records - sum(found.values()), rules=found)
        column = "CASE WHEN r.rule = w.rule THEN w.column_name ELSE r.column_name END"
        news = (
            f"SELECT w.* REPLACE (r.rule AS rule, {column} AS column_name, r.reason AS reason) FROM {_RECORDS} w "
            f"JOIN {_REFUSED} r ON r.record = w.n WHERE (w.rule, w.reason, w.received_fixed) "
            "IS DISTINCT FROM (r.rule, r.reason, w.fixed)"
        )
        if not result.accepted:
            self._keep(news)
            return result
        batch = self._accept(sql)
        self._keep(f"{self._decided('accepted')} UNION ALL {news}", batch.id, reason)
        return replace(result, batch=batch.id)

    def discard(self, reason: str) -> FateResult:
        """Mark all the records."""
        records = self.waiting.count
        self.session.query(f"CREATE TEMP TABLE {_REFUSED} (record BIGINT)").fetchall()
        if records:
            self._keep(self._decided("discarded"), None, reason)
        return replace(self.result, records=records, discarded=records)

    def _accept(self, sql: RowSql) -> Batch:
        """Add the rows of the records that were not refused, each with its file and record number."""
        passed = f"SELECT {', '.join(RECORD_KEY)}, raw, fixed FROM {_RECORDS} WHERE {_PASSED}"
        self.session.query(f"CREATE TEMP TABLE {_ACCEPTED} AS {passed}").fetchall()
        fingerprint = given_rows(self.session, _ACCEPTED)
        batch = Batch(f"{self.result.action}-{digest_of(fingerprint)[:_ID_LENGTH]}", fingerprint)
        rows = (
            f"SELECT a.* REPLACE (w.source AS _source, w.record AS _row) "
            f"FROM ({sql.accepted}) AS a JOIN {_RECORDS} AS w ON w.n = a._row"
        )
        self.tx.append(
            self.result.table, SessionQuery(self.session, rows, [batch.id, self.fate.at, ""], _CONSTANT), batch=batch
        )
        return batch

    def _decided(self, fate: str) -> str:
        """Return the query for the records that were not refused, with their fate; `_keep` binds its parameters."""
        return (
            f"SELECT * REPLACE ('{fate}' AS fate, CAST($1 AS VARCHAR) AS fate_batch, CAST($2 AS VARCHAR) AS fate_by, "
            f"CAST($3 AS TIMESTAMPTZ) AS fate_at, CAST($4 AS VARCHAR) AS fate_reason) FROM {_RECORDS} WHERE {_PASSED}"
        )

    def _keep(self, records: str, batch: str | None = None, reason: str | None = None) -> None:
        """Write records into the quarantine, replacing what it has for them."""
        self.session.query(
            f"CREATE TEMP TABLE {_NEWS} AS SELECT * EXCLUDE (n, received_fixed) FROM ({records})",
            [batch, self.fate.by, self.fate.at, reason] if "$1" in records else (),
        ).fetchall()
        if self.session.query(f"SELECT count(*) FROM {_NEWS}").fetchall()[0][0]:
            query = SessionQuery(self.session, f"SELECT * FROM {_NEWS}")
            self.tx.merge(self.result.table.quarantine, query, key=RECORD_KEY, kind="quarantine")
