"""Flows that any lake can deploy as they are: `entrypoint: lagoa.prefect.flows.backfill` in prefect.yaml."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from prefect import get_run_logger
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName
from pydantic import Field

import lagoa
from lagoa.backup.create import create_backup
from lagoa.backup.places import place_named
from lagoa.backup.prune import prune_backups
from lagoa.backup.verify import verify_backups
from lagoa.domain.receipts import Publication  # noqa: TC001 - Prefect evaluates it
from lagoa.domain.roles import MAINTAINER
from lagoa.errors import BackupDamaged, BackupFailed, CommitLost, PublishConflict, RefNotFound
from lagoa.maintain.retention import compactions_left, runs_over
from lagoa.prefect.runs import flow, load, run_branch, settings_of_flow
from lagoa.prefect.tasks import audit, build_again, materialize, publish, transform
from lagoa.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prefect.client.schemas.objects import FlowRun

    from lagoa.lake import Lake
    from lagoa.settings import Settings

_RUNS = "run/"
_AT_ONCE = 100
_TRIES = 5

Ended = Literal["CRASHED", "CANCELLED", "FAILED"]


@flow
def backfill(
    model: Annotated[str, Field(pattern=r"^\w+(\.\w+)+$")],
    since: str | None = None,
    until: str | None = None,
    lake: str = ".",
) -> Publication | None:
    """Build a model's table again though nothing changed: some intervals of it, or the whole; audit, publish.

    Args:
        model: its table, such as `silver.orders`.
        since: where the first interval begins, such as `2026-03-01`; by default the first one.
        until: where the first interval begins that is left out; by default none is.
        lake: the lake's folder.
    """
    with run_branch(lake) as (_, branch):
        build_again(branch, model, since, until)
        audit(branch)
        return publish(branch, f"Build {model} again")


@flow(name="source")
def load_source(table: str, folder: str = "data", lake: str = ".") -> Publication | None:
    """Load the files of one table, audit, publish. No model runs.

    Args:
        table: the table, whose contract names its files.
        folder: where the files are; those of other tables may be there.
        lake: the lake's folder.
    """
    with run_branch(lake) as (opened, branch):
        load(opened, branch, Path(folder), table)
        audit(branch)
        return publish(branch, f"Load {table}")


@flow(name="models")
def build_models(lake: str = ".") -> Publication | None:
    """Run the models whose inputs have changed, audit, publish.

    If sources are published meanwhile, what they changed is built, too.

    Args:
        lake: the lake's folder.
    """
    for _ in range(_TRIES - 1):
        with suppress(PublishConflict):
            return _build_models(lake)
    return _build_models(lake)


def _build_models(lake: str) -> Publication | None:
    with run_branch(lake) as (_, branch):
        transform(branch)
        audit(branch)
        return publish(branch, "Build the models")


@flow
def maintain(
    tables: list[Annotated[str, Field(pattern=r"^\w+(\.\w+)+$")]] | None = None, clean: bool = False, lake: str = "."
) -> Publication | None:
    """Rewrite small files of tables into few large ones with the same rows, audit, publish.

    Args:
        tables: the tables; all by default.
        clean: then also let states expire by `[retention]` and collect files, signed in as the role maintainer.
        lake: the lake's folder.
    """
    with lagoa.open_lake(settings_of_flow(lake)) as opened:
        done = opened.compact(tables)
        if done.publication is not None and opened.context.online.definitions() is not None:
            materialize(opened)
    for each in done.tables:
        get_run_logger().info("%s: %s, %s files rewritten as %s.", each.table, each.state, each.rewritten, each.written)
    if clean:
        _clean(settings_of_flow(lake))
    return done.publication


def _clean(settings: Settings) -> None:
    """Let states expire and collect files; on servers the role of flows may not."""
    with lagoa.open_lake(settings.model_copy(update={"role": MAINTAINER})) as opened:
        expiry = opened.expire(dry_run=False)
        collection = opened.collect(dry_run=False)
    get_run_logger().info("Deleted branches: %s. %s states of main are expired.", list(expiry.refs), expiry.expired)
    get_run_logger().info("%s files are in the trash %s.", collection.garbage, collection.trash)


@flow
def sandbox_reaper(lake: str = ".") -> list[str]:
    """Delete the sandboxes whose time is over.

    Args:
        lake: the lake's folder.

    Returns:
        Their names.
    """
    with lagoa.open_lake(lake) as opened:
        expired = [each for each in opened.sandboxes() if each.expired]
        return [each.name for each in expired if _delete(opened, each.branch, each.commit)]


@flow
def branch_reaper(
    hours: Annotated[int, Field(ge=0)] = 24,
    states: Annotated[list[Ended], Field(min_length=1)] = ["CRASHED", "CANCELLED"],  # noqa: B006 - nobody changes it
    lake: str = ".",
) -> list[str]:
    """Delete the branches that nobody will go on with.

    They are those that runs of this Prefect server left when they ended without a publication; those of compactions
    whose process was killed, however it was started; and those of all runs that are older than `run_days`.

    Args:
        hours: how long ago the run or compaction ended, at least.
        states: in which states runs ended. Branches of failed ones are kept by default, to look at.
        lake: the lake's folder.

    Returns:
        The branches that were deleted. Those of runs that this server does not know stay for `run_days`.
    """
    latest = datetime.now(UTC) - timedelta(hours=hours)
    with lagoa.open_lake(lake) as opened:
        commits = {ref.name: ref.commit for ref in opened.refs() if ref.kind == "branch" and ref.name.startswith(_RUNS)}
        left = {
            run.name
            for run in _runs(list(commits))
            if run.state and run.state.type.value in states and run.state.timestamp <= latest
        }
        over = [*compactions_left(opened.context, latest), *runs_over(opened.context, opened.context.clock())]
        found = {name: commits[name] for name in left} | {ref.name: ref.commit for ref in over}
        return [name for name in sorted(found) if _delete(opened, name, found[name])]


@flow
def backup(full: bool = False, lake: str = ".") -> str:
    """Make a backup of the lake at the place that the setting `backup` names; remove those that no rule keeps.

    Args:
        full: copy every file, also those that earlier backups have.
        lake: the lake's folder.

    Returns:
        Its id.
    """
    settings = load_settings(Path(lake))
    place = place_named(settings, None)
    made = create_backup(settings, place, full=full)
    if made.missing:
        raise BackupFailed(f"The backup {made.id}", f"{len(made.missing)} files of the lake are missing")
    if settings.backup.keep.any:
        pruned = prune_backups(settings, place, dry_run=False)
        removed = sum(not point.kept for point in pruned.points)
        get_run_logger().info("%s backups removed, with %s files.", removed, pruned.files)
    return made.id


@flow(name="backup-verify")
def verify_backup(lake: str = ".") -> int:
    """Read every file of the backups at the place that the setting `backup` names.

    Args:
        lake: the lake's folder.

    Returns:
        The number of files.
    """
    settings = load_settings(Path(lake))
    place = place_named(settings, None)
    found = verify_backups(settings, place)
    for fault in found.faults:
        get_run_logger().error("%s %s", fault.name, fault.reason)
    if found.faults:
        raise BackupDamaged(place, found.faults[0].name, found.faults[0].reason)
    return found.files


def _runs(names: Sequence[str]) -> Iterator[FlowRun]:
    """Yield the runs of some names that the server knows; a run has the name of its branch."""
    with get_client(sync_client=True) as client:
        for first in range(0, len(names), _AT_ONCE):
            some = FlowRunFilter(name=FlowRunFilterName(any_=list(names[first : first + _AT_ONCE])))
            yield from client.read_flow_runs(flow_run_filter=some)


def _delete(lake: Lake, branch: str, commit: str) -> bool:
    """Delete a branch if it still is as it was found, and log it; return whether it was deleted."""
    try:
        lake.delete_ref(branch, commit)
    except (CommitLost, RefNotFound):
        get_run_logger().info("%s has changed meanwhile, and stays.", branch)
        return False
    get_run_logger().info("Deleted %s, which was at %s.", branch, commit[:12])
    return True
