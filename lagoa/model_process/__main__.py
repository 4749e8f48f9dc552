"""Runs one task: reads it from standard input and writes the answer to standard output."""

from __future__ import annotations

import errno
import os
import resource
import signal
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from lagoa.model_process import guard, landlock
from lagoa.model_process.task import Answer, Task

if TYPE_CHECKING:
    import pyarrow as pa

_RESERVE = 32 * 1024**2
"""Bytes that are freed for the answer when the function has used up its memory."""

_ONLY_INPUTS = "A model has the tables that INPUTS names and nothing else: load what it needs into a table."
_LESS = "Use less at a time, such as by to_batches(), do it in SQL, or raise python_memory_gb in lagoa.toml."
_NOT_ROWS = "Return an Arrow table or reader, or a frame of Polars."


class _NoRowsError(Exception):
    """The function returned something else; the arguments are what is wrong, and what to do."""


def main() -> None:
    """Run the task. What the model prints goes to standard error."""
    task = Task.from_json(sys.stdin.read())
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    signal.setitimer(signal.ITIMER_REAL, task.limit_s + 1)  # ends this process where the next line does not
    landlock.end_with_parent()
    with Path(task.result).open("wb") as result:
        folder = str(Path(task.result).parent)
        landlock.restrict([folder, *guard.system_places(), *guard.module_places()])
        answer = _answer(task, result)
        answers.write(answer.to_json())
        answers.flush()
    sys.stdout.flush()
    os._exit(0)  # threads and exit handlers of packages have nothing left to do


def _answer(task: Task, result: Any) -> Answer:
    import pyarrow as pa

    tables = {name: pa.ipc.open_stream(pa.memory_map(path)).read_all() for name, path in task.inputs.items()}
    reserve = bytearray(_RESERVE)
    _limit_memory(task.memory + _RESERVE)
    guard.install()
    try:
        _write(_rows(_called(task, tables)), result)
    except _NoRowsError as error:
        return Answer(error.args[0], task.line, error.args[1])
    except BaseException as error:  # noqa: BLE001 - whatever the model raises, SystemExit too
        reserve.clear()
        return _raised(task, error)
    return Answer()


def _limit_memory(wanted: int) -> None:
    """Limit the memory that can be written to; files that are mapped to be read, such as the inputs, do not count."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    limit = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _called(task: Task, tables: dict[str, pa.Table]) -> Any:
    module = ModuleType("lagoa_model")
    module.__file__ = task.file
    sys.modules[module.__name__] = module  # dataclasses look there
    code = compile(task.source, task.file, "exec", dont_inherit=True)  # without the __future__ of this module
    exec(code, module.__dict__)  # noqa: S102 - the model is code of the lake
    return getattr(module, task.function)(**tables)


def _rows(found: Any) -> pa.RecordBatchReader:
    """Return what a function returned as batches."""
    import pyarrow as pa

    if found is None:
        raise _NoRowsError("it returns None", _NOT_ROWS)
    if hasattr(found, "iloc"):
        advice = "Return pa.Table.from_pandas(rows, preserve_index=False), which makes NaN null."
        raise _NoRowsError("it returns a DataFrame of pandas, in which null and NaN are the same", advice)
    if isinstance(found, pa.RecordBatchReader):
        return found  # as a stream of another library its errors would lose their lines
    if isinstance(found, pa.RecordBatch):
        found = pa.Table.from_batches([found])
    if not hasattr(found, "__arrow_c_stream__"):
        raise _NoRowsError(f"it returns a {type(found).__name__}", _NOT_ROWS)
    return pa.RecordBatchReader.from_stream(found)


def _write(rows: pa.RecordBatchReader, result: Any) -> None:
    import pyarrow as pa

    with pa.ipc.new_stream(result, rows.schema) as writer:
        for batch in rows:
            writer.write_batch(batch)


def _raised(task: Task, error: BaseException) -> Answer:
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return Answer(f"it needs more than {task.memory / 1000**3:g} GB of memory", _line(task, error), _LESS)
    refused: BaseException | None = error
    while isinstance(refused, OSError) and not isinstance(refused, guard.Refused):
        refused = refused.__context__  # packages wrap it in an error of their own
    found = error if refused is None else refused
    text = " ".join(str(found).split())
    name = "" if isinstance(found, guard.Refused) else f"{type(found).__name__}{': ' if text else ''}"
    advice = _ONLY_INPUTS if isinstance(found, OSError) else ""
    if getattr(found, "errno", None) == errno.ENOSPC:
        advice = "Free disk space in the state folder, where the rows are kept until they are written."
    return Answer(name + text, _line(task, error), advice)


def _line(task: Task, error: BaseException) -> int | None:
    """Return the line of the model on which an error was raised, or by which it was caused in a package."""
    if isinstance(error, SyntaxError) and error.filename == task.file:
        return error.lineno
    line, at = None, error.__traceback__
    while at is not None:
        if at.tb_frame.f_code.co_filename == task.file:
            line = at.tb_lineno
        at = at.tb_next
    return line


if __name__ == "__main__":
    main()
