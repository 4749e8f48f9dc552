"""What a shell is offered for an unfinished word: quickly, never an error, and nothing is made in the lake's folder."""

from __future__ import annotations

import os
from functools import wraps
from typing import TYPE_CHECKING

import typer  # noqa: TC002 - Typer reads the annotations

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lagoa.domain.refs import RefInfo
    from lagoa.settings import Settings

_VARIABLE = "_LAGOA_COMPLETE"
"""The shell's function runs `lagoa` with it."""


def completing() -> bool:
    """Return whether this process completes a word for a shell."""
    return _VARIABLE in os.environ


def _quietly(find: Callable[[typer.Context], list[str]]) -> Callable[[typer.Context], list[str]]:
    @wraps(find)
    def found(ctx: typer.Context) -> list[str]:
        try:
            return find(ctx)
        except Exception:  # noqa: BLE001 - whatever it is, a prompt is no place to say it
            return []

    return found


@_quietly
def complete_ref(ctx: typer.Context) -> list[str]:
    """Offer the branches and tags."""
    return [ref.name for ref in _refs(ctx)]


@_quietly
def complete_branch(ctx: typer.Context) -> list[str]:
    """Offer the branches that take writes: all but main."""
    return [ref.name for ref in _refs(ctx) if ref.kind == "branch" and ref.name != "main"]


@_quietly
def complete_tag(ctx: typer.Context) -> list[str]:
    """Offer the tags."""
    return [ref.name for ref in _refs(ctx) if ref.kind == "tag"]


@_quietly
def complete_sandbox(ctx: typer.Context) -> list[str]:
    """Offer the sandboxes."""
    from lagoa.sandbox import PREFIX

    return [ref.name.removeprefix(PREFIX) for ref in _refs(ctx) if ref.name.startswith(PREFIX)]


@_quietly
def complete_hold(ctx: typer.Context) -> list[str]:
    """Offer the holds."""
    from lagoa.maintain.holds import PREFIX

    return [ref.name.removeprefix(PREFIX) for ref in _refs(ctx) if ref.name.startswith(PREFIX)]


@_quietly
def complete_source(ctx: typer.Context) -> list[str]:
    """Offer the declared sources."""
    return sorted(path.stem for path in _settings(ctx).sources_folder.glob("*.yaml"))


def complete_range(ctx: typer.Context, incomplete: str) -> list[str]:
    """Offer the branches and tags for either end of `A..B`."""
    before, dots, _ = incomplete.rpartition("..")
    return [f"{before}{dots}{name}" for name in complete_ref(ctx)]


@_quietly
def complete_table(ctx: typer.Context) -> list[str]:
    """Offer the tables that have a contract."""
    return _declared(_settings(ctx).contracts_folder, ".odcs.yaml")


@_quietly
def complete_model(ctx: typer.Context) -> list[str]:
    """Offer the tables of models."""
    return _declared(_settings(ctx).models_folder, ".sql", ".py")


@_quietly
def complete_flow(ctx: typer.Context) -> list[str]:
    """Offer the flows."""
    flows = _settings(ctx).root / "flows"
    return sorted(file.stem for file in flows.glob("*.py") if not file.stem.startswith("_"))


@_quietly
def complete_trained(ctx: typer.Context) -> list[str]:
    """Offer the models of ml/."""
    return sorted(file.stem for file in _settings(ctx).ml_folder.glob("*.yaml"))


def _refs(ctx: typer.Context) -> list[RefInfo]:
    from lagoa.bootstrap import refs_on_disk

    return refs_on_disk(_settings(ctx))


def _settings(ctx: typer.Context) -> Settings:
    from lagoa.cli.options import PROFILE, lake_folder
    from lagoa.settings import load_settings

    return load_settings(lake_folder(ctx), ctx.meta.get(PROFILE))


def _declared(folder: Path, *endings: str) -> list[str]:
    """Return the tables of the files `<layer>/<table>` with one of the endings."""
    return sorted(
        f"{file.parent.name}.{file.name.removesuffix(ending)}"
        for ending in endings
        for file in folder.glob(f"*/*{ending}")
    )
