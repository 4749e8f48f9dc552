"""`Lake`, the entry point of the Python API."""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Self

from lagoa.branch import Branch, Run
from lagoa.domain.optional import extra
from lagoa.domain.owners import owned_name
from lagoa.domain.refs import MAIN, Ref, check_ref_name
from lagoa.domain.selection import Selection
from lagoa.domain.tables import TableName
from lagoa.errors import LagoaError, PublishConflict, SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from lagoa.audit.records import CheckRecord, KeptAudit
    from lagoa.catalog.ref_catalog import RefCatalog
    from lagoa.context import LakeContext
    from lagoa.domain.checks import AuditReport
    from lagoa.domain.commits import Commit
    from lagoa.domain.engines import EngineName
    from lagoa.domain.ports.catalog import Pointers
    from lagoa.domain.receipts import Publication
    from lagoa.domain.refs import RefInfo
    from lagoa.domain.selection import Fate
    from lagoa.domain.training import Promotion, TrainingRun
    from lagoa.features.online import Materialized
    from lagoa.features.reading import Answer
    from lagoa.features.status import FeatureStatus
    from lagoa.ingest import Delivery
    from lagoa.maintain.cold import Cooling, MovedFiles
    from lagoa.maintain.collection import Collection as CollectedFiles
    from lagoa.maintain.compaction import Compaction
    from lagoa.maintain.holds import Hold
    from lagoa.maintain.retention import Expiry
    from lagoa.maintain.trash import Trash
    from lagoa.quarantine import BatchRecords, ExportResult, RefusedCount, RefusedRecord
    from lagoa.review.blame import Blame
    from lagoa.review.consistency import Consistency
    from lagoa.review.diff import LakeDiff
    from lagoa.review.diff.contracts import ContractDiff
    from lagoa.review.overview import BranchState, TableState
    from lagoa.review.plan import Plan
    from lagoa.review.query import Result
    from lagoa.review.sizes import TableSize
    from lagoa.sandbox import Sandbox
    from lagoa.serving.scorer import Scorer
    from lagoa.settings import Settings
    from lagoa.sources import Source as DeclaredSource
    from lagoa.sources import SourceTableState
    from lagoa.sql_models.drafting import ContractDraft
    from lagoa.sql_models.drafting.update import ContractUpdate
    from lagoa.sql_models.testing import ModelTestReport
    from lagoa.training.gate import Comparison
    from lagoa.training.leaks import LeakCheck
    from lagoa.training.lineage import ModelLineage
    from lagoa.training.proposal import Proposal
    from lagoa.training.reproduce import Reproduction
    from lagoa.training.runs import Standing as ModelStanding
    from lagoa.training.watch import Watched
    from lagoa.usage.advice import Advice


class Lake:
    """One open lake. A context manager: leaving it closes the catalog and the SQL engine.

    A `ref` is a branch or tag, followed by `@<hash>`, `~<n>` or `*<time>` to select an older state.
    """

    def __init__(self, context: LakeContext) -> None:
        self.context = context

    @property
    def settings(self) -> Settings:
        """The settings of the lake."""
        return self.context.settings

    def sql(self, query: str, ref: str = MAIN) -> Result:
        """Run a SELECT over the tables of one commit; read its result by `.arrow()`, `.df()`, `.fetchall()`.

        Raises:
            QueryError: anything but one SELECT over tables of the ref, or a query that fails.
            RefNotFound, TableNotFound: a name that does not exist.
        """
        from lagoa.review.query import run_query

        return run_query(self.context, query, ref)

    def catalog(self, ref: str = MAIN) -> RefCatalog:
        """Return a ref as a plain PyIceberg catalog; a work branch can be written to."""
        from lagoa.catalog.ref_catalog import RefCatalog

        check = None
        if Ref.parse(ref) != Ref(Ref.parse(ref).name):
            state = self.context.resolve(ref, ())  # an expired state has no files to open

            def check(table: TableName) -> None:
                self.context.refuse_expired(ref, state, {table.layer})

        author = self.settings.author
        return RefCatalog(self.context.catalog, ref, self.context.metadata, author=author, check=check)

    def run(self, name: str, run_id: str | None = None) -> Run:
        """Create a branch `run/<name>/<id>` at main's head for one piece of work; use it as a context manager.

        Args:
            name: name of the work, such as `daily`.
            run_id: the id of a scheduler's run; by default the time and a random suffix.
        """
        suffix = run_id or f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
        branch = check_ref_name(f"run/{name}/{suffix}")
        self.context.catalog.create_branch(branch, self.context.catalog.ref(MAIN).commit)
        return Run(self.context, branch)

    def branch(self, name: str) -> Branch:
        """Return an existing branch; raises `RefNotFound`, `InvalidName`."""
        return Branch(self.context, self.ref(name).name)

    def create_branch(self, name: str, at: str = MAIN) -> Branch:
        """Create a branch at a ref; no data is copied."""
        self.context.catalog.create_branch(name, self._commit_of(at))
        return Branch(self.context, name)

    def create_tag(self, name: str, at: str = MAIN) -> RefInfo:
        """Create a tag: a permanent name of a commit."""
        return self.context.catalog.create_tag(name, self._commit_of(at))

    def create_sandbox(
        self, name: str, at: str = MAIN, lives: timedelta = timedelta(days=7), *, read_only: bool = False
    ) -> Sandbox:
        """Create a sandbox: the branch `sandbox/<name>` with a time to live; no data is copied.

        On a stack with Trino it is also the catalog `sandbox_<name>` there; one that is `read_only` shows the commit
        of `at` for ever.

        Raises:
            InvalidName: of the name, or of a time to live that is not between a minute and a year.
            RefExists: there is one of this name.
            RefNotFound: there is no ref `at`.
            SqlServerUnavailable, StackError: Trino does not answer, or refuses.
        """
        from lagoa.sandbox import create_sandbox

        return create_sandbox(self.context, name, self._commit_of(at), lives, read_only=read_only)

    def sandboxes(self) -> list[Sandbox]:
        """Return all sandboxes, by name; those whose time is over are there until somebody deletes them."""
        from lagoa.sandbox import sandboxes

        return sandboxes(self.context)

    def follow_sandboxes(self) -> None:
        """Let the stack's Trino, if there is one, have the catalogs of just the sandboxes that there are.

        Raises:
            SqlServerUnavailable, StackError: Trino does not answer, or refuses.
        """
        from lagoa.sandbox import follow_sandboxes

        follow_sandboxes(self.context)

    def sandbox(self, name: str) -> Sandbox:
        """Return a sandbox; raises `RefNotFound`, `InvalidName`."""
        from lagoa.sandbox import sandbox

        return sandbox(self.context, name)

    def extend_sandbox(self, name: str, lives: timedelta = timedelta(days=7)) -> Sandbox:
        """Let a sandbox end `lives` from now; raises `RefNotFound`, `InvalidName`."""
        from lagoa.sandbox import extend_sandbox

        return extend_sandbox(self.context, name, lives)

    def delete_ref(self, name: str, commit: str | None = None) -> None:
        """Delete a branch or a tag; commits that other refs can reach stay. With a sandbox its catalog on Trino goes.

        Args:
            name: its name.
            commit: delete it only if it is at this commit; else raise `CommitLost`.
        """
        from lagoa.sandbox import PREFIX, delete_sandbox

        commit = commit or self.context.catalog.ref(name).commit
        if name.startswith(PREFIX):
            delete_sandbox(self.context, name, commit)
        else:
            self.context.catalog.delete_ref(name, commit)

    def ref(self, name: str) -> RefInfo:
        """Return a branch or tag by its name; raises `RefNotFound`, `InvalidName`."""
        return self.context.catalog.ref(check_ref_name(name))

    def branches(self) -> list[BranchState]:
        """Return every branch with its distance from main; main first."""
        from lagoa.review.overview import branch_states

        return branch_states(self.context)

    def refs(self) -> Sequence[RefInfo]:
        """Return all branches and tags."""
        return self.context.catalog.refs()

    def resolve(self, ref: str) -> Commit:
        """Return the commit that a ref names."""
        return self.context.resolve(ref)

    def _commit_of(self, ref: str) -> str:
        parsed = Ref.parse(ref)
        # A plain name needs one request to a server; the commit's content is not needed.
        return self.context.catalog.ref(parsed.name).commit if parsed == Ref(parsed.name) else self.resolve(ref).id

    def log(self, ref: str = MAIN, limit: int = 50) -> list[Commit]:
        """Return the commits of a ref, newest first; on main each is a publication."""
        catalog = self.context.catalog
        return list(islice(catalog.log(catalog.resolve(Ref.parse(ref)).id), limit))  # of expired states, too

    def published_at(self, commits: Sequence[Commit]) -> dict[str, datetime]:
        """Return when main was moved to commits of a log, by id; not for those that it was never moved to."""
        from lagoa.publish.moves import moments

        return moments(self.context.catalog, commits)

    def tables(self, ref: str = MAIN) -> Pointers:
        """Return the pointer of each table at a ref."""
        return self.context.pointers(ref)

    def row_counts(self, ref: str = MAIN) -> dict[TableName, int]:
        """Return the number of rows of each table at a ref, from its metadata if possible."""
        catalog = self.catalog(ref)
        return {
            table: catalog.load_table((*table.namespace, table.name)).scan().count()
            if state.rows is None
            else state.rows
            for state in self.describe(ref)
            for table in [state.table]
        }

    def delivery(self, folder: Path, ignore: Sequence[str] = (), table: str | None = None) -> Delivery:
        """Return what the files of a folder are to the contracts: the files of each table, and those that are ignored.

        Args:
            folder: where the files are.
            ignore: names or patterns of files that may be there without a contract that names them.
            table: the table whose files alone are of interest; all others may be there.

        Raises:
            SourceError: the folder cannot be read, or a file is named by no contract and not ignored, or by several; or
                there is no file of the table.
        """
        from lagoa.ingest import read_delivery

        return read_delivery(self.context, folder, ignore, TableName.parse(table) if table else None)

    def sources(self) -> tuple[DeclaredSource, ...]:
        """Return the sources that `sources/` declares, by name; raises `DeclarationError`."""
        from lagoa.sources import lake_sources

        return lake_sources(self.context)

    def source_states(self, ref: str = MAIN) -> Sequence[SourceTableState]:
        """Return how far each table at a ref has what its source has; raises `DeclarationError`, `RefNotFound`."""
        from lagoa.sources import source_states

        return source_states(self.context, ref)

    def check_source(self, name: str) -> None:
        """Connect to a source and make sure that what is declared is there; nothing is loaded.

        Raises:
            DeclarationError: its declaration cannot be used.
            SourceError: there is no such source, or it has not what is declared.
            SourceUnavailable: it does not answer.
        """
        from lagoa.sources import connected, find_source

        source = find_source(self.context.settings.sources_folder, self.context.contracts, name)
        with connected(self.context, source) as connection:
            connection.check()

    def source_files(self, folder: Path) -> dict[TableName, Path]:
        """Return the file of a folder that the contract of each table names; flows of earlier versions use it.

        Raises:
            SourceError: as `delivery` does; or a table has several files.
        """
        files = self.delivery(folder).files
        for table, paths in files.items():
            if len(paths) > 1:
                message = f"{table} has {len(paths)} files in it; `source_files` can return one."
                raise SourceError(str(folder), message, "Call `delivery(folder).files` in the flow.")
        return {table: path for table, (path,) in files.items()}

    def changed_tables(self, commit: Commit) -> list[TableName]:
        """Return the tables that a commit changed against its first parent."""
        return sorted(self.context.catalog.changed(commit.id))

    def sizes(self, ref: str = MAIN) -> list[TableSize]:
        """Return the rows and bytes of each table at a ref, by name; `describe` returns more, and reads more."""
        from lagoa.review.sizes import table_sizes

        return table_sizes(self.context, ref)

    def describe(self, ref: str = MAIN) -> list[TableState]:
        """Return a description of each table at a ref: columns, rows, files, snapshots."""
        from lagoa.review.overview import table_states

        return table_states(self.context, ref)

    def describe_table(self, table: str, ref: str = MAIN) -> TableState:
        """Return a description of one table at a ref; raises `TableNotFound`."""
        from lagoa.review.overview import table_state

        return table_state(self.context, table, ref)

    def test_models(self, select: Collection[str] | None = None) -> ModelTestReport:
        """Run the unit tests of the models, or only those of some tables or layers; the lake's data is not read.

        Raises:
            InvalidName: a name of neither a model nor a layer with models.
            ModelError, ModelTestError: an invalid model or test, with file and line.
        """
        from lagoa.sql_models.testing import run_tests

        return run_tests(self.context, select)

    def models(self, select: Collection[str] | None = None) -> list[TableName]:
        """Return the tables that models build, in the order of their dependencies.

        Args:
            select: names of tables or layers: only these, and the models they need.

        Raises:
            ModelError, ContractError: a model or contract that cannot be used.
            InvalidName: nothing of this name has a model.
        """
        from lagoa.sql_models.run import lake_models

        models = lake_models(self.context)
        return list(models) if select is None else models.select(select)

    def readers(self, table: str) -> list[TableName]:
        """Return the tables of the models that read a table.

        Raises:
            ModelError, ContractError: a model or contract that cannot be used.
        """
        from lagoa.sql_models.run import lake_models

        name = TableName.parse(table)
        return [each for each, model in lake_models(self.context).items() if name in model.inputs]

    def stale_models(self, ref: str = MAIN) -> tuple[list[TableName], int]:
        """Return the models that `transform` would run at a ref, and the number of all models."""
        from lagoa.review.overview import stale_models

        return stale_models(self.context, ref)

    def plan(
        self,
        source: Path | None = None,
        ref: str = MAIN,
        *,
        into: str | None = None,
        ignore: Sequence[str] = (),
        select: Collection[str] | None = None,
    ) -> Plan:
        """Return what loading a file or folder and running the models after it would do; nothing is done.

        Args:
            source: a folder as of `Branch.ingest_folder`, or a file that goes into the table `into`.
            ref: where it would begin.
            into: the table of a file.
            ignore: names or patterns of files that may be in the folder without a contract.
            select: tables or layers of models; all models by default.

        Raises:
            SourceError, ModelError, ContractError, CheckError, RefNotFound: what would stop it.
        """
        from lagoa.ingest.delivery import Delivery, read_delivery
        from lagoa.review.plan import plan

        delivery = None
        if source is not None and into is not None:
            delivery = Delivery(source.parent, {TableName.parse(into): (source,)}, (), (), {})
        elif source is not None:
            delivery = read_delivery(self.context, source, ignore)
        return plan(self.context, ref, delivery, select)

    def checks(self) -> list[str]:
        """Return the ids of all checks that would run if every table with a contract existed.

        Raises:
            CheckError, ContractError: an invalid check file or contract.
        """
        from lagoa.audit.expected import expected_checks

        return [check.id for check in expected_checks(self.context, dict.fromkeys(self.context.contracts.tables, ""))]

    def contract_diff(self, tables: Sequence[str] | None = None, ref: str = MAIN) -> list[ContractDiff]:
        """Return how tables at a ref differ from their contracts, and what the next write does; all by default."""
        from lagoa.review.diff.contracts import contract_diff

        return contract_diff(self.context, None if tables is None else [TableName.parse(each) for each in tables], ref)

    def draft_contracts(self, models: Collection[str] | None = None, ref: str = MAIN) -> list[ContractDraft]:
        """Return first contracts for models that have none, and for those without one that they read; write nothing.

        Columns, types, what is never null and keys follow from the SELECTs and the contracts of what they read; columns
        and types of Python models from what their functions return for tables without rows.

        Args:
            models: names of tables or layers; all models by default.
            ref: where the data is looked at for what these do not show.

        Raises:
            InvalidName: nothing of this name has a model.
            TerminalError: a named table has a contract already.
            ModelError: a model cannot be used.
        """
        from lagoa.sql_models.drafting import draft_contracts

        return draft_contracts(self.context, models, ref)

    def update_contract(self, table: str, file: Path | None = None) -> ContractUpdate:
        """Return a contract with the columns that a file or the table's model has and it lacks; write nothing.

        Types are widened where values need it and Iceberg allows it. Comments, order and everything else stay.

        Args:
            table: the table.
            file: a file of it; without one, its model is looked at.

        Raises:
            ContractError: there is no contract, or its columns are written in brackets.
            ModelError, SourceError: the model or the file cannot be used.
            TerminalError: there is neither a model nor a file.
        """
        from lagoa.sql_models.drafting.update import update_contract

        return update_contract(self.context, TableName.parse(table), file)

    def check_contracts(self, engine: EngineName | None = None) -> Consistency:
        """Read contracts, models, their tests, checks, `ml/`, exposures and sources; return everything that is wrong.

        Args:
            engine: `spark` or `trino`: also return what in the models would give other rows there than on DuckDB, and
                which check files would run there.
        """
        from lagoa.review.consistency import check_files
        from lagoa.training.consistency import check_trained

        return check_files(self.context, engine).with_trained(*check_trained(self.context))

    def diff(self, a: str, b: str, *, personal: bool = True) -> LakeDiff:
        """Return the differences from `a` to `b`: tables, schemas, rows by key.

        Args:
            a: the ref before.
            b: the ref after.
            personal: whether values of columns that contracts classify as personal are returned, not `•••`.

        Raises:
            RefNotFound: there is no such ref.
            TableUnreadable, CatalogDamaged, QueryError: a table cannot be read.
        """
        from lagoa.review.diff import diff

        return diff(self.context, a, b, personal=personal)

    def blame(
        self,
        table: str,
        key: Mapping[str, Any] | Sequence[Any],
        ref: str = MAIN,
        *,
        limit: int = 50,
        every: bool = False,
        personal: bool = True,
    ) -> Blame:
        """Return the publications that wrote the row with a key, newest first; of a branch, first its own commits.

        It goes back to the publication by which the row came, unless that was a rollback or a restored table.

        Args:
            table: the table; its contract has the key.
            key: the key's values by column, or in the order of the contract's key, or alone if it is one column; of a
                table with history, without `valid_from` for all versions. A text is read by its column's type.
            ref: where it begins.
            limit: return at most this many.
            every: go on to the beginning, where an earlier row may have had the key.
            personal: whether values of columns that the contract classifies as personal are returned, not `•••`.

        Raises:
            TableNotFound, RefNotFound: there is no such table at the ref or before, or no such ref.
            KeyRefused: the table has no key, or this is no key of it.
            RowNotFound: no state of the table had such a row.
            NotAllowed: the role may not read the quarantine.
            TableUnreadable, CatalogDamaged, QueryError: a state cannot be read, and nothing was found before that.
        """
        from lagoa.review.blame import blame

        return blame(self.context, table, key, ref, limit=limit, every=every, personal=personal)

    def advise(self, table: str, ref: str = MAIN, *, days: int = 90) -> Advice:
        """Return what queries of the log would gain by another partition or order of a table.

        Args:
            table: the table.
            ref: whose files of it are looked at.
            days: of the log.

        Raises:
            TableNotFound, RefNotFound: there is no such table at the ref, or no such ref.
        """
        from lagoa.usage.advice import advise

        return advise(self.context, table, ref, days)

    def audit(self, ref: str, *, on_done: Callable[[int, int], None] | None = None) -> AuditReport:
        """Run the checks at a ref; drift is measured against `main`.

        Args:
            ref: a branch or other ref.
            on_done: called while checks run: how many are done, of how many that have no earlier result.
        """
        from lagoa.audit import audit

        return audit(self.context, ref, on_done=on_done)

    def audit_of(self, ref: str) -> KeptAudit:
        """Return the stored audit of a publication, commit, branch or receipt, passed or failed.

        Args:
            ref: a ref whose commit was audited; the name of a branch, for its latest audit, even if the branch is
                deleted; the id of a commit or receipt, or the first 8 or more digits of one.

        Raises:
            AuditNotFound: none is stored.
            RefNotFound: there is no such ref.
        """
        from lagoa.audit.records import find_audit

        return find_audit(self.context, ref)

    def check_history(self, check: str, limit: int = 50, *, every: bool = False) -> list[CheckRecord]:
        """Return a check's results in the publications, newest first; with `every`, in all stored audits.

        Raises:
            QueryError: no audit has this check.
            AuditNotFound: no audit is stored.
        """
        from lagoa.audit.records import check_history

        return check_history(self.context, check, limit, every=every)

    def audit_page(self, kept: KeptAudit, *, personal: bool = False) -> str:
        """Return a stored audit as one HTML page; values of personal columns are hidden unless `personal` is set."""
        from lagoa.review.report import audit_page

        return audit_page(self.context, kept, personal=personal)

    def failing_rows(
        self, report: AuditReport, check: str, limit: int = 20, *, personal: bool = True
    ) -> pa.Table | None:
        """Return failing rows of a check of a report; None if it has no rows to show.

        Without `personal`, values of columns that contracts classify as personal are replaced by `•••`.
        """
        from lagoa.audit import failing_rows
        from lagoa.review.personal import masked, personal_columns

        rows = failing_rows(self.context, report, check, limit)
        if personal or rows is None:
            return rows
        return masked(rows, personal_columns(self.context, report.result(check), rows))

    def quarantine(self, ref: str = MAIN) -> list[RefusedCount]:
        """Return the waiting records in quarantine at a ref: one row per table, rule, batch and file."""
        from lagoa.quarantine import list_quarantine

        return list_quarantine(self.context, ref)

    def refused_records(
        self,
        table: str,
        ref: str = MAIN,
        select: Selection = Selection(),
        *,
        fate: Fate | None = "waiting",
        limit: int = 20,
    ) -> list[RefusedRecord]:
        """Return records that a table refused, with bytes, reason and fate; `fate=None` selects any fate."""
        from lagoa.quarantine import show_quarantine

        return show_quarantine(self.context, ref, TableName.parse(table), select, fate=fate, limit=limit)

    def batches(self, table: str, ref: str = MAIN) -> list[BatchRecords]:
        """Return the batches of files of a table: how many records each had, and where they are at a ref."""
        from lagoa.quarantine import list_batches

        return list_batches(self.context, ref, TableName.parse(table))

    def export_quarantine(
        self, table: str, file: Path, ref: str = MAIN, select: Selection = Selection()
    ) -> ExportResult:
        """Write waiting records to a new file for editing: `.jsonl` as JSON lines, any other as CSV."""
        from lagoa.quarantine import export_quarantine

        return export_quarantine(self.context, ref, TableName.parse(table), file, select)

    def rollback(self, to: str, *, hold: bool = False) -> Publication:
        """Publish the state of `to` again; with `hold`, batches that it removes are refused if loaded again."""
        return self.context.publisher.rollback(to, hold=hold)

    def revert(self, publication: str, *, hold: bool = False) -> Publication:
        """Undo one publication, and keep the later ones: what they did is done again without it, audited and published.

        Args:
            publication: a state of main, such as `main~2` or a commit id.
            hold: refuse the batches that this takes away from main if they are loaded again with the same content.

        Returns:
            The move of main; `unseen` has those batches.

        Raises:
            RevertConflict: what was published later cannot be done again without it; `main` is unchanged.
            NothingToPublish: main has nothing of it any more.
            AuditFailed: a check failed without it; the branch `run/revert/…` stays to look at.
            RefNotFound: there is no such publication.
        """
        from lagoa.publish.revert import undo
        from lagoa.publish.rollback import named_state

        commit = named_state(self.context.catalog, publication).id  # main may move meanwhile
        for left in reversed(range(self.settings.publish_tries)):
            with self.run("revert") as run:
                undone = undo(self.context, run.name, commit, hold=hold)
                try:
                    done = run.publish(f"Revert {undone.publication.id[:12]}", rebase=False)
                except PublishConflict as conflict:
                    if not conflict.behind or not left:
                        raise
                else:
                    return replace(done, unseen=undone.unseen, held=hold and bool(undone.unseen))
            with suppress(LagoaError):  # main has moved: it is done again
                self.delete_ref(run.name)
        raise AssertionError  # pragma: no cover - the loop returns or raises

    def move_cold(self, *, dry_run: bool = False) -> Cooling:
        """Move data files of tables that no query asked for to slower storage, by `[cold]`; all states read the same.

        Args:
            dry_run: only find out which files would be moved.

        Raises:
            SettingsError: `[cold]` names no folder, or one that cannot be used; the bucket has no rule for cold files.
            NotCollectable: the lake is on servers, and was opened as another role than the maintainer.
            CatalogDamaged: metadata cannot be read; nothing is moved.
            FileNotMoved: a file cannot be copied; it stays where it is.
        """
        from lagoa.maintain.cold import cool

        return cool(self.context, dry_run=dry_run)

    def thaw(self, table: str) -> MovedFiles:
        """Bring all files of a table back from slower storage, those of its earlier states, too.

        Raises:
            TableNotFound: no ref has such a table.
            SettingsError, NotCollectable: as `move_cold`.
            FileNotMoved: a file cannot be copied; it stays where it is.
        """
        from lagoa.maintain.cold import thaw

        return thaw(self.context, table)

    def compact(self, tables: Sequence[str] | None = None, *, dry_run: bool = False) -> Compaction:
        """Rewrite small files of tables of `main` into few large ones with the same rows, audit and publish them.

        Files of earlier partition specs, and files of which other programs deleted rows, are rewritten, too; manifests
        are merged. Rows are sorted as the table is. A table that `main` changes meanwhile is left as it is then, if its
        old files are not all there any more: `main` goes before.

        Args:
            tables: the tables; all by default.
            dry_run: only find out which tables have such files.

        Raises:
            TableNotFound: `main` has no such table.
            AuditFailed: a check failed; the branch `run/maintain/…` stays to look at.
            WriteError: files cannot be written, or have not the same rows; `main` is unchanged.
        """
        from lagoa.maintain.compaction import Compactor

        work = Compactor(self.context, None if tables is None else [TableName.parse(table) for table in tables])
        if dry_run:
            return work.look()
        for _ in range(self.settings.publish_tries):
            with owned_name() as name, self.run("maintain", name) as run:
                try:
                    publication = run.publish("Compact files", rebase=False) if work.commit(run.name) else None
                except PublishConflict as conflict:
                    if not conflict.behind:
                        raise
                else:
                    return work.result(publication)
            with suppress(LagoaError):  # main has moved: it is done again
                self.delete_ref(run.name)
        return work.result()

    def add_hold(self, name: str, why: str, at: str = MAIN, until: datetime | None = None) -> Hold:
        """Hold a state: it is kept whatever `[retention]` says.

        Args:
            name: a name for it.
            why: the reason.
            at: the ref whose commit is held.
            until: when the hold ends; never by itself if None.

        Raises:
            InvalidName: of the name, an empty reason, or a time that is over.
            RefExists: there is one of this name.
            RefNotFound: there is no ref `at`, or its state has expired.
        """
        from lagoa.maintain.holds import add_hold

        return add_hold(self.context, name, self._commit_of(at), why, until)

    def holds(self) -> list[Hold]:
        """Return all holds, by name; those that are over are there until the next expiry."""
        from lagoa.maintain.holds import holds

        return holds(self.context)

    def remove_hold(self, name: str) -> Hold:
        """End a hold; raises `RefNotFound`, `InvalidName`."""
        from lagoa.maintain.holds import remove_hold

        return remove_hold(self.context, name)

    def expire(self, *, dry_run: bool = True, clock_is_right: bool = False) -> Expiry:
        """Delete runs, sandboxes and holds whose time is over, and record which states `[retention]` keeps.

        Reading the state of any other commit raises `StateExpired` from then on; its files are left to `collect`.

        Args:
            dry_run: whether only to say what would be done.
            clock_is_right: go on although something is of a time to come: this machine's clock is right, and was ahead
                when that was made. What came since the last expiry is kept; what had expired stays so.

        Raises:
            ClockBehind: a commit, publication or record is of a time to come.
            NotCollectable: the lake is on servers, and was opened as another role than the maintainer.
        """
        from lagoa.maintain.retention import expire

        return expire(self.context, dry_run=dry_run, clock_is_right=clock_is_right)

    def collect(self, *, dry_run: bool = True) -> CollectedFiles:
        """Move files that no kept state needs into the trash, and delete what was there for `trash_days`.

        Args:
            dry_run: whether only to say what would be done.

        Raises:
            CatalogDamaged: a file that tells what a state needs cannot be read, or a file that one needs is missing.
            ClockBehind: a commit, publication or record is of a time to come.
            NotCollectable: the lake is on servers, and was opened as another role than the maintainer.
            CollectionFailed: a disk is full, or files cannot be moved; those that were are in the trash.
        """
        from lagoa.maintain.collection import collect

        return collect(self.context, dry_run=dry_run)

    def trash(self) -> list[Trash]:
        """Return what each collection moved into the trash, the newest first; raises `NotCollectable`."""
        from lagoa.maintain.retention import require_collectable
        from lagoa.maintain.trash import TrashFolder

        require_collectable(self.context)
        return TrashFolder(self.context.storage).all()

    def restore_trash(self, name: str) -> int:
        """Bring back what a collection moved into the trash; return how many files.

        Raises:
            RefNotFound: there is no such collection in the trash.
            NotCollectable: the lake is on servers, and was opened as another role than the maintainer.
        """
        from lagoa.maintain.retention import require_collectable
        from lagoa.maintain.trash import TrashFolder

        require_collectable(self.context)
        return TrashFolder(self.context.storage).bring_back(name)

    def publications(self, limit: int = 50) -> list[Publication]:
        """Return the newest moves of `main` with their audits, newest first."""
        from lagoa.publish import publications

        return publications(self.context, limit)

    def materialize_features(self, ref: str = MAIN) -> Materialized:
        """Let the online store have the newest features of each entity at a published commit, all views at once.

        Raises:
            FeatureError: nothing was applied; the commit was never published; a column is missing or changed its type.
            FeaturesGone, TableNotFound: there is no such commit, or it has no table of a view.
            FeaturesUnavailable: the store does not answer, or cannot be written.
        """
        from lagoa.features.online import materialize

        return materialize(self.context, ref)

    def follow_features(self, *, leave_out: bool = False) -> Materialized | None:
        """Let the online store follow main, if features were applied; see `materialize_features`.

        Args:
            leave_out: whether a view that main has no table of, or other columns, is not online from then on. Else it
                is an error, and nothing changes; after a rollback, what was taken back would stay online.
        """
        from lagoa.features.online import follow

        return follow(self.context, leave_out=leave_out)

    def online_features(self, features: Sequence[str], entities: Sequence[Mapping[str, str]]) -> Answer:
        """Return features of entities from the online store, all of one commit.

        Args:
            features: each as `view:feature`, or the name of a service or a view for all that it has.
            entities: the join keys of each, as text.

        Raises:
            FeatureError: an unknown feature or join key, one that is computed at the request, or nothing is online.
            FeaturesUnavailable: the store does not answer.
        """
        from lagoa.features.reading import read_online

        return read_online(self.context.online, features, entities)

    def features_at(
        self, features: Sequence[str], entity: Mapping[str, str], moment: datetime, ref: str = MAIN
    ) -> Answer:
        """Return features of one entity as they were known at a moment, from the tables at a ref.

        For many entities use Feast: `FeatureStore(repo_path="feature_store").get_historical_features`.

        Raises:
            FeatureError: as `online_features` does.
            FeaturesGone, TableNotFound: there is no such commit, or it has no table of a view.
        """
        from lagoa.features.reading import read_at

        return read_at(self.context, ref, features, entity, moment)

    def feature_status(self) -> FeatureStatus:
        """Return the commit of main and that of the online features, view by view; raises `FeatureError`."""
        from lagoa.features.status import feature_status

        return feature_status(self.context)

    def train(self, models: Sequence[str] = (), ref: str = MAIN, *, trials: int = 0) -> list[TrainingRun]:
        """Train models of `ml/` at a ref, pin its commit by a tag, and register them in MLflow.

        Args:
            models: their names; all by default.
            ref: where their rows are read; it is resolved once.
            trials: how many combinations of parameters a search tries for each model; 0 for no search.

        Raises:
            TrainingError: there is no such model, or its rows or its function cannot be used.
            DefinitionError, ModelError: its definition or its SELECT, with the line.
            RefNotFound, TableNotFound, FeatureError, QueryError: what the ref lacks.
            TrainingUnavailable: the records, or MLflow's store, cannot be written.
        """
        from lagoa.training.train import train

        return train(self.context, models, ref, trials)

    def trained_models(self) -> list[ModelStanding]:
        """Return each model of `ml/` with its runs, champion, candidate and promotions, by name."""
        from lagoa.training.runs import standings

        return standings(self.context)

    def trained_run(self, run: str) -> TrainingRun:
        """Return a run of `train`.

        Args:
            run: `<model>@champion`, `<model>@candidate`, `<model>@<version>`, a model for its newest run, or an id.

        Raises:
            TrainingError: there is no such run.
        """
        from lagoa.training.runs import find_run

        return find_run(self.context, run)

    def training_rows(self, run: str) -> pa.Table:
        """Return the rows that a run learned from and was tested with, built again at its commit.

        Raises:
            TrainingError: there is no such run, or the rows are others by now.
            TrainingSetGone: its commit was deleted.
        """
        from lagoa.training.reproduce import training_rows

        return training_rows(self.context, self.trained_run(run))

    def reproduce(self, run: str) -> Reproduction:
        """Train a run again from its commit, and compare rows, metrics and predictions; see `trained_run`.

        It happens in this process; `lagoa ml reproduce` has one of its own.

        Raises:
            TrainingError: there is no such run, or its code fails with what is installed now.
            TrainingSetGone: its commit was deleted.
        """
        from lagoa.training.reproduce import reproduce

        return reproduce(self.context, self.trained_run(run))

    def model_lineage(self, run: str) -> ModelLineage:
        """Return the tables that a run learned from, down to the batches of files; see `trained_run`.

        Raises:
            TrainingError: there is no such run.
            TrainingSetGone: its commit was deleted.
        """
        from lagoa.training.lineage import lineage

        return lineage(self.context, self.trained_run(run))

    def learned_from(self, batch: str) -> list[ModelLineage]:
        """Return the runs that learned from a batch, by its id or the beginning of it, newest first."""
        from lagoa.training.lineage import learned_from

        return learned_from(self.context, batch)

    def check_leaks(self, model: str, against: str, ref: str = MAIN) -> LeakCheck:
        """Return which columns of a model's rows say another thing at an earlier ref, of moments that both know.

        Raises:
            TrainingError: there is no such model, or the earlier ref has no row of it.
        """
        from lagoa.training.leaks import check_leaks

        return check_leaks(self.context, model, ref, against)

    def watch_model(self, run: str, ref: str = MAIN, *, days: int = 90) -> Watched:
        """Compare the rows of a ref that came after a run with those it learned from, and what came true of them.

        Args:
            run: as of `trained_run`.
            ref: where the rows are read.
            days: how many of the latest days count at most.

        Raises:
            TrainingError: there is no such run, or its columns are gone.
            TrainingUnavailable: the model's files are gone.
        """
        from lagoa.training.watch import watch

        return watch(self.context, self.trained_run(run), ref, days)

    def propose_model(self, model: str, *, days: int = 90) -> Proposal:
        """Train a candidate on main, compare it with the champion, and write its scores to the branch `retrain/…`.

        Nothing moves by that. As long as the branch of a candidate is there, no other one is proposed.

        Args:
            model: its name.
            days: how far the rows that are scored may be behind the latest one.

        Raises:
            TrainingError: the model has no champion, or cannot be trained or scored with.
        """
        from lagoa.training.proposal import propose

        return propose(self.context, model, days)

    def compare_models(self, run: str, with_run: str | None = None) -> Comparison:
        """Compare a version of a model with the champion, or another one, on the same later rows of its commit.

        Raises:
            TrainingError: there is no such run or champion, or too few rows are in common.
            TrainingSetGone, TrainingUnavailable: its commit, or the files of a version, are gone.
        """
        from lagoa.training.gate import compare

        ours = self.trained_run(run)
        return compare(self.context, ours, self.trained_run(with_run or f"{ours.model}@champion"))

    def promote_model(self, run: str, why: str, *, uncompared: bool = False) -> Promotion:
        """Make a version the champion of its model, if it passes the gate.

        Args:
            run: as of `trained_run`.
            why: the reason, which is kept.
            uncompared: also where the champion cannot be compared with it, such as when a feature of it is gone.

        Raises:
            PromotionRefused: it does not pass.
            PromotionLost: another version was promoted meanwhile.
            TrainingError: there is no such run.
        """
        from lagoa.training.gate import promote

        return promote(self.context, self.trained_run(run), why, uncompared=uncompared)

    def rollback_model(self, model: str, why: str, version: int | None = None) -> Promotion:
        """Make an earlier champion the champion again, by default the one before; raises `TrainingError`."""
        from lagoa.training.gate import rollback

        return rollback(self.context, model, why, version)

    def scorer(self, run: str) -> Scorer:
        """Return a version of a model, ready to answer for single rows, with features that are read online.

        Args:
            run: as of `trained_run`; `late_delivery@champion` is its champion now.

        Raises:
            TrainingError: there is no such run, or its model cannot answer.
            TrainingUnavailable: its files are gone.
            FeaturesUnavailable: the online store does not answer.
        """
        with extra("ml", "Scores of single rows"):
            from lagoa.serving.scorer import Scorer

        return Scorer(self.context, self.trained_run(run))

    def close(self) -> None:
        """Close the catalog and the SQL engine; the lake and its branches cannot be used any more (`LakeClosed`)."""
        self.context.close()

    def __repr__(self) -> str:
        return f"<Lake {self.settings.name!r} in {self.settings.root}>"

    def _repr_html_(self) -> str | None:
        """Return the tables of main as HTML, for a notebook; None if they cannot be read, as in a closed lake."""
        from lagoa.review.notebooks import lake_html

        with suppress(LagoaError):
            return lake_html(self.context)
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
