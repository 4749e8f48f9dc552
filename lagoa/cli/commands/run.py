"""`lagoa run`."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lagoa.cli.completion import complete_flow
from lagoa.cli.console import say
from lagoa.cli.options import ENGINE, PROFILE, EngineOption, lake_folder
from lagoa.cli.progress import working
from lagoa.cli.publications import say_published

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
_OF_A_LAKE = "lagoa.prefect"
"""What a file imports whose flow runs on the lake's server."""
_PREFECT = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",  # a busy machine does not keep its 20
}
"""What other flows run with, on Prefect's temporary server, unless the environment says otherwise."""
_TEXT = {str, "str", "str | None"}
"""Annotations of parameters whose values are not read as JSON."""


def run(
    ctx: typer.Context,
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="The flow `NAME` of flows/NAME.py.", autocompletion=complete_flow),
    ],
    arguments: Annotated[list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Parameters of the flow.")] = None,
    engine: EngineOption = None,  # noqa: ARG001 - kept by its callback
) -> None:
    """Run a flow of the lake; the exit code is its outcome."""
    from lagoa.settings import ENGINE_VARIABLE, PROFILE_VARIABLE

    root = lake_folder(ctx).resolve()
    if PROFILE in ctx.meta:
        os.environ[PROFILE_VARIABLE] = ctx.meta[PROFILE]  # the flow opens the lake itself
    if ENGINE in ctx.meta:
        os.environ[ENGINE_VARIABLE] = ctx.meta[ENGINE]
    with working(f"starting {name}"):
        flow = _load(root, name)
    result = flow(**_arguments(flow, arguments or [], root))
    say(f"{name} is done.")
    _say_result(result)


def _say_result(result: Any) -> None:
    from lagoa.domain.receipts import Publication

    if isinstance(result, Publication):
        say_published(result)
    elif result is not None:
        say(str(result))


def _load(root: Path, name: str) -> Callable[..., Any]:
    """Import flows/<name>.py of the lake and return its object <name>."""
    from importlib import import_module

    from lagoa.domain.suggestions import did_you_mean_name
    from lagoa.errors import InvalidName, TerminalError
    from lagoa.prefect.logs import shorten_errors
    from lagoa.prefect.server import begin_server

    if not name.isidentifier():
        raise InvalidName("flow", name, "letters, digits and underscores, as a Python file is named")
    file = root / "flows" / f"{name}.py"
    if not file.is_file():
        known = sorted(path.stem for path in file.parent.glob("*.py") if not path.stem.startswith("_"))
        advice = f"There are: {', '.join(known)}." if known else f"A flow is a function in {file.parent}."
        raise TerminalError(f"There is no flow {name!r} ({file}).{did_you_mean_name(name, known)}", advice)
    if _OF_A_LAKE in file.read_text("utf-8"):
        begin_server(root)
    else:
        for variable, value in _PREFECT.items():
            os.environ.setdefault(variable, value)
    shorten_errors()
    sys.path.insert(0, str(root))
    flow = getattr(import_module(f"flows.{name}"), name, None)
    if not callable(flow):
        raise TerminalError(f"{file} has no flow {name!r}.", f"Name its function `{name}`, and decorate it by @flow.")
    return flow  # type: ignore[no-any-return]


def _arguments(flow: Callable[..., Any], given: Sequence[str], root: Path) -> dict[str, Any]:
    """Return what the flow is called with; `lake` is this lake unless it is given."""
    import inspect

    parameters = inspect.signature(getattr(flow, "fn", flow)).parameters
    values: dict[str, Any] = {"lake": str(root)} if "lake" in parameters else {}
    for argument in given:
        key, separator, text = argument.partition("=")
        if not separator:
            raise typer.BadParameter(f"{argument!r} is not of the form key=value.")
        if key not in parameters:
            raise typer.BadParameter(f"The flow takes no {key!r}; it takes {', '.join(parameters) or 'nothing'}.")
        values[key] = text if parameters[key].annotation in _TEXT else _value(text)
    missing = [n for n, p in parameters.items() if p.default is p.empty and n not in values]
    if missing:
        raise typer.BadParameter(f"The flow needs {', '.join(f'{name}=…' for name in missing)}.")
    return values


def _value(text: str) -> Any:
    """Return what JSON makes of a value, else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text
