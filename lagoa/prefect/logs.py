"""Errors in Prefect's logs: one that a user can act on is one line. Prefect is not imported here."""

from __future__ import annotations

import logging
from weakref import WeakSet

from lagoa.errors import LagoaError

_FAILED = "Finished in state Failed"
_logged: WeakSet[LagoaError] = WeakSet()


def shorten_errors() -> None:
    """Let Prefect log an error of Lagoa, such as a failed audit, once and without a traceback."""
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).addFilter(_shorten)  # which a logger has once at most


def _shorten(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, LagoaError):
        if error in _logged:  # by its task
            return False
        _logged.add(error)
        record.msg, record.args, record.exc_info = "%s: %s", (type(error).__name__, error), None
    elif str(record.msg).startswith(f"{_FAILED}("):  # with the error again
        record.msg = _FAILED
    return True
