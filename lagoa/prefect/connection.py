"""Which Prefect server is used: the one that the user configured, else the lake's own."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.context import get_settings_context
from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings

from lagoa.errors import FlowServerUnavailable, TerminalError
from lagoa.prefect.history import server_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from uuid import UUID

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun, StateType
    from prefect.client.schemas.sorting import FlowRunSort

    from lagoa.prefect.server import LakeServer
    from lagoa.settings import Settings

_DEFAULT_PROFILE = "ephemeral"  # Prefect's own, of those who have made none
_PAUSE_S = 1.0


def is_configured() -> bool:
    """Whether the user chose where Prefect's state lies: by variables, a file of settings or a profile."""
    context = get_settings_context()
    settings = context.settings
    return (
        settings.api.url is not None
        or "home" in settings.model_fields_set
        or "connection_url" in settings.server.database.model_fields_set
        or context.profile.name != _DEFAULT_PROFILE
    )


@contextmanager
def on_server_of(lake: LakeServer) -> Iterator[Mapping[str, str]]:
    """Let Prefect's clients in this block use a lake's own server, which is started unless it runs.

    Yields the variables by which other processes use it, too. Raises `FlowServerFailed`.
    """
    api, home = lake.wait().api, str(lake.home)
    with temporary_settings({PREFECT_API_URL: api, PREFECT_HOME: home}):
        yield {
            "PREFECT_API_URL": api,
            "PREFECT_HOME": home,
            "PREFECT_PROFILES_PATH": str(lake.home / "profiles.toml"),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        }


@contextmanager
def connected(settings: Settings) -> Iterator[Mapping[str, str]]:
    """Let Prefect's clients in this block use the server of deployments and workers.

    Yields the variables by which other processes use it, too: none if the user configured it.

    Raises:
        FlowServerUnavailable: the server that is configured does not answer for `patience_s` seconds.
        FlowServerFailed: the lake's own does not start.
        TerminalError: Prefect is configured, but for no server; or the server has another version.
    """
    if not is_configured():
        with on_server_of(server_of(settings)) as variables:
            yield variables
        return
    api = PREFECT_API_URL.value()
    if not api:
        message = "Prefect is configured without a server, and deployments and workers need one that stays."
        raise TerminalError(message, "Set PREFECT_API_URL, or use the profile of a server (`prefect profile use`).")
    _wait(api, settings.patience_s)
    yield {}


def runs_of(
    client: SyncPrefectClient, deployment: UUID, states: Iterable[StateType], sort: FlowRunSort, limit: int
) -> list[FlowRun]:
    """Return the first runs of a deployment, in an order, that are in some states."""
    return client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment])),
        flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(states)))),
        sort=sort,
        limit=limit,
    )


def _wait(api: str, patience_s: float) -> None:
    deadline = time.monotonic() + patience_s
    with get_client(sync_client=True) as client:
        while (reason := client.api_healthcheck()) is not None:
            if time.monotonic() > deadline:
                raise FlowServerUnavailable(api, str(reason) or type(reason).__name__)
            time.sleep(_PAUSE_S)
        try:
            client.raise_for_api_version_mismatch()
        except RuntimeError as error:
            advice = "Install the server's version of Prefect here, or this one there."
            raise TerminalError(f"The Prefect server at {api} has another version: {error}", advice) from None
