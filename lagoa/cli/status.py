"""`lagoa status`."""

from __future__ import annotations

import typer

status = typer.Typer()
