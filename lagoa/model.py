"""The value objects that every part of Lagoa speaks in. Nothing here opens a file or knows a database."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, Self

from lagoa.errors import InvalidName, QueryError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAIN = "main"
"""The branch that the business reads; only a publication moves it."""

CANDIDATE_PREFIX = "lagoa/candidate/"
"""Branches under this prefix are the publisher's alone."""

QUARANTINE_LAYER = "quarantine"
"""The namespace of the tables that hold what others refused."""

LINEAGE_COLUMNS = ("_batch_id", "_ingested_at", "_source", "_row")
"""What ingest adds to each row: its batch, the moment, the file's name, the record's number from 1."""

_MAX_NAME = 200
_REF_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*(?:[./][A-Za-z0-9_-]+)*")
_HASH = re.compile(r"[0-9a-f]{8,64}")
_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]{0,126}")
_REF = re.compile(r"(?P<name>[^@~*]+)(?:@(?P<hash>[^~*]*))?(?:~(?P<back>[^*]*))?(?:\*(?P<at>.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True, order=True)
class TableName:
    """A table's name: its namespace and its own, such as `silver.orders`."""

    namespace: tuple[str, ...]
    name: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `layer.table`: lower-case letters, digits and underscores.

        Raises:
            InvalidName: for any other form.
        """
        namespace, _, name = text.partition(".")
        if not (_IDENTIFIER.fullmatch(namespace) and _IDENTIFIER.fullmatch(name)):
            raise InvalidName("table", text, "the form layer.table, of lower-case letters, digits and underscores")
        return cls((namespace,), name)

    @property
    def layer(self) -> str:
        """The namespace as text, such as `silver`."""
        return ".".join(self.namespace)

    @property
    def quarantine(self) -> TableName:
        """The table that holds the rows refused by this one: `quarantine.bronze__orders`."""
        return TableName((QUARANTINE_LAYER,), f"{self.layer}__{self.name}")

    @property
    def is_quarantine(self) -> bool:
        """Whether it is the quarantine of a table."""
        return self.namespace == (QUARANTINE_LAYER,)

    def __str__(self) -> str:
        return ".".join((*self.namespace, self.name))


def check_ref_name(name: str) -> str:
    """Return `name` when it may name a branch or tag.

    The grammar is the part that Nessie, Trino and Spark all take: it starts with a letter; letters, digits, `_` and
    `-`, in parts joined by single dots and slashes; no `HEAD`, nothing that looks like a commit id.

    Raises:
        InvalidName: otherwise.
    """
    if (
        len(name) > _MAX_NAME
        or not _REF_NAME.fullmatch(name)
        or name in {"HEAD", "DETACHED"}
        or (_HASH.fullmatch(name) and len(name) >= 16)  # noqa: PLR2004 - Nessie's limit
    ):
        rule = (
            f"a letter, then letters, digits, '_' and '-' in parts joined by single '.' or '/', at most {_MAX_NAME}"
            " characters, neither HEAD nor a commit id"
        )
        raise InvalidName("branch or tag", name, rule)
    return name


@dataclass(frozen=True, slots=True)
class Ref:
    """A place in history: `main`, `v1`, `main@<hash>`, `main~2`, `main*<time>`, and `main@<hash>~2`.

    Attributes:
        name: the branch or tag.
        commit: a commit id, or the first 8 or more characters of one; None for the head.
        back: so many first parents back.
        at: the state that was published at this moment (for `main`, from the publication journal).
    """

    name: str
    commit: str | None = None
    back: int = 0
    at: datetime | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a ref. A time without a zone is taken as UTC.

        Raises:
            InvalidName: when `text` is outside the grammar.
        """
        match = _REF.fullmatch(text)
        if match is None:
            raise InvalidName("ref", text, "a branch or tag, with @hash, ~number or *time behind it")
        name = check_ref_name(match["name"])
        commit, back, at = match["hash"], match["back"], match["at"]
        if commit is not None and not _HASH.fullmatch(commit):
            raise InvalidName("ref", text, "8 to 64 hexadecimal digits after @")
        if back is not None and not (back.isascii() and back.isdigit() and len(back) < 7):  # noqa: PLR2004
            raise InvalidName("ref", text, "a number below 1,000,000 after ~")
        moment = None
        if at is not None:
            if commit is not None or back is not None:
                raise InvalidName("ref", text, "a time alone: *time goes with neither @ nor ~")
            try:
                moment = datetime.fromisoformat(at)
            except ValueError as error:
                raise InvalidName("ref", text, "an ISO 8601 time after *, such as main*2026-11-20T18:00:00Z") from error
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        return cls(name, commit, int(back or 0), moment)

    def __str__(self) -> str:
        at = f"*{self.at.isoformat()}" if self.at else ""
        return f"{self.name}{f'@{self.commit}' if self.commit else ''}{f'~{self.back}' if self.back else ''}{at}"


@dataclass(frozen=True, slots=True)
class RefInfo:
    """A branch or tag as it stands.

    Attributes:
        name: its name.
        kind: branch or tag.
        commit: id of the commit it points to.
        created_at: when it was made (UTC); None where the catalog does not keep it.
    """

    name: str
    kind: Literal["branch", "tag"]
    commit: str
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class Commit:
    """One state of all tables.

    Attributes:
        id: 64 hexadecimal digits, the hash of the content below and of the changes.
        parents: none for the root, one for a write, two for a publication: (head of main, head of the work branch).
        message: what was done.
        author: who did it.
        committed_at: when (UTC). A publication happens later: the moment is in the journal, not here.
        properties: intents, receipt and whatever else the writer says.
    """

    id: str
    parents: tuple[str, ...]
    message: str
    author: str
    committed_at: datetime
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """What one commit writes, all of it or nothing.

    Attributes:
        tables: new pointer of each table; None removes the table.
        message: what is done.
        namespaces: properties of each namespace that is made or changed; None removes it, unless a table is left in
            it. The namespace of a table in `tables` is made when it is not there.
        properties: kept in the commit.
        author: who does it.
        merged: the second parent, where there is one.
    """

    tables: Mapping[TableName, str | None] = field(default_factory=dict)
    message: str = ""
    namespaces: Mapping[tuple[str, ...], Mapping[str, str] | None] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    author: str = ""
    merged: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """A delivery of rows to one table.

    Attributes:
        id: what the sender calls it; one id comes into a table once.
        fingerprint: hash of its content; the same id with another fingerprint is `BatchChanged`.
    """

    id: str
    fingerprint: str


INTENTS = "lagoa.intents"
"""Commit property: JSON list of what each write of the commit meant."""

IntentKind = Literal["append", "replace", "merge", "scd2", "delete", "model", "quarantine", "restore", "evolve"]


@dataclass(frozen=True, slots=True)
class Intent:
    """What a write meant, kept in its commit, so that the write can be done again on another state.

    Attributes:
        kind: how the rows went in.
        table: the table written, as text.
        snapshot: id of the Iceberg snapshot that the write made; None when it changed no rows.
        schema: id of the table's schema the files were written with.
        spec: id of the partition spec likewise.
        files: paths of the data files added.
        batch: the batch's id and fingerprint, where the rows came as one.
        key: the columns that rows were matched by (merge).
        predicate: the SQL condition of the rows removed (delete).
        fingerprint: of the model and its inputs (model).
    """

    kind: IntentKind
    table: str
    snapshot: int | None = None
    schema: int = 0
    spec: int = 0
    files: tuple[str, ...] = ()
    batch: Batch | None = None
    key: tuple[str, ...] = ()
    predicate: str | None = None
    fingerprint: str | None = None


Outcome = Literal["passed", "warned", "failed", "not evaluated"]
Severity = Literal["fail", "warn"]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check found.

    Attributes:
        check: the check's id, such as `silver.orders/required/order_id`.
        table: the table it is about, as text.
        outcome: passed, warned, failed, or not evaluated (which blocks like failed).
        figure: the number measured; None where there is none.
        threshold: the condition in words, such as `= 0` or `<= 20 %`.
        message: one line for a person.
        seconds: the time the check took; checks of one query share it evenly.
        key: hash of all that the result rests on; equal keys mean the result may be used again.
        reused: whether the result stems from an earlier audit.
        samples_sql: a query for the failing rows, where there are such.
        severity: whether a broken condition blocks (`fail`) or only warns.
        owner: the team that answers for the table, from its contract.
        definition: what is asked, as JSON: by it a later audit tells whether the check was loosened.
    """

    check: str
    table: str
    outcome: Outcome
    figure: float | None
    threshold: str
    message: str
    seconds: float
    key: str
    reused: bool = False
    samples_sql: str | None = None
    severity: Severity = "fail"
    owner: str = ""
    definition: str = ""

    @property
    def blocks(self) -> bool:
        """Whether it stands in the way of a publication: failed or not evaluated."""
        return self.outcome in {"failed", "not evaluated"}

    @property
    def shown(self) -> str:
        """The figure as a person reads it: `1,204`, `0.37`, `2.50%`; nothing where there is none."""
        if self.figure is None:
            return ""
        if "%" in self.threshold and " %" not in self.threshold:  # a share; Soda's figures are percents already
            return f"{self.figure:,.2%}"
        return f"{self.figure:,.0f}" if self.figure.is_integer() else f"{self.figure:,.6g}"

    @property
    def summary(self) -> str:
        """Return the check, what it found and who answers for the table, in one line."""
        return f"{self.check}: {self.message}" + (f" (owner: {self.owner})" if self.owner else "")


@dataclass(frozen=True, slots=True)
class FileCheck:
    """One check that a check file asks for.

    Attributes:
        id: such as `silver.orders/soda/columns.state.checks.missing`.
        definition: its text, all that the file says about it.
        queries: its SQL, each one a SELECT; what they read is what the check reads.
        tables: other tables that it names outside SQL.
        clock: the unit of time in which its result grows old; None when it does not depend on the clock.
        severity: whether it fails an audit or only warns.
    """

    id: str
    definition: str
    queries: tuple[str, ...] = ()
    tables: tuple[TableName, ...] = ()
    clock: Literal["minute", "hour", "day"] | None = None
    severity: Severity = "fail"


@dataclass(frozen=True, slots=True)
class CheckFile:
    """The check file of one table, read once.

    Attributes:
        table: the table it is about.
        path: where it stands.
        text: its content.
        checks: every check in it, in order.
    """

    table: TableName
    path: str
    text: str
    checks: tuple[FileCheck, ...]


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The results of all checks at one commit.

    Attributes:
        ref: what was asked for, as text.
        commit: the commit that was audited.
        base: the commit of main that drift was measured against.
        results: one a check, in the order of their ids.
        started_at: UTC.
        seconds: wall time of the whole audit.
        gating: False when the checks ran for information only: going back to a state that was audited before.
    """

    ref: str
    commit: str
    base: str
    results: tuple[CheckResult, ...]
    started_at: datetime
    seconds: float
    gating: bool = True

    def result(self, check: str) -> CheckResult:
        """Return what a check found; raises `QueryError` where it is not in this audit."""
        for each in self.results:
            if each.check == check:
                return each
        from difflib import get_close_matches

        close = get_close_matches(check, [each.check for each in self.results], n=3, cutoff=0.85)
        message = f"There is no check {check!r} in the audit of {self.ref} ({self.commit[:12]})."
        listed = f"`lagoa audit show {self.commit[:12]}` lists them."
        raise QueryError(message, f"Did you mean {' or '.join(close)}?" if close else listed)

    @property
    def blocking(self) -> tuple[CheckResult, ...]:
        """The results that stand in the way of a publication: failed or not evaluated."""
        return tuple(result for result in self.results if result.blocks)

    @property
    def passed(self) -> bool:
        """Whether this state may be published."""
        return not self.blocking


@dataclass(frozen=True, slots=True)
class Receipt:
    """The proof of an audit, written before `main` moves; it counts as published if its commit is on main.

    Attributes:
        id: 32 hexadecimal digits; it stands in the commit's property `lagoa.receipt`.
        commit: the audited commit, which is the one published.
        base: head of main when the candidate was made.
        branch: the work branch.
        author: who published.
        prepared_at: UTC, before the swap.
        tables: pointer of each table changed, None for a dropped one.
        contracts: hash of each contract that was checked, by table.
        report: the audit.
        unseen: batches that a rollback takes out of sight, as `table: batch id`.
        held: whether those batches are refused when they come again.
        loosened: checks that guarded main's state before and are removed, or ask for less, a sentence each.
    """

    id: str
    commit: str
    base: str
    branch: str
    author: str
    prepared_at: datetime
    tables: Mapping[str, str | None]
    contracts: Mapping[str, str]
    report: AuditReport
    unseen: tuple[str, ...] = ()
    held: bool = False
    loosened: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Publication:
    """A move of `main`.

    Attributes:
        commit: id of the commit main was moved to.
        previous: id of the commit it was at.
        published_at: the moment of the swap (UTC).
        receipt: id of its receipt.
        tables: names of the tables changed.
        report: the audit that let it through.
        unseen: batches that a rollback took out of sight, as `table: batch id`.
        held: whether those batches are refused when they come again.
        loosened: checks that guarded the state before and are removed, or ask for less, a sentence each.
    """

    commit: str
    previous: str
    published_at: datetime
    receipt: str
    tables: tuple[str, ...]
    report: AuditReport
    unseen: tuple[str, ...] = ()
    held: bool = False
    loosened: tuple[str, ...] = ()
