"""Tasks on a run's branch. Each is one call of `Branch`, with its result as log or artifact."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from prefect import get_run_logger, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.events import emit_event

from lagoa.errors import AuditFailed, LagoaError, NothingToPublish, TransientError
from lagoa.ingest import FolderResult
from lagoa.sources import LoadedSources

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from prefect.client.schemas.objects import State, TaskRun
    from prefect.futures import PrefectFuture
    from prefect.tasks import Task

    from lagoa.branch import Branch
    from lagoa.domain.checks import AuditReport
    from lagoa.domain.receipts import Publication
    from lagoa.domain.tables import TableName
    from lagoa.features.online import Materialized
    from lagoa.ingest import Delivery, IngestResult
    from lagoa.lake import Lake
    from lagoa.quarantine import RefusedCount
    from lagoa.sql_models.run import ModelResult


AUDIT_FAILED = "lagoa.audit.failed"
"""The event of an audit that does not pass."""

_LISTED_CHECKS = 20


def _is_transient(_task: Task[..., object], _run: TaskRun, state: State) -> bool:
    """Try again only what may go better the next time; a bad file or a failed check will not."""
    return isinstance(state.result(raise_on_failure=False), TransientError)


_RETRIED: dict[str, Any] = {"retries": 3, "retry_delay_seconds": [1, 5, 30], "retry_condition_fn": _is_transient}


@task(cache_policy=NO_CACHE, task_run_name="ingest {table} {file.name}", tags={"ingest"}, **_RETRIED)
def ingest(branch: Branch, table: str, file: Path) -> IngestResult:
    """Load one file into the table whose contract names it; `branch.ingest` says what is returned and raised."""
    return branch.ingest(file, into=table)


def ingest_all(branch: Branch, delivery: Delivery) -> FolderResult:
    """Load every file of a delivery by `ingest`: tables at the same time, the files of one table by their names."""
    order = sorted((at, table, file) for table, files in delivery.files.items() for at, file in enumerate(files))
    latest: dict[TableName, PrefectFuture[IngestResult]] = {}
    loaded = []
    for _, table, file in order:
        before = [latest[table]] if table in latest else None
        latest[table] = ingest.submit(branch, str(table), file, wait_for=before, return_state=False)
        loaded.append(latest[table])
    results = sorted((future.result() for future in loaded), key=lambda each: (each.table, each.source))
    return FolderResult(results, delivery)


@task(cache_policy=NO_CACHE, task_run_name="load {source}", tags={"ingest"}, **_RETRIED)
def load_source(branch: Branch, source: str) -> list[IngestResult]:
    """Load what is new in a declared source; `branch.load_source` says what is returned and raised."""
    return branch.load_source(source)


def load_sources(branch: Branch, sources: Sequence[str]) -> LoadedSources:
    """Load sources by `load_source`, some at the same time; one that fails does not hold the others back."""
    futures = {name: load_source.submit(branch, name, return_state=False) for name in sources}
    loaded = LoadedSources()
    for name, future in futures.items():
        try:
            loaded.results += future.result()
        except LagoaError as error:
            loaded.failures[name] = error
    return loaded


@task(cache_policy=NO_CACHE, tags={"transform"}, **_RETRIED)
def transform(branch: Branch) -> list[ModelResult]:
    """Run the models whose inputs have changed, in the order of their inputs; return one result per model."""
    results = branch.transform()
    built = [result for result in results if not result.skipped]
    get_run_logger().info("Models: %d built, %d up to date.", len(built), len(results) - len(built))
    return results


@task(cache_policy=NO_CACHE, task_run_name="build {model} again", tags={"transform"}, **_RETRIED)
def build_again(branch: Branch, model: str, since: str | None, until: str | None) -> list[ModelResult]:
    """Build a model's table again though nothing changed; `branch.backfill` says what is returned and raised."""
    return branch.backfill(model, start=since, end=until)


@task(cache_policy=NO_CACHE, tags={"audit"})
def audit(branch: Branch) -> AuditReport:
    """Run every check and keep the outcomes as artifact `audit`.

    Raises:
        AuditFailed: a check failed. It is not tried again: no retry makes bad data good.
    """
    report = branch.audit()
    create_table_artifact(
        key="audit",
        table=[
            {
                "check": r.check,
                "outcome": r.outcome,
                "figure": r.shown,
                "expected": r.threshold,
                "severity": r.severity,
                "owner": r.owner,
                "message": r.message,
            }
            for r in report.results
        ],
        description=f"{len(report.results)} checks at {report.commit[:12]}",
    )
    if not report.passed:
        _announce_failure(report)
        raise AuditFailed(report)
    return report


def _announce_failure(report: AuditReport) -> None:
    """Emit the event to which automations react; Prefect adds the run, its flow, deployment and tags."""
    checks = [result.check for result in report.blocking]
    resource = {"prefect.resource.id": f"lagoa.commit.{report.commit}", "prefect.resource.name": report.ref}
    emit_event(AUDIT_FAILED, resource, payload={"checks": checks[:_LISTED_CHECKS], "failed": len(checks)})


@task(cache_policy=NO_CACHE, tags={"publish"}, **_RETRIED)
def publish(branch: Branch, message: str) -> Publication | None:
    """Move main to the branch's state, with the commits as artifact `publication`; None if the branch has nothing new.

    Raises:
        AuditFailed: a check failed; `main` is unchanged.
        PublishConflict: another run published changes to the same tables.
    """
    try:
        publication = branch.publish(message)
    except NothingToPublish as nothing:
        get_run_logger().info("%s", nothing)
        return None
    create_markdown_artifact(
        key="publication",
        markdown=f"`main` moved from `{publication.previous[:12]}` to `{publication.commit[:12]}` at "
        f"{publication.published_at:%Y-%m-%d %H:%M:%S} UTC; {len(publication.tables)} tables, receipt "
        f"`{publication.receipt}`.",
    )
    get_run_logger().info("main moved to %s; tables: %d.", publication.commit[:12], len(publication.tables))
    return publication


@task(cache_policy=NO_CACHE, tags={"features"}, **_RETRIED)
def materialize(lake: Lake) -> None:
    """Let the online store of features follow main."""
    done = lake.follow_features()
    if done is not None:
        get_run_logger().info("Online features are of %s; %s.", done.state.commit[:12], _entities(done))


def _entities(done: Materialized) -> str:
    written = [f"{name}: {entities:,} entities" for name, entities in done.written.items()]
    return ", ".join([*written, *(f"{name}: as before" for name in done.kept)])


def report_rows(branch: Branch, rows: Sequence[IngestResult], refused: Sequence[RefusedCount], said: str) -> None:
    """Keep as artifact `rows` what became of each file's records, and how many of its table wait in quarantine.

    Args:
        branch: where the files were loaded.
        rows: what became of each file.
        refused: all records that wait on the branch, whenever they came.
        said: that in a sentence.
    """
    get_run_logger().info("%s", said)
    waiting: Counter[TableName] = Counter()
    for each in refused:
        waiting[each.table] += each.records
    create_table_artifact(
        key="rows",
        table=[
            {
                "table": str(result.table),
                "file": result.source,
                "known": result.skipped,
                "received": result.received,
                "accepted": result.accepted,
                "quarantined": result.quarantined,
                "waiting": waiting[result.table],
            }
            for result in rows
        ],
        description=f"{said}\n\nRows loaded on {branch.name}, and all that wait in quarantine there.",
    )
