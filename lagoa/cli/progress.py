"""What is going on, on a terminal's stderr; nothing where no person looks on."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from itertools import count
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from rich.progress import Progress, TaskID
    from rich.progress_bar import ProgressBar
    from rich.text import Text

    from lagoa.domain.tables import TableName
    from lagoa.stack.artefacts import Fetched

_TEXT = ""
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
    display = _Display(what)
    delayed = threading.Timer(_PATIENCE, display.begin)
    delayed.daemon = True
    delayed.start()
    try:
        yield display.tell
    finally:
        delayed.cancel()
        delayed.join()
        display.end()


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


class _Display:
    """What is shown once a person has waited: a text with the time, and a bar for each download.

    Rich is imported then only, since most commands end before.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._bars: dict[str, Fetched] = {}
        self._lock = threading.Lock()
        self._began = monotonic()
        self._progress: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def begin(self) -> None:
        """Show it."""
        with self._lock:
            self._progress = _progress()
            self._draw(self._progress)
            self._progress.start()

    def tell(self, news: str | Fetched) -> None:
        """Change the text, or a bar."""
        with self._lock:
            if isinstance(news, str):
                self._what = news
            else:
                self._bars[news.file] = news
            if self._progress is not None:
                self._draw(self._progress)

    def end(self) -> None:
        """Take it away."""
        if self._progress is not None:
            self._progress.stop()

    def _draw(self, progress: Progress) -> None:
        if _TEXT not in self._tasks:
            self._tasks[_TEXT] = progress.add_task(self._what, total=None)
            progress.tasks[0].start_time = progress.get_time() - (monotonic() - self._began)
        progress.update(self._tasks[_TEXT], description=self._what)
        for file, news in self._bars.items():
            if file not in self._tasks:
                self._tasks[file] = progress.add_task(file, total=news.total)
            progress.update(self._tasks[file], completed=news.done, visible=news.done < news.total)


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
    return Progress(*columns, console=stderr(), transient=True, redirect_stdout=False)  # results stay where they go
