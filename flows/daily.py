"""The daily flow: a folder of files in, checked tables on `main`.

Run it by `lagoa run daily folder=data/olist`, by `prefect deployment run`, or by calling `daily(...)`. Without a
running Prefect server it brings up one of its own for as long as it runs.
"""

from __future__ import annotations

import secrets
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

import lagoa
from lagoa.errors import AuditFailed, NothingToPublish, TransientError
from lagoa.ingest import FolderResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefect.client.schemas.objects import State, TaskRun
    from prefect.futures import PrefectFuture
    from prefect.tasks import Task

    from lagoa.branch import Branch
    from lagoa.domain.checks import AuditReport
    from lagoa.domain.receipts import Publication
    from lagoa.domain.tables import TableName
    from lagoa.ingest import Delivery, IngestResult
    from lagoa.quarantine import RefusedCount
    from lagoa.sql_models.run import ModelResult

RUN_PREFIX = "run/daily/"
SIDE_BY_SIDE: TaskRunner[Any] = ThreadPoolTaskRunner(max_workers=2)


def _run_name() -> str:
    """Name a run as its branch will be named."""
    return f"{RUN_PREFIX}{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


def _is_transient(_task: Task[..., object], _run: TaskRun, state: State) -> bool:
    """Try again only what may go better the next time; a bad file or a failed check will not."""
    return isinstance(state.result(raise_on_failure=False), TransientError)


@task(
    cache_policy=NO_CACHE,
    task_run_name="ingest {table} {file.name}",
    retries=3,
    retry_delay_seconds=[1, 5, 30],
    retry_condition_fn=_is_transient,
)
def ingest(branch: Branch, table: str, file: Path) -> IngestResult:
    """Load one file into its bronze table."""
    return branch.ingest(file, into=table)


def ingest_all(branch: Branch, delivery: Delivery) -> FolderResult:
    """Load every file of a delivery: tables at the same time, the files of one table by their names."""
    order = sorted((at, table, file) for table, files in delivery.files.items() for at, file in enumerate(files))
    latest: dict[TableName, PrefectFuture[IngestResult]] = {}
    loaded = []
    for _, table, file in order:
        before = [latest[table]] if table in latest else None
        latest[table] = ingest.submit(branch, str(table), file, wait_for=before, return_state=False)
        loaded.append(latest[table])
    results = sorted((future.result() for future in loaded), key=lambda each: (each.table, each.source))
    return FolderResult(results, delivery)


@task(cache_policy=NO_CACHE, retries=3, retry_delay_seconds=[1, 5, 30], retry_condition_fn=_is_transient)
def transform(branch: Branch) -> list[ModelResult]:
    """Run the models whose inputs have changed."""
    return branch.transform()


@task(cache_policy=NO_CACHE)
def audit(branch: Branch) -> AuditReport:
    """Run every check; a failed one ends the run, and no retry makes bad data good."""
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
        raise AuditFailed(report)
    return report


@task(cache_policy=NO_CACHE, retries=3, retry_delay_seconds=[1, 5, 30], retry_condition_fn=_is_transient)
def publish(branch: Branch, message: str) -> Publication | None:
    """Move main to this run's state; None when the run brought nothing new."""
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
    return publication


def _loaded(results: Sequence[IngestResult], refused: Sequence[RefusedCount]) -> list[dict[str, str | int]]:
    """Report what became of each file's records, and how many of its table wait in quarantine, whenever they came."""
    waiting: Counter[TableName] = Counter()
    for each in refused:
        waiting[each.table] += each.records
    return [
        {
            "table": str(result.table),
            "file": result.source,
            "known": result.skipped,
            "received": result.received,
            "accepted": result.accepted,
            "quarantined": result.quarantined,
            "waiting": waiting[result.table],
        }
        for result in results
    ]


@flow(flow_run_name=_run_name, task_runner=SIDE_BY_SIDE, validate_parameters=False)
def daily(folder: str, lake: str = ".") -> Publication | None:
    """Load the files of a folder, build silver and gold, audit, publish.

    Args:
        folder: where the files lie; each must be named by a contract as its source, or ignored (`ingest_ignore`).
        lake: the lake's folder.

    Returns:
        The publication, or None when there was nothing new.

    Raises:
        SourceError: a file that cannot be read, or that no contract names.
        AuditFailed: a check failed; `main` is as it was, and the run's branch stays to look at.
        PublishConflict: another run published changes to the same tables.
    """
    run_id = str(flow_run.name).removeprefix(RUN_PREFIX)
    with lagoa.open_lake(lake) as opened, opened.run("daily", run_id) as branch:
        delivery = opened.delivery(Path(folder))
        rows = ingest_all(branch, delivery)
        get_run_logger().info("%s", rows.summary)
        create_table_artifact(
            key="rows",
            table=_loaded(rows, opened.quarantine(branch.name)),
            description=f"{rows.summary}\n\nRows loaded on {branch.name}, and all that wait in quarantine there.",
        )
        transform(branch)
        audit(branch)
        return publish(branch, f"daily load of {Path(folder).name}")
