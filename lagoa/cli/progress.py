"""What is going on, on a terminal's stderr; nothing where no person looks on."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from threading import Timer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PATIENCE = 0.5
"""Seconds after which a person wants to see that something is going on."""


@contextmanager
def working(what: str) -> Iterator[Callable[[str], None]]:
    """Show what is done and for how long, until the block ends, if that takes a moment.

    What is yielded changes the text.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from lagoa.cli.console import stderr

    columns = (SpinnerColumn("line"), TextColumn("{task.description}"), TimeElapsedColumn())
    progress = Progress(*columns, console=stderr(), transient=True)
    task = progress.add_task(what, total=None)
    delayed = Timer(_PATIENCE, progress.start)
    delayed.daemon = True
    delayed.start()
    try:
        yield lambda text: progress.update(task, description=text)
    finally:
        delayed.cancel()
        delayed.join()
        progress.stop()
