"""Errors as a person meets them, and the exit codes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lagoa.errors import LagoaError

EXIT_ERROR = 1  # 2 is a usage error, which Typer reports
EXIT_AUDIT_FAILED = 3
EXIT_CONFLICT = 4
EXIT_TRY_AGAIN = 5
_NAME = 200
_CHECKS = 10


def exit_code(error: LagoaError) -> int:
    """Return the exit code by which a script knows the kind of error."""
    from lagoa.errors import AuditFailed, PublishConflict, TransientError

    if isinstance(error, TransientError):
        return EXIT_TRY_AGAIN
    if isinstance(error, AuditFailed):
        return EXIT_AUDIT_FAILED
    return EXIT_CONFLICT if isinstance(error, PublishConflict) else EXIT_ERROR


def describe(error: LagoaError) -> str:
    """Return what failed: for an audit each check that blocks on a line of its own."""
    from lagoa.errors import AuditFailed

    if not isinstance(error, AuditFailed):
        return error.message
    bad, total = error.report.blocking, len(error.report.results)
    lines = [f"{len(bad)} of {total} checks block {error.report.ref}:"]
    lines += [f"  {result.summary}" for result in bad[:_CHECKS]]
    return "\n".join(lines + ([f"  and {len(bad) - _CHECKS} more"] if len(bad) > _CHECKS else []))


def system_error(error: OSError) -> str:
    """Return what the system refused, in one line."""
    if not error.filename:
        return f"{error}."
    name = str(error.filename)
    shown = name if len(name) <= _NAME else f"{name[:_NAME]}… ({len(name)} characters)"
    return f"{shown}: {error.strerror}."


def show_stopped(error: BaseException) -> None:
    """Say on stderr that Ctrl-C ended a command, and which branch of it is kept."""
    sys.stderr.write("\n".join(["Stopped by Ctrl-C.", *getattr(error, "__notes__", [])]) + "\n")


def show_error(message: str, advice: str = "") -> None:
    """Print an error to stderr: a panel in a terminal, plain lines elsewhere."""
    if not sys.stderr.isatty():
        sys.stderr.write(f"Error: {message}\n" + (f"{advice}\n" if advice else ""))
        return
    from rich.console import Group
    from rich.padding import Padding
    from rich.panel import Panel
    from rich.text import Text

    from lagoa.cli.console import stderr

    lines = [(line.lstrip(), len(line) - len(line.lstrip())) for line in message.splitlines()]
    parts = [
        Padding(Text(line), (0, 0, 0, indent)) for line, indent in lines
    ]  # the rest of a long line keeps its indent
    panel = Panel(Group(*parts, *([Text(advice, style="dim")] if advice else [])), title="Error", title_align="left")
    panel.border_style = "red"
    stderr().print(panel, soft_wrap=False)
