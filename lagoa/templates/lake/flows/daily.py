"""The daily flow: a folder of files in, checked tables on `main`.

Run it by `lagoa run daily`, or by `lagoa run daily folder=../incoming`.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

import lagoa
from lagoa.errors import NothingToPublish, TransientError
from lagoa.ingest import FolderResult

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State, TaskRun
    from prefect.futures import PrefectFuture
    from prefect.tasks import Task

    from lagoa.branch import Branch
    from lagoa.domain.receipts import Publication
    from lagoa.domain.tables import TableName
    from lagoa.ingest import Delivery, IngestResult
    from lagoa.sql_models.run import ModelResult

RUN_PREFIX = "run/daily/"
SIDE_BY_SIDE: TaskRunner[Any] = ThreadPoolTaskRunner(max_workers=2)


def _run_name() -> str:
    """Name a run as its branch will be named."""
    return f"{RUN_PREFIX}{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


def _is_transient(_task: Task[..., object], _run: TaskRun, state: State) -> bool:
    """Try again only what may go better the next time; a bad file or a failed check will not."""
    return isinstance(state.result(raise_on_failure=False), TransientError)


@task(cache_policy=NO_CACHE, task_run_name="ingest {table} {file.name}", retries=3, retry_condition_fn=_is_transient)
def ingest(branch: Branch, table: str, file: Path) -> IngestResult:
    """Load one file into the table whose contract names it."""
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


@task(cache_policy=NO_CACHE, retries=3, retry_condition_fn=_is_transient)
def transform(branch: Branch) -> list[ModelResult]:
    """Run the models whose inputs have changed."""
    return branch.transform()


@task(cache_policy=NO_CACHE, retries=3, retry_condition_fn=_is_transient)
def publish(branch: Branch, message: str) -> Publication | None:
    """Audit, and move main to this run's state; None when the run brought nothing new."""
    try:
        return branch.publish(message)
    except NothingToPublish as nothing:
        get_run_logger().info("%s", nothing)
        return None


@flow(flow_run_name=_run_name, task_runner=SIDE_BY_SIDE, validate_parameters=False)
def daily(folder: str | None = None, lake: str = ".") -> Publication | None:
    """Load the files of a folder that contracts name as their sources, run the models, audit, publish.

    Args:
        folder: where the files lie, each named by a contract or ignored (`ingest_ignore`); by default the lake's
            folder `data`.
        lake: the lake's folder.
    """
    run_id = str(flow_run.name).removeprefix(RUN_PREFIX)
    with lagoa.open_lake(lake) as opened, opened.run("daily", run_id) as branch:
        source = Path(folder) if folder else Path(lake) / "data"
        get_run_logger().info("%s", ingest_all(branch, opened.delivery(source)).summary)
        transform(branch)
        return publish(branch, f"daily load of {source.name}")
