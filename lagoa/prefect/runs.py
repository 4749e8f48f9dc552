"""The flow of a lake, and the run that joins the tasks on one branch."""

from __future__ import annotations

import secrets
import shutil
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import TERMINAL_STATES, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.context import FlowRunContext
from prefect.exceptions import ParameterTypeError, PrefectHTTPStatusError
from prefect.flows import Flow
from prefect.runtime import flow_run
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.utilities.callables import get_call_parameters

import lagoa
from lagoa.domain.receipts import Publication  # noqa: TC001 - flows import it from here and evaluate it
from lagoa.domain.roles import INGEST
from lagoa.errors import LagoaError, RefExists, TerminalError
from lagoa.prefect.connection import is_configured, on_server_of, runs_of
from lagoa.prefect.history import server_of
from lagoa.prefect.logs import shorten_errors
from lagoa.prefect.tasks import audit, ingest_all, load_sources, materialize, publish, report_rows, transform
from lagoa.settings import Settings, load_settings
from lagoa.sources import LoadedSources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lagoa.branch import Branch, Run
    from lagoa.lake import Lake
    from lagoa.prefect.server import LakeServer

_P = ParamSpec("_P")
_R = TypeVar("_R")

_TABLES_AT_ONCE = 2
_CRASHES = 3
_BY_AUTOMATION = "AUTOMATION"
_ENDS = sorted(TERMINAL_STATES)


class LakeFlow(Flow[_P, _R]):
    """A Prefect flow that runs on the lake's own server when it is called, unless Prefect is configured for another."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Run the flow and return what its function returns; raises what it raises."""
        if is_configured():
            return super().__call__(*args, **options)
        given = {key: value for key, value in options.items() if key not in {"return_state", "wait_for"}}
        settings = load_settings(Path(get_call_parameters(self.fn, args, given).get("lake", ".")))
        server = server_of(settings)
        server.begin()
        _prepare(settings)
        with on_server_of(server):
            try:
                return super().__call__(*args, **options)
            except PrefectHTTPStatusError as error:
                raise _failed(server, error) from error

    def validate_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters as the types of the flow; raises TerminalError for a value that is of none."""
        try:
            return super().validate_parameters(parameters)
        except ParameterTypeError as error:
            what = "; ".join(line.removeprefix(" - ") for line in str(error).splitlines()[1:])
            raise TerminalError(f"Parameters of the flow {self.name!r}: {what}.", "Correct the value.") from None


@overload
def flow(function: Callable[_P, _R], /) -> LakeFlow[_P, _R]: ...


@overload
def flow(**options: Any) -> Callable[[Callable[_P, _R]], LakeFlow[_P, _R]]: ...


def flow(function: Callable[_P, _R] | None = None, /, **options: Any) -> Any:
    """Make a function the flow of a lake: `@flow`, or `@flow(retries=1)` with options of Prefect's `flow`.

    A parameter `lake` is the lake's folder.

    Returns:
        A flow of Prefect, whose runs are named like their branches: `run/<flow>/<time>-<random>`.
    """
    if function is None:
        return lambda decorated: flow(decorated, **options)
    name = options.get("name") or function.__name__.replace("_", "-")  # as Prefect names it
    runner: Any = ThreadPoolTaskRunner(max_workers=_TABLES_AT_ONCE)
    return LakeFlow(function, **{"flow_run_name": lambda: _new_branch(name), "task_runner": runner} | options)


def lake_run(folder: str | Path | None = None, lake: str | Path = ".") -> Publication | None:
    """Load what is new on a branch of its own, run the models, audit, publish; called in a flow.

    That is what the declared sources have, and the files of a folder, if one is given.

    Args:
        folder: where files are, each named by a contract as its source, or ignored (`ingest_ignore`); by default
            `data` of a lake that declares no sources.
        lake: the lake's folder.

    Returns:
        The publication, or None if there was nothing new.

    Raises:
        SourceError: a file that cannot be read, or that no contract names.
        AuditFailed: a check failed; `main` is unchanged, and the branch stays to look at.
        PublishConflict: another run published changes to the same tables.
        LagoaError: a source failed; what the others gave is published.
    """
    with run_branch(lake) as (opened, branch):
        sources = [each.name for each in opened.sources()]
        loaded = load_declared(opened, branch, sources)
        delivered = Path(folder) if folder else None if sources else Path(lake) / "data"
        if delivered:
            load(opened, branch, delivered)
        transform(branch)
        audit(branch)
        publication = publish(branch, f"{flow_run.flow_name} load" + (f" of {delivered.name}" if delivered else ""))
    loaded.raise_failures()
    return publication


def load(lake: Lake, branch: Branch, folder: Path, table: str | None = None) -> None:
    """Load the files of a folder, or those of one table, and keep as artifact `rows` what became of each."""
    with lake.context.engine.shared(_TABLES_AT_ONCE):
        rows = ingest_all(branch, lake.delivery(folder, table=table))
    report_rows(branch, rows, lake.quarantine(branch.name), rows.summary)


def load_declared(lake: Lake, branch: Branch, sources: Sequence[str]) -> LoadedSources:
    """Load declared sources, and keep as artifact `rows` what became of each file or page."""
    if not sources:
        return LoadedSources()
    with lake.context.engine.shared(_TABLES_AT_ONCE):
        loaded = load_sources(branch, sources)
    report_rows(branch, loaded.results, lake.quarantine(branch.name), loaded.summary)
    return loaded


@contextmanager
def run_branch(lake: str | Path) -> Iterator[tuple[Lake, Run]]:
    """Open the lake and make the branch of this flow run, which has the run's name; called in a flow.

    Where roles sign in, it is opened as the role `ingest`, unless the settings say another: that loads data on `run/…`.
    At the end the online store of features follows main, where features were applied.

    A run that is tried again begins again at main's head: what an earlier attempt left on the branch is deleted.

    Raises:
        TerminalError: an automation repeats a run whose process has died three times.
    """
    name = str(flow_run.flow_name)
    run_id = str(flow_run.name).removeprefix(f"run/{name}/")
    _refuse_endless_crashes()
    with lagoa.open_lake(settings_of_flow(lake)) as opened:
        try:
            run = opened.run(name, run_id)
        except RefExists:
            opened.delete_ref(str(flow_run.name))
            run = opened.run(name, run_id)
        with run as branch:
            yield opened, branch
        if opened.context.online.definitions() is not None:
            materialize(opened)


def settings_of_flow(lake: str | Path) -> Settings:
    """Return the settings by which a flow that writes on `run/…` opens a lake; see `run_branch` for its role."""
    settings = load_settings(Path(lake))
    if settings.sign_in == "oidc" and "role" not in settings.model_fields_set:
        return settings.model_copy(update={"role": INGEST})
    return settings


def _refuse_endless_crashes() -> None:
    """End the last of a series of runs that take their process down, each made because the one before did."""
    context = FlowRunContext.get()
    current = context.flow_run if context else None
    if not (current and current.deployment_id and current.created_by and current.created_by.type == _BY_AUTOMATION):
        return
    with get_client(sync_client=True) as client:
        latest = FlowRunSort.EXPECTED_START_TIME_DESC
        earlier = runs_of(client, current.deployment_id, _ENDS, latest, _CRASHES)
    if [run.state_type for run in earlier] == [StateType.CRASHED] * _CRASHES:
        message = f"The processes of the last {_CRASHES} runs of this deployment have died."
        raise TerminalError(message, "Look at the worker's output and the machine's memory, then start a run yourself.")


def _failed(server: LakeServer, error: PrefectHTTPStatusError) -> TerminalError:
    request, free = error.request, shutil.disk_usage(server.home).free / 1e6
    message = (
        f"The lake's Prefect server answers {error.response.status_code} to {request.method} {request.url.path}; "
        f"{free:,.0f} MB are free in {server.home}."
    )
    advice = f"Free space if that is too little, or look into {server.log}. `lagoa log` shows whether main has moved."
    return TerminalError(message, advice)


def _prepare(settings: Settings) -> None:
    """Read contracts, models and check files, and import what does, while the server starts.

    The lake keeps what it read in files, which the run finds.
    """
    with suppress(LagoaError), lagoa.open_lake(settings) as opened:  # the run gets the same error, and reports it
        opened.checks()
        opened.stale_models()
        with opened.context.engine.session({}) as session:
            opened.context.auditor.run((), session)


def _new_branch(flow_name: str) -> str:
    """Return the name of a run and of its branch; one that is repeated keeps its own."""
    prefix, current = f"run/{flow_name}/", str(flow_run.name)
    if current.startswith(prefix):
        return current
    return f"{prefix}{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


shorten_errors()
