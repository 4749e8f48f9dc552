"""A work branch: data is loaded, transformed and checked on it before readers see it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, Self, TypeVar

from lagoa.domain.refs import MAIN, is_id
from lagoa.domain.selection import Selection
from lagoa.domain.tables import TableName
from lagoa.errors import ApprovalOutdated, LagoaError, RefNotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from lagoa.catalog.ref_catalog import RefCatalog
    from lagoa.context import LakeContext
    from lagoa.domain.approvals import Approval
    from lagoa.domain.checks import AuditReport
    from lagoa.domain.commits import Batch
    from lagoa.domain.receipts import Publication
    from lagoa.ingest import FolderResult, IngestResult
    from lagoa.publish.rebase import RebaseResult
    from lagoa.quarantine import FateResult
    from lagoa.review.plan import PublicationPlan
    from lagoa.review.query import Result
    from lagoa.review.request.results import Review
    from lagoa.sources import LoadedSources
    from lagoa.sources import Source as DeclaredSource
    from lagoa.sql_models.run import ModelResult
    from lagoa.training.score import Scores
    from lagoa.write import RestoreResult, Source, WriteResult, WriteTransaction

_T = TypeVar("_T")


class Branch:
    """The API of one branch.

    Every write is one commit on the branch; only `publish` moves `main`.

    Attributes:
        name: the branch's name.
    """

    def __init__(self, context: LakeContext, name: str) -> None:
        self._lake = context
        self.name = name

    @property
    def _context(self) -> LakeContext:
        return self._lake

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"

    def _repr_html_(self) -> str | None:
        """Return the tables that it changed as HTML, for a notebook; None if it does not exist any more."""
        from lagoa.review.notebooks import branch_html

        with suppress(LagoaError):
            return branch_html(self._context, self.name)
        return None

    @property
    def head(self) -> str:
        """Id of the branch's newest commit."""
        return self._context.catalog.ref(self.name).commit

    def write(self, message: str = "") -> WriteTransaction:
        """Begin a commit over several tables; it is committed when the `with` block ends without an exception."""
        from lagoa.write import begin

        return begin(self._context, self.name, message)

    def append(self, table: str, source: Source, *, batch: str | Batch | None = None) -> WriteResult:
        """Add rows to a table.

        Args:
            table: its name, `layer.table`; created from its contract if it does not exist.
            source: an Arrow table or reader, a DataFrame, or a SELECT over this branch. Columns match by name.
            batch: the delivery's id. The same batch again adds nothing; the same id with other rows raises
                `BatchChanged`.
        """
        with self.write(f"append to {table}") as tx:
            return tx.append(TableName.parse(table), source, batch=batch)

    def replace(self, table: str, source: Source) -> WriteResult:
        """Replace all rows of a table with the rows of `source`."""
        with self.write(f"replace {table}") as tx:
            return tx.replace(TableName.parse(table), source)

    def merge(
        self,
        table: str,
        source: Source,
        *,
        key: Sequence[str] | None = None,
        order_by: str | None = None,
        batch: str | Batch | None = None,
    ) -> WriteResult:
        """Update rows with the same key and add the others; of several rows of a key the latest by `order_by` wins.

        Without `order_by`, and among equals, incoming rows replace existing ones, and of several incoming rows the one
        with the greatest `_row` stays, then the one with the greatest values column by column.

        `key` and `order_by` come from the contract by default.
        """
        with self.write(f"merge into {table}") as tx:
            return tx.merge(TableName.parse(table), source, key=key, order_by=order_by, batch=batch)

    def score(self, table: str, run: str, *, days: int = 90) -> Scores:
        """Replace the rows of a table by what a trained model says of the rows whose label is not known yet.

        Args:
            table: its name; its contract has the key of the model's rows, `moment`, `probability` or `q10`, `q50`, …,
                `training_rank`, `model`, `model_version` and `data_commit`.
            run: as of `Lake.trained_run`, such as `late_delivery@champion`.
            days: how far the moment of a row may be behind the latest one.

        Raises:
            TrainingError: there is no such run, or a column that its model needs is gone.
            TrainingUnavailable: the model's files are gone.
        """
        from lagoa.training.runs import find_run
        from lagoa.training.score import score

        return score(self._context, self.name, TableName.parse(table), find_run(self._context, run), days)

    def scd2(self, table: str, source: Source) -> WriteResult:
        """Make a table the history that follows from all observations; only differences are written."""
        with self.write(f"make the history {table}") as tx:
            return tx.scd2(TableName.parse(table), source)

    def delete(self, table: str, predicate: str) -> WriteResult:
        """Remove the rows for which a SQL condition is true."""
        with self.write(f"remove rows of {table}") as tx:
            return tx.delete(TableName.parse(table), predicate)

    def restore(self, tables: Sequence[str], source: str) -> list[RestoreResult]:
        """Restore tables and their quarantines to their state at a ref, such as `main~3`."""
        names = dict.fromkeys(TableName.parse(table) for table in tables)
        with self.write(f"restore {', '.join(map(str, names))} from {source}") as tx:
            return tx.restore(list(names), source)

    def drop(self, table: str) -> None:
        """Remove a table and its quarantine; `restore` brings them back from any state that has them.

        Raises:
            TableNotFound: there is no such table.
        """
        with self.write(f"drop {table}") as tx:
            tx.drop(TableName.parse(table))

    def evolve(self, tables: Sequence[str] | None = None) -> list[TableName]:
        """Change tables to match their contracts, as the next write would, without rows; return those that changed.

        By default, every table that has a contract and is not built by a model; `transform` runs models again.
        """
        contracts = self._context.contracts
        names = [TableName.parse(table) for table in tables or ()]
        if tables is None:
            existing = self._context.catalog.tables(self.head)
            found = {table: contracts.get(table) for table in sorted(existing)}
            names = [table for table, each in found.items() if each and not each.materialization]
        with self.write("bring tables to their contracts") as tx:
            return tx.evolve(names)

    def ingest(self, path: Path, into: str, *, batch: str | None = None, member: str | None = None) -> IngestResult:
        """Load a file into a table by its contract; records that are refused go to quarantine.

        Args:
            path: the file.
            into: the table, `layer.table`.
            batch: the delivery's id; by default from the file's content. The same batch again adds nothing.
            member: name or pattern of the file to read in a zip file with several.
        """
        from lagoa.ingest import ingest_file

        result = ingest_file(self._context, self.name, TableName.parse(into), path, batch=batch, member=member)
        self._loaded([result])
        return result

    def ingest_folder(
        self, folder: Path, *, ignore: Sequence[str] = (), on_done: Callable[[IngestResult], None] | None = None
    ) -> FolderResult:
        """Load every file of a folder that a contract names as its source: tables concurrently, files of one in order.

        Args:
            folder: where the files are.
            ignore: names or patterns of files that may be there without a contract that names them.
            on_done: called with each result as soon as it is there.

        Raises:
            SourceError: a file is named by no contract and not ignored, or by several: then none is loaded. Or some
                files cannot be read: then the others are loaded.
        """
        from lagoa.ingest import ingest_folder, read_delivery

        delivery = read_delivery(self._context, folder, ignore)
        return ingest_folder(self._context, self.name, delivery, on_done=on_done, on_table=self._loaded)

    def load_source(
        self,
        name: str,
        tables: Sequence[str] | None = None,
        *,
        on_done: Callable[[IngestResult], None] | None = None,
    ) -> list[IngestResult]:
        """Load what a declared source has that its tables on this branch do not have yet.

        Args:
            name: the source, as `sources/<name>.yaml` declares it.
            tables: some of its tables; by default all of them.
            on_done: called with each result as soon as it is committed.

        Raises:
            DeclarationError: its declaration cannot be used.
            SourceError: there is no such source or table of it, or what it has cannot be loaded.
            SourceUnavailable: it does not answer. What was committed before stays on the branch.
        """
        from lagoa.sources import load_source

        return self._of_source(self._source(name), tables, load_source, on_done)

    def rebuild_from_raw(
        self,
        name: str,
        tables: Sequence[str] | None = None,
        *,
        on_done: Callable[[IngestResult], None] | None = None,
    ) -> list[IngestResult]:
        """Make tables again from what the raw layer has of a source, without asking it; the rows are the same.

        Records that were accepted from quarantine wait there again.

        Args:
            name: the source, as `sources/<name>.yaml` declares it.
            tables: some of its tables; by default all of them.
            on_done: called with each result as soon as it is committed.

        Raises:
            DeclarationError: its declaration cannot be used.
            SourceError: there is no such source, nothing was kept of a table, or a file is missing or was changed.
        """
        from lagoa.sources import rebuild_from_raw

        return self._of_source(self._source(name), tables, rebuild_from_raw, on_done)

    def _source(self, name: str) -> DeclaredSource:
        from lagoa.sources import find_source

        return find_source(self._context.settings.sources_folder, self._context.contracts, name)

    def _of_source(
        self,
        source: DeclaredSource,
        tables: Sequence[str] | None,
        load: Callable[[LakeContext, str, DeclaredSource, Sequence[TableName]], Iterator[IngestResult]],
        on_done: Callable[[IngestResult], None] | None,
    ) -> list[IngestResult]:
        """Return what comes of loading tables of a source in some way."""
        from lagoa.sources import tables_of

        results = []
        for result in load(self._context, self.name, source, tables_of(source, tables)):
            results.append(result)
            if on_done:
                on_done(result)
        for table in source.tables:
            if loaded := [each for each in results if each.table == table]:
                self._loaded(loaded)
        return results

    def load_sources(
        self, names: Sequence[str] | None = None, *, on_done: Callable[[IngestResult], None] | None = None
    ) -> LoadedSources:
        """Load what is new in several sources, each as `load_source` does; one that fails does not stop the others.

        Args:
            names: the sources; by default all that are declared.
            on_done: called with each result as soon as it is committed.

        Raises:
            DeclarationError: without names, a declaration cannot be used.
        """
        from lagoa.sources import LoadedSources, lake_sources, load_source

        loaded = LoadedSources()

        def keep(result: IngestResult) -> None:
            loaded.results.append(result)
            if on_done:
                on_done(result)

        declared = {each.name: each for each in lake_sources(self._context)} if names is None else dict.fromkeys(names)
        for name, source in declared.items():
            try:
                self._of_source(source or self._source(name), None, load_source, keep)
            except LagoaError as error:
                loaded.failures[name] = error
        return loaded

    def retry_quarantine(self, table: str, select: Selection = Selection()) -> FateResult:
        """Check waiting records of a table against its current contract again; those that pass are added to it."""
        from lagoa.quarantine import retry_quarantine

        return retry_quarantine(self._context, self.name, TableName.parse(table), select)

    def fix_quarantine(
        self, table: str, edits: Mapping[str, str | None] | Path, select: Selection = Selection()
    ) -> FateResult:
        """Replace values of waiting records, and check the records against the contract again.

        Args:
            table: the table that refused them.
            edits: new text by column, for all the records; or an edited export.
            select: which records; all by default.
        """
        from lagoa.quarantine import EditedFile, SetColumns, fix_quarantine

        name = TableName.parse(table)
        contract = self._context.contracts[name]
        values = SetColumns(contract, edits) if isinstance(edits, Mapping) else EditedFile(contract, edits)
        return fix_quarantine(self._context, self.name, name, values, select)

    def discard_quarantine(self, table: str, reason: str, select: Selection = Selection()) -> FateResult:
        """Discard waiting records of a table; they stay in the quarantine, with the reason."""
        from lagoa.quarantine import discard_quarantine

        return discard_quarantine(self._context, self.name, TableName.parse(table), reason, select)

    def transform(
        self, select: Sequence[str] | None = None, *, on_done: Callable[[ModelResult], None] | None = None
    ) -> list[ModelResult]:
        """Run the stale models, in the order of their dependencies, independent ones concurrently."""
        from lagoa.sql_models.run import transform

        return transform(self._context, self.name, select=select, on_done=_both(self._built, on_done))

    def backfill(
        self,
        model: str,
        *,
        start: str | None = None,
        end: str | None = None,
        batches: Sequence[str] = (),
        on_done: Callable[[ModelResult], None] | None = None,
    ) -> list[ModelResult]:
        """Build a model's table again although nothing changed: all of it, or some intervals or batches.

        Args:
            model: name of its table; models that it needs run if they are stale.
            start: start of the first interval, such as `2026-03` by month; by default the first one.
            end: start of the first interval that is left out; by default all up to the last one.
            batches: ids of batches, for a model that is built by batch.
            on_done: called with each result.
        """
        from lagoa.sql_models.run import Again, backfill

        again = Again(start, end, tuple(batches))
        return backfill(self._context, self.name, model, again, on_done=_both(self._built, on_done))

    def audit(self) -> AuditReport:
        """Run the checks at the branch's head; drift is measured against `main`."""
        from lagoa.audit import audit

        return audit(self._context, self.name)

    def publish(self, message: str = "", *, rebase: bool = True) -> Publication:
        """Move `main` to this branch's changes, if every check passes there.

        If the lake's role may not move `main`, the publisher process does it; see the port `Publisher`.

        Args:
            message: the message in the log.
            rebase: if `main` has since changed the same tables, or inputs of this branch's models, do what the branch
                did again on `main` as it is now (see `rebase`), and publish that.

        Raises:
            AuditFailed: a check failed or was not evaluated; `main` is unchanged.
            PublishConflict: of two changes of a table only one can stay; or the branch would need a rebase.
        """
        from lagoa.publish.rebase import publish_rebased

        publisher = self._context.publisher
        if not rebase:
            return publisher.publish(self.name, message)
        return publish_rebased(
            self._context, self.name, lambda in_turn: publisher.publish(self.name, message, in_turn=in_turn)
        )

    def rebase(self, *, ours: Sequence[str] = (), theirs: Sequence[str] = (), dry_run: bool = False) -> RebaseResult:
        """Put the branch on `main` as it is now: what it did is done again there, in one commit on the branch.

        Appends add the same files, merges and histories take the same rows, deletes their condition, models run again.

        Args:
            ours: tables whose state on the branch stays, though `main` changed them.
            theirs: tables whose state on `main` stays.
            dry_run: only find out what would be done.

        Raises:
            RebaseConflict: of two changes of a table only one can stay, and nothing says which.
        """
        from lagoa.publish.rebase import rebase

        names = [[TableName.parse(table) for table in tables] for tables in (ours, theirs)]
        return rebase(self._context, self.name, ours=names[0], theirs=names[1], dry_run=dry_run)

    def plan_publication(self) -> PublicationPlan:
        """Return what `publish` would do now; nothing is done.

        Raises:
            NothingToPublish, PublishConflict, BatchHeld: what would stop it.
        """
        from lagoa.publish.work import net_change
        from lagoa.review.plan import plan_publication

        head = self.head
        return plan_publication(self._context, self.name, head, net_change(self._context, self.name))

    def review(self, *, audit: bool = True, samples: int = 5) -> Review:
        """Return what publishing would change on `main`: rows, schemas, figures, checks, and who reads that.

        Args:
            audit: run the checks that have no result yet; publishing uses these results again.
            samples: how many rows of each kind to show per table; values of personal columns are hidden.

        Raises:
            NothingToPublish: `main` has all changes of the branch.
        """
        from lagoa.review.request import review

        return review(self._context, self.name, audit=audit, samples=samples)

    def approve(
        self, message: str = "", *, commit: str | None = None, on_sign_in: Callable[[str], None] = print
    ) -> Approval:
        """Approve that the branch is published as it is now, where `[approval]` of lagoa.toml asks for that.

        Where people sign in, somebody does so in a browser, and the approval is theirs. Else it is in the name of the
        setting `author`, and not enforced.

        Args:
            message: what to say of it.
            commit: id of the head that was reviewed, or its first digits; by default whatever the head is.
            on_sign_in: is given the address to open in a browser.

        Raises:
            ApprovalOutdated: the branch has another head than `commit`.
            SignInFailed: nobody signed in in time, or who did may do nothing.
        """
        head = self._context.catalog.ref(self.name).commit
        if commit is not None and not (is_id(commit) and head.startswith(commit)):
            raise ApprovalOutdated(self.name, commit, head)
        people = self._context.people
        token = people.sign_in(on_sign_in) if people else None
        return self._context.publisher.approve(self.name, head, message, token)

    def sql(self, query: str) -> Result:
        """Run a SELECT over the current state of this branch."""
        from lagoa.review.query import run_query

        return run_query(self._context, query, self.name)

    def catalog(self) -> RefCatalog:
        """Return this branch as a plain PyIceberg catalog."""
        from lagoa.catalog.ref_catalog import RefCatalog

        context = self._context
        return RefCatalog(context.catalog, self.name, context.metadata, author=context.settings.author)

    def _loaded(self, results: Sequence[IngestResult]) -> None:
        """Called with the results of a table's files, when the last of them was loaded."""

    def _built(self, result: ModelResult) -> None:
        """Called after each model that was run."""


class Run(Branch):
    """A branch `run/<name>/<id>` made for one piece of work: `with lake.run("daily") as branch`.

    Tables are checked in the background as they are finished. Leaving it deletes the branch if all of it was
    published, and otherwise keeps it for inspection; only `publish` moves `main`. After that a deleted one raises
    `RefNotFound`; one that is kept works as before.
    """

    def __init__(self, context: LakeContext, name: str) -> None:
        super().__init__(context, name)
        self._publisher = context.publisher.accompany(name)
        self._end: Literal["", "deleted", "kept"] = ""

    @property
    def _context(self) -> LakeContext:
        self._refuse_deleted()
        return self._lake

    def _refuse_deleted(self) -> None:
        if self._end == "deleted":
            reason = "its `with` block has ended, which deleted it since main has all of it"
            advice = "Read main: `lake.sql(…)`. To write, begin another run: `with lake.run(…) as branch:`."
            raise RefNotFound(self.name, reason, advice)

    def __repr__(self) -> str:
        ends = {"": "", "deleted": ": main has all of it, deleted", "kept": ": kept, main does not have all of it"}
        return f"<Run {self.name!r}{ends[self._end]}>"

    def finished(self, table: TableName, commit: str | None) -> None:
        """Start checking a table in the background; its rows are complete as of this commit, or earlier if None."""
        self._publisher.finished(table, commit)

    def stop(self) -> None:
        """Stop checking in the background, until another table is finished."""
        self._publisher.close()

    def audit(self) -> AuditReport:
        """Like `Branch.audit`; if the publisher process publishes, with its checks and results."""
        self._refuse_deleted()
        return self._publisher.audit()

    def publish(self, message: str = "", *, rebase: bool = True) -> Publication:
        """Like `Branch.publish`."""
        from lagoa.publish.rebase import publish_rebased

        self._refuse_deleted()
        if not rebase:
            return self._publisher.publish(message)
        return publish_rebased(self._lake, self.name, lambda in_turn: self._publisher.publish(message, in_turn=in_turn))

    def _loaded(self, results: Sequence[IngestResult]) -> None:
        commit = next((each.commit for each in reversed(results) if each.commit), None)
        self.finished(results[0].table, commit)
        if any(each.quarantined for each in results):
            self.finished(results[0].table.quarantine, commit)

    def _built(self, result: ModelResult) -> None:
        self.finished(result.table, result.commit)

    def __enter__(self) -> Self:
        """Return the branch."""
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Delete the branch if `main` has all of it; else note in the error of the work that it is kept."""
        self.stop()
        catalog = self._lake.catalog
        with suppress(LagoaError):  # must not hide an error of the work, nor fail a publication that succeeded
            head, main = catalog.ref(self.name).commit, catalog.ref(MAIN).commit
            if catalog.is_ancestor(head, main) or not catalog.diff(head, main):  # a rebase may have left nothing
                catalog.delete_ref(self.name, head)
                self._end = "deleted"
            else:
                self._end = "kept"
        if error is not None and self._end == "kept":
            opened = f"`lake.branch({self.name!r})` opens it"
            error.add_note(f"The branch is kept: {opened}, `lagoa branch delete {self.name}` deletes it.")


def _both(first: Callable[[_T], None], second: Callable[[_T], None] | None) -> Callable[[_T], None]:
    def call(value: _T) -> None:
        first(value)
        if second is not None:
            second(value)

    return call
