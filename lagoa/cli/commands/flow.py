"""`lagoa flow`."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from lagoa.cli.console import emit_json, emit_table, hint, moment, say
from lagoa.cli.options import JsonOption, exported_settings, lake_settings
from lagoa.cli.progress import working

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lagoa.prefect.listing import DeploymentState
    from lagoa.prefect.server import LakeServer

flow = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Flows on a Prefect server: list, deploy, worker, up, down."
)


@flow.command("list")
def flow_list(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """List the deployments on the Prefect server, with their schedules and their latest runs."""
    from lagoa.prefect.connection import connected
    from lagoa.prefect.listing import deployments

    with working("asking the Prefect server"), connected(lake_settings(ctx)):
        found = deployments()
    _show(found, as_json=as_json)


@flow.command()
def deploy(
    ctx: typer.Context,
    notify: Annotated[
        str | None,
        typer.Option(metavar="TYPE/NAME", help="Send failed audits to this notification block of Prefect."),
    ] = None,
    per_source: Annotated[
        bool,
        typer.Option("--per-source", help="Also deploy the loading of each source by itself, and that of the models."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Put the deployments of prefect.yaml on the Prefect server, with what lets crashed runs be repeated."""
    from lagoa.prefect.connection import connected
    from lagoa.prefect.deploying import deploy as deploy_all
    from lagoa.prefect.listing import deployments

    settings = lake_settings(ctx)
    with working("deploying prefect.yaml"), connected(settings) as variables:
        automations = deploy_all(settings, variables, per_source=per_source, notify=notify)
        found = deployments()
    _show(found, as_json=as_json)
    if not as_json:
        for automation in automations:
            hint(f"Automation {automation!r}.")
        hint("Next: `lagoa flow worker` runs them.")


@flow.command()
def worker(
    ctx: typer.Context,
    pool: Annotated[
        str | None, typer.Option(metavar="POOL", help="The work pool; by default the only one in prefect.yaml.")
    ] = None,
) -> None:
    """Run what is due on the Prefect server until it is stopped, each run in a process of its own."""
    from lagoa.prefect.connection import connected
    from lagoa.prefect.deploying import worker_of

    settings = exported_settings(ctx)
    with working("starting the worker"), connected(settings) as variables:
        command, environment = worker_of(settings.root, variables, pool)
    os.chdir(settings.root)
    sys.stdout.flush()
    os.execve(command[0], command, environment)  # noqa: S606 - Prefect's own command line takes over


@flow.command()
def up(ctx: typer.Context) -> None:
    """Start the lake's Prefect server unless it runs, and print the address of its pages: runs, logs, artifacts."""
    with working("starting the server"):
        server = _server(ctx).wait()
    say(server.url)


@flow.command()
def down(ctx: typer.Context) -> None:
    """End the lake's Prefect server; the history of runs stays."""
    with working("stopping the server"):
        ran = _server(ctx).stop()
    say("The server has ended." if ran else "No server was running.")


def _show(found: Sequence[DeploymentState], *, as_json: bool) -> None:
    if as_json:
        emit_json([asdict(each) for each in found])
        return
    emit_table(
        ("deployment", "queue", "schedule", "last run", "at", "next"),
        (
            (
                each.name,
                each.queue,
                "paused" if each.paused else "; ".join(each.schedules),
                each.last_state,
                each.last_at and moment(each.last_at),
                each.next_at and moment(each.next_at),
            )
            for each in found
        ),
        whole=("deployment",),
        first_out=("queue",),
    )
    if not found:
        hint("Nothing is deployed: `lagoa flow deploy` does it.")


def _server(ctx: typer.Context) -> LakeServer:
    from lagoa.prefect.history import server_of

    return server_of(lake_settings(ctx))
