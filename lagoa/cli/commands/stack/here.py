"""The stack of the lake that a command is for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.cli.options import lake_folder

if TYPE_CHECKING:
    from pathlib import Path

    import typer

    from lagoa.stack.run import Stack


def stack_here(ctx: typer.Context) -> Stack:
    """Return the lake's stack."""
    from lagoa.settings import load_settings
    from lagoa.stack.run import Stack

    settings = load_settings(lake_folder(ctx))
    return Stack(settings.root, settings.state_folder / "stack")


def root_here(ctx: typer.Context) -> Path:
    """Return the lake's folder."""
    from lagoa.settings import load_settings

    return load_settings(lake_folder(ctx)).root
