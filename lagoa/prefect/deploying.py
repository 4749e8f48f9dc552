"""Deployments of a lake's flows: what prefect.yaml says, and what Lagoa adds to it on the server."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import yaml
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName
from prefect.exceptions import ObjectNotFound
from prefect.workers.process import ProcessWorker

from lagoa.errors import TerminalError
from lagoa.prefect.automations import HEARTBEAT_S, TAG, keep_automations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.responses import DeploymentResponse

FILE = "prefect.yaml"

Entry = dict[str, Any]
"""A deployment, as prefect.yaml has it."""

_HEARTBEAT = "PREFECT_FLOWS_HEARTBEAT_FREQUENCY"
_OWN = "default"  # the queue that each pool has, without a limit


def read_entries(root: Path) -> list[Entry]:
    """Return the deployments of a lake's prefect.yaml; raises TerminalError for a file that has none."""
    file = root / FILE
    try:
        document = yaml.safe_load(file.read_text("utf-8"))
    except FileNotFoundError:
        raise TerminalError(f"There is no {file}.", "`lagoa init` writes one; copy it from a new lake.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise TerminalError(f"{file} is no YAML: {error}", "Correct it.") from None
    entries = document.get("deployments") if isinstance(document, dict) else None
    if not isinstance(entries, list) or not entries:
        raise TerminalError(f"{file} has no `deployments`.", "Copy those of a new lake (`lagoa init`).")
    for number, entry in enumerate(entries, 1):
        for key in ("name", "entrypoint", "work_pool"):
            if not isinstance(entry, dict) or not entry.get(key):
                raise TerminalError(f"{file}: deployment {number} has no `{key}`.", "Give it one.")
        if not isinstance(entry["work_pool"], dict) or not entry["work_pool"].get("name"):
            raise TerminalError(
                f"{file}: deployment {entry['name']!r} names no work pool.", "Give it `{name: default}`."
            )
    return entries


def pools_of(entries: Sequence[Entry]) -> list[str]:
    """Return the work pools that deployments name."""
    return sorted({entry["work_pool"]["name"] for entry in entries})


def deploy(root: Path, variables: Mapping[str, str], notify: str | None = None) -> list[str]:
    """Deploy everything in prefect.yaml; what is there already is changed.

    Missing work pools are made, of processes, and missing work queues, each for one run at a time. Deployments get the
    tag `lagoa`, signs of life every 30 seconds, and a schema that refuses parameters which the flow does not have.

    Args:
        root: the lake's folder.
        variables: by which a process uses the Prefect server.
        notify: the notification block that failed audits are sent to, as `<type>/<name>`.

    Returns:
        The names of the automations that were made or changed.

    Raises:
        TerminalError: prefect.yaml cannot be used, or Prefect refuses it; or there is no such block.
    """
    entries = read_entries(root)
    with get_client(sync_client=True) as client:
        _make_pools(client, entries)
        _run_prefect(root, variables)
        for deployment in _deployed(client, entries):
            _complete(client, deployment)
        return keep_automations(client, notify)


def _make_pools(client: SyncPrefectClient, entries: Sequence[Entry]) -> None:
    for pool in pools_of(entries):
        try:
            client.read_work_pool(pool)
        except ObjectNotFound:
            template = ProcessWorker.get_default_base_job_template()
            client.create_work_pool(WorkPoolCreate(name=pool, type="process", base_job_template=template))
    for pool, queue in sorted({_queue(entry) for entry in entries}):
        try:
            client.read_work_queue_by_name(queue, pool)
        except ObjectNotFound:
            said = "One run at a time: deployments that write the same tables share it."
            client.create_work_queue(queue, said, concurrency_limit=1, work_pool_name=pool)


def _queue(entry: Entry) -> tuple[str, str]:
    return entry["work_pool"]["name"], entry["work_pool"].get("work_queue_name") or _OWN


def _run_prefect(root: Path, variables: Mapping[str, str]) -> None:
    environment = {**os.environ, "DO_NOT_TRACK": "1", **variables}
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"],
        cwd=root,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip())[-2000:]
        raise TerminalError(f"`prefect deploy --all` in {root} fails:\n{said}", f"Correct {FILE}.")


def _deployed(client: SyncPrefectClient, entries: Sequence[Entry]) -> list[DeploymentResponse]:
    """Return the deployments of prefect.yaml; others of their names have other entrypoints."""
    wanted = {(str(entry["name"]), entry["entrypoint"]) for entry in entries}
    names = DeploymentFilter(name=DeploymentFilterName(any_=sorted({name for name, _ in wanted})))
    return [each for each in client.read_deployments(deployment_filter=names) if (each.name, each.entrypoint) in wanted]


def _complete(client: SyncPrefectClient, deployment: DeploymentResponse) -> None:
    """Add to a deployment what prefect.yaml has no words for, or what all have in common."""
    schema = {**(deployment.parameter_openapi_schema or {}), "additionalProperties": False}
    env = {_HEARTBEAT: str(HEARTBEAT_S)} | (deployment.job_variables or {}).get("env", {})
    changes = {
        "parameter_openapi_schema": schema,
        "enforce_parameter_schema": True,
        "tags": [*deployment.tags, *({TAG} - set(deployment.tags))],
        "job_variables": {**(deployment.job_variables or {}), "env": env},
    }
    # The client's own method drops what its model of a schema does not have, such as additionalProperties.
    client.request("PATCH", "/deployments/{id}", path_params={"id": str(deployment.id)}, json=changes)


def worker_of(
    root: Path, variables: Mapping[str, str], pool: str | None, limit: int
) -> tuple[list[str], dict[str, str]]:
    """Return the command and the environment of a worker that starts runs a second after they are due.

    Raises:
        TerminalError: prefect.yaml names several work pools, and none is chosen.
    """
    if pool is None:
        pool, *others = pools_of(read_entries(root))
        if others:
            raise TerminalError(f"{FILE} names several work pools.", f"Choose one: --pool {pool}, --pool {others[0]}.")
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", pool, "--type", "process"]
    environment = {"PREFECT_WORKER_QUERY_SECONDS": "1", "DO_NOT_TRACK": "1", **os.environ, **variables}
    return [*command, "--limit", str(limit)], environment
