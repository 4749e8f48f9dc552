"""Deployments of a lake's flows: what prefect.yaml says, and what Lagoa adds to it on the server."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import yaml
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName
from prefect.exceptions import ObjectNotFound
from prefect.workers.process import ProcessWorker

from lagoa.errors import TerminalError
from lagoa.prefect.automations import HEARTBEAT_S, TAG, keep_automations
from lagoa.prefect.entries import FILE, LOAD_SOURCE, Entry, pools_of, read_document, with_sources

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.responses import DeploymentResponse

    from lagoa.settings import Settings

_HEARTBEAT = "PREFECT_FLOWS_HEARTBEAT_FREQUENCY"
_RUNS_AT_ONCE = 4  # of a pool that is made here
_OWN = "default"  # the queue that each pool has, without a limit


def deploy(
    settings: Settings, variables: Mapping[str, str], *, per_source: bool = False, notify: str | None = None
) -> list[str]:
    """Deploy everything in prefect.yaml; what is there already is changed.

    Missing work pools are made, of processes and for 4 runs at a time, and missing work queues, each for one run.
    Deployments get the tag `lagoa`, signs of life every 30 seconds, and a schema that refuses parameters which the flow
    does not have.

    Args:
        settings: of the lake.
        variables: by which a process uses the Prefect server.
        per_source: also deploy the loading of each table whose contract names files, and the models by themselves.
        notify: the notification block that failed audits are sent to, as `<type>/<name>`.

    Returns:
        The names of the automations that were made or changed.

    Raises:
        TerminalError: prefect.yaml cannot be used, or Prefect refuses it; or there is no such block.
        ContractError: a contract that cannot be used.
    """
    document = with_sources(read_document(settings.root), settings, add=per_source)
    entries: list[Entry] = document["deployments"]
    with get_client(sync_client=True) as client:
        _make_pools(client, entries)
        _run_prefect(settings, document, variables)
        for deployment in _deployed(client, entries):
            _complete(client, deployment)
        return keep_automations(client, notify)


def _make_pools(client: SyncPrefectClient, entries: Sequence[Entry]) -> None:
    for pool in pools_of(entries):
        try:
            client.read_work_pool(pool)
        except ObjectNotFound:
            template = ProcessWorker.get_default_base_job_template()
            wanted = WorkPoolCreate(
                name=pool, type="process", base_job_template=template, concurrency_limit=_RUNS_AT_ONCE
            )
            client.create_work_pool(wanted)
    for pool, queue in sorted({_queue(entry) for entry in entries}):
        try:
            client.read_work_queue_by_name(queue, pool)
        except ObjectNotFound:
            said = "One run at a time: deployments that write the same tables share it."
            client.create_work_queue(queue, said, concurrency_limit=1, work_pool_name=pool)


def _queue(entry: Entry) -> tuple[str, str]:
    return entry["work_pool"]["name"], entry["work_pool"].get("work_queue_name") or _OWN


def _run_prefect(settings: Settings, document: Mapping[str, Any], variables: Mapping[str, str]) -> None:
    settings.state_folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="deploy-", dir=settings.state_folder) as folder:
        file = Path(folder, FILE)
        file.write_text(yaml.safe_dump(document, allow_unicode=True), "utf-8")
        done = subprocess.run(  # noqa: S603 - Prefect's own command line
            [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(file)],
            cwd=settings.root,
            env={**os.environ, "DO_NOT_TRACK": "1", **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip())[-2000:]
        raise TerminalError(f"`prefect deploy --all` in {settings.root} fails:\n{said}", f"Correct {FILE}.")


def _deployed(client: SyncPrefectClient, entries: Sequence[Entry]) -> list[DeploymentResponse]:
    """Return the deployments of prefect.yaml; others of their names have other entrypoints."""
    wanted = {(str(entry["name"]), entry["entrypoint"]) for entry in entries}
    names = DeploymentFilter(name=DeploymentFilterName(any_=sorted({name for name, _ in wanted})))
    return [each for each in client.read_deployments(deployment_filter=names) if (each.name, each.entrypoint) in wanted]


def _complete(client: SyncPrefectClient, deployment: DeploymentResponse) -> None:
    """Add to a deployment what prefect.yaml has no words for, or what all have in common."""
    schema: dict[str, Any] = {**(deployment.parameter_openapi_schema or {}), "additionalProperties": False}
    if deployment.entrypoint == LOAD_SOURCE:  # as Prefect's own `freeze` does it: another table has another queue
        schema["properties"]["table"] |= {"readOnly": True, "enum": [deployment.parameters["table"]]}
    given = deployment.job_variables or {}
    env = {_HEARTBEAT: str(HEARTBEAT_S)} | given.get("env", {})
    # With a command, Prefect's worker starts one process a run; without, a second one that only looks for a project.
    command = f"{shlex.quote(sys.executable)} -m lagoa.prefect.engine"
    changes = {
        "parameter_openapi_schema": schema,
        "enforce_parameter_schema": True,
        "tags": [*deployment.tags, *({TAG} - set(deployment.tags))],
        "job_variables": {"command": command, **given, "env": env},
    }
    # The client's own method drops what its model of a schema does not have, such as additionalProperties.
    client.request("PATCH", "/deployments/{id}", path_params={"id": str(deployment.id)}, json=changes)


def worker_of(root: Path, variables: Mapping[str, str], pool: str | None) -> tuple[list[str], dict[str, str]]:
    """Return the command and the environment of a worker that starts runs a second after they are due.

    Raises:
        TerminalError: prefect.yaml names several work pools, and none is chosen.
    """
    if pool is None:
        pool, *others = pools_of(read_document(root)["deployments"])
        if others:
            raise TerminalError(f"{FILE} names several work pools.", f"Choose one: --pool {pool}, --pool {others[0]}.")
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", pool, "--type", "process"]
    return command, {"PREFECT_WORKER_QUERY_SECONDS": "1", "DO_NOT_TRACK": "1", **os.environ, **variables}
