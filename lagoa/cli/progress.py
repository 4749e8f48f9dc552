"""What is going on, on a terminal's stderr; nothing where no person looks on."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from itertools import count
from threading import Timer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from rich.progress import Progress, TaskID
    from rich.progress_bar import ProgressBar
    from rich.text import Text

    from lagoa.domain.tables import TableName
    from lagoa.stack.artefacts import Fetched

_PATIENCE = 0.5
"""Seconds after which a person wants to see that something is going on."""


@contextmanager
def working(what: str) -> Iterator[Callable[[str | Fetched], None]]:
    """Show what is done and for how long, until the block ends, if that takes a moment.

    What is yielded changes the text, or shows a bar for a download.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    progress = _progress()
    task = progress.add_task(what, total=None)
    bars: dict[str, TaskID] = {}

    def tell(news: str | Fetched) -> None:
        if isinstance(news, str):
            progress.update(task, description=news)
            return
        if news.file not in bars:
            bars[news.file] = progress.add_task(news.file, total=news.total)
        progress.update(bars[news.file], completed=news.done, visible=news.done < news.total)

    delayed = Timer(_PATIENCE, progress.start)
    delayed.daemon = True
    delayed.start()
    try:
        yield tell
    finally:
        delayed.cancel()
        delayed.join()
        progress.stop()


def counting(tell: Callable[[str], None], models: Callable[[], Collection[TableName]]) -> Callable[[object], None]:
    """Return what is called after each model: it tells how many of all are done, `3/26 models`.

    Args:
        tell: shows a text, as `working` yields it.
        models: gives the models that are run; called only if a person looks on.
    """
    if not sys.stderr.isatty():
        return lambda _: None
    total, done = len(models()), count(1)
    tell(f"running models: 0/{total} models")
    return lambda _: tell(f"running models: {next(done)}/{total} models")


def _progress() -> Progress:
    from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
    from rich.text import Text

    from lagoa.cli.console import stderr

    class Bar(BarColumn):
        """A bar for what has a size."""

        def render(self, task: Task) -> ProgressBar | Text:  # type: ignore[override]
            return Text() if task.total is None else super().render(task)

    class Size(DownloadColumn):
        """How much has come of what has a size."""

        def render(self, task: Task) -> Text:
            return Text() if task.total is None else super().render(task)

    columns = (SpinnerColumn("line"), TextColumn("{task.description}"), Bar(), Size(), TimeElapsedColumn())
    return Progress(*columns, console=stderr(), transient=True)
