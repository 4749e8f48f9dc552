"""The deployments of lakes on a Prefect server, with what became of their runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.settings import get_current_settings

from lagoa.prefect.automations import TAG
from lagoa.prefect.connection import runs_of

if TYPE_CHECKING:
    from datetime import datetime

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.responses import DeploymentResponse

_WAITING = StateType.SCHEDULED
_BEGUN = [each for each in StateType if each != _WAITING]


@dataclass(frozen=True, slots=True)
class DeploymentState:
    """A deployment now.

    Attributes:
        name: `<flow>/<deployment>`, as `prefect deployment run` takes it.
        queue: `<work pool>/<work queue>`.
        schedules: its schedules, as text; those that are switched off are not among them.
        paused: whether no run of it starts.
        parameters: names of the flow's parameters.
        last_state: the state of its latest run that has begun, such as `Completed`; None if there is none.
        last_at: when that run began or, if it has not, was made (UTC).
        next_at: when its next run is due (UTC); None if none is planned.
        url: its page.
    """

    name: str
    queue: str
    schedules: tuple[str, ...]
    paused: bool
    parameters: tuple[str, ...]
    last_state: str | None
    last_at: datetime | None
    next_at: datetime | None
    url: str


def deployments() -> list[DeploymentState]:
    """Return the deployments that `lagoa flow deploy` made on the server in use, by name."""
    tagged = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
    with get_client(sync_client=True) as client:
        found = [_state(client, each) for each in client.read_deployments(deployment_filter=tagged)]
    return sorted(found, key=lambda each: each.name)


def _state(client: SyncPrefectClient, deployment: DeploymentResponse) -> DeploymentState:
    last = next(iter(runs_of(client, deployment.id, _BEGUN, FlowRunSort.EXPECTED_START_TIME_DESC, 1)), None)
    due = next(iter(runs_of(client, deployment.id, [_WAITING], FlowRunSort.EXPECTED_START_TIME_ASC, 1)), None)
    return DeploymentState(
        name=f"{client.read_flow(deployment.flow_id).name}/{deployment.name}",
        queue=f"{deployment.work_pool_name}/{deployment.work_queue_name}",
        schedules=tuple(_text(each.schedule) for each in deployment.schedules if each.active),
        paused=deployment.paused,
        parameters=tuple((deployment.parameter_openapi_schema or {}).get("properties", {})),
        last_state=last.state_name if last else None,
        last_at=(last.start_time or last.created) if last else None,
        next_at=due.expected_start_time if due else None,
        url=f"{get_current_settings().ui_url}/deployments/deployment/{deployment.id}",
    )


def _text(schedule: Any) -> str:
    """Return a schedule as a person writes it: `0 5 * * * UTC`, `every 1:00:00`, or a rule of iCalendar."""
    zone = f" {schedule.timezone}" if schedule.timezone else ""
    cron, interval = getattr(schedule, "cron", None), getattr(schedule, "interval", None)
    return f"{cron or (f'every {interval}' if interval else schedule.rrule)}{zone}"
