"""Automations of deployments: a run without a process becomes Crashed, is repeated, and a failed audit is sent on.

They concern runs of deployments with the tag `lagoa` alone, whatever else runs on the server.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState, RunDeployment, SendNotification
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

from lagoa.errors import TerminalError
from lagoa.prefect.tasks import AUDIT_FAILED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.events.schemas.events import ResourceSpecification

_Labels = dict[str, str | list[str]]

TAG = "lagoa"
"""Of every deployment that `lagoa flow deploy` makes."""

REPEAT = "repeat"
"""Of deployments whose crashed runs are repeated."""

HEARTBEAT_S = 30
"""Between two signs of life of a run; Prefect accepts no less."""

_LOST_S = 90
_PAUSE_S = 5
_ONCE = timedelta(hours=1)
"""After the first crash of a run others of the same run count for nothing so long."""

_SAME = {
    "__prefect_kind": "json",
    "value": {"__prefect_kind": "jinja", "template": "{{ flow_run.parameters | tojson }}"},
}
"""The parameters of the crashed run, in Prefect's own notation."""

_NOTE = """{{ event.resource.name }}: {{ event.payload.failed }} checks failed, main is unchanged.
{{ event.payload.checks | join(", ") }}
{{ flow_run|ui_url }}"""


def keep_automations(client: SyncPrefectClient, notify: str | None = None) -> list[str]:
    """Make the automations, or change those that are there; one that the user has switched off stays so.

    Args:
        client: of the server.
        notify: the notification block that failed audits are sent to, as `<type>/<name>`, such as `slack-webhook/data`;
            without one an automation that is there stays as it is.

    Returns:
        Their names.

    Raises:
        TerminalError: there is no such block.
    """
    names = []
    for each in _wanted(client, notify):
        names.append(each.name)
        for known in client.read_automations_by_name(each.name):
            client.update_automation(known.id, each.model_copy(update={"enabled": known.enabled}))
            break
        else:
            client.create_automation(each)
    return names


def _wanted(client: SyncPrefectClient, notify: str | None) -> Iterator[AutomationCore]:
    yield AutomationCore(
        name="lagoa: a run without a sign of life is Crashed",
        description=f"Its worker and its process are gone: nothing was heard of it for {_LOST_S} seconds.",
        trigger=_trigger(
            after={"prefect.flow-run.Pending", "prefect.flow-run.Running", "prefect.flow-run.heartbeat"},
            expect={"prefect.flow-run.*"},
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            within=timedelta(seconds=_LOST_S),
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED, name="Crashed", message=f"No sign of life for {_LOST_S} seconds.", force=False
            )
        ],
    )
    yield AutomationCore(
        name="lagoa: a crashed run is repeated",
        description=f"With its parameters, for deployments with the tag {REPEAT}.",
        # Once: the worker and the automation above may both say of one run that it crashed.
        trigger=_trigger(REPEAT, expect={"prefect.flow-run.Crashed"}, for_each={"prefect.resource.id"}, within=_ONCE),
        # A new run: of one that is set back to Scheduled the worker may still report the first crash, late.
        actions=[RunDeployment.model_validate({"source": "inferred", "parameters": _SAME, "schedule_after": _PAUSE_S})],
    )
    if notify is not None:
        yield AutomationCore(
            name="lagoa: a failed audit is sent on",
            description=f"By the block {notify}.",
            trigger=EventTrigger(expect={AUDIT_FAILED}, match_related=_tag(TAG), posture=Posture.Reactive, threshold=1),
            actions=[SendNotification(block_document_id=_block(client, notify), subject="A failed audit", body=_NOTE)],
        )


def _trigger(*tags: str, **options: Any) -> EventTrigger:
    defaults: dict[str, Any] = {"posture": Posture.Reactive, "threshold": 1, "within": timedelta(0)}
    related: list[ResourceSpecification | _Labels] = [_tag(tag) for tag in (TAG, *tags)]
    match: _Labels = {"prefect.resource.id": "prefect.flow-run.*"}
    return EventTrigger(match=match, match_related=related, **(defaults | options))


def _tag(tag: str) -> _Labels:
    return {"prefect.resource.id": f"prefect.tag.{tag}", "prefect.resource.role": "tag"}


def _block(client: SyncPrefectClient, block: str) -> Any:
    from prefect.exceptions import ObjectNotFound

    kind, _, name = block.partition("/")
    try:
        return client.read_block_document_by_name(name, kind, include_secrets=False).id
    except ObjectNotFound:
        advice = "Make it in Prefect's pages (Blocks), and name it as <type>/<name>, such as slack-webhook/data."
        raise TerminalError(f"The Prefect server has no block {block!r}.", advice) from None
