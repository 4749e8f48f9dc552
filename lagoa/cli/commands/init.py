"""`lagoa init`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lagoa.cli.console import hint, say


def init(
    name: Annotated[
        Path, typer.Argument(metavar="NAME", help="The lake's folder; it is created if it does not exist.")
    ],
) -> None:
    """Create a lake: settings, folders for contracts, models and checks, and a first flow."""
    from lagoa.templates import make_lake

    for file in make_lake(name):
        say(f"  {name / file}")
    say(f"Created the lake {name.absolute().name}.")
    there = "" if name.resolve() == Path.cwd() else f"`cd {name}`, then "
    hint(f"Next: {there}`lagoa contract infer FILE --table LAYER.TABLE`.")
