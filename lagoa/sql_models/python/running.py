"""Runs a Python model: its inputs go to a process of their own as files of Arrow, its rows come back as such a file."""

# ruff: noqa: S608 - names are quoted
from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lagoa.contracts.scd2 import selected_columns
from lagoa.domain.lists import cut
from lagoa.domain.sql_names import names_in_sql, table_in_sql
from lagoa.domain.suggestions import did_you_mean
from lagoa.errors import ModelError
from lagoa.model_process.task import Answer, Task

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from lagoa.contracts import Contract
    from lagoa.domain.ports.engine import SqlSession
    from lagoa.settings import Settings
    from lagoa.sql_models import Model
    from lagoa.sql_models.python.inputs import Input

_GB = 1000**3
_KEPT_VARIABLES = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME")
_VARIABLES = {
    "PYTHONHASHSEED": "0",  # sets have the same order each time
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONNOUSERSITE": "1",
    "PYTHONSAFEPATH": "1",
    "PYTHONUTF8": "1",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "HOME": "/nonexistent",
    "ARROW_DEFAULT_MEMORY_POOL": "system",  # others reserve memory in large blocks, which would count
}
_THREADS = ("OMP_NUM_THREADS", "POLARS_MAX_THREADS")
"""Each thread takes memory, and on a large machine packages start one for each CPU."""

_SHOWN = 1000
_FIX = "Fix the model; what was finished stays, and `lagoa transform` continues from there."


@contextmanager
def returned_rows(
    settings: Settings, model: Model, contract: Contract | None, session: SqlSession
) -> Iterator[pa.Table]:
    """Call a model's function with the tables that it takes from a session, and yield the rows that it returns.

    They are in a file, of which only what is read is in memory; it is removed afterwards. If there is a contract, they
    have its columns; their types have not been compared.

    Raises:
        ModelError: the function fails, exceeds a limit, or returns something else; with the line, if known.
        QueryError: an input cannot be read.
    """
    import pyarrow as pa

    assert model.function is not None  # noqa: S101 - a Python model has one
    with _folder(settings) as folder:
        inputs = {name: str(folder / f"{name}.arrow") for name in model.function.inputs}
        for name, given in model.function.inputs.items():
            _write_input(model, session, given, inputs[name])
        result = str(folder / "result")
        memory = int(settings.python_memory_gb * _GB)
        function = model.function.name, model.function.line
        task = Task(str(model.file), model.text, *function, inputs, result, memory, settings.python_limit_s)
        _run(model, task, settings.threads)
        with pa.memory_map(result) as source:
            rows = pa.ipc.open_stream(source).read_all()
            if contract is not None:
                _check_columns(model, contract, rows.schema.names)
            yield rows


@contextmanager
def _folder(settings: Settings) -> Iterator[Path]:
    """Yield a folder where the engine spills, which is swept if this process dies; else one for temporary files."""
    spill, prefix = settings.state_folder.absolute() / "spill", f"{os.getpid()}-"
    try:
        spill.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=spill))
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix=f"lagoa-{prefix}"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write_input(model: Model, session: SqlSession, given: Input, file: str) -> None:
    import pyarrow as pa

    columns = names_in_sql(given.columns) or "*"
    try:
        with (
            session.query(f"SELECT {columns} FROM {table_in_sql(given.table)}").reader() as rows,
            pa.ipc.new_stream(file, rows.schema) as writer,
        ):
            for batch in rows:
                writer.write_batch(batch)
    except OSError as error:
        message = f"the rows of {given.table} cannot be written to {file}: {error}."
        raise ModelError(model.file, given.line, message, "Free disk space in the state folder.") from error


def _run(model: Model, task: Task, threads: int) -> None:
    """Start the process and wait for it; raises `ModelError` unless the result is complete."""
    environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ} | _VARIABLES
    environment |= dict.fromkeys(_THREADS, str(threads))
    try:
        done = subprocess.run(
            [sys.executable, "-m", "lagoa.model_process"],
            input=task.to_json().encode(),
            stdout=subprocess.PIPE,
            cwd=Path(task.result).parent,
            env=environment,
            timeout=task.limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        answer = _too_slow(task)
    else:
        try:
            answer = Answer.from_json(done.stdout.decode())
        except ValueError:
            answer = _died(task, done.returncode)
    if answer.error:
        message = f"{model.table} failed: {cut(answer.error, _SHOWN).rstrip('.')}."
        raise ModelError(model.file, answer.line, message, answer.advice or _FIX)


def _too_slow(task: Task) -> Answer:
    advice = "Look for a loop that does not end, do more of it in SQL, or raise python_limit_s in lagoa.toml."
    return Answer(f"it ran for {task.limit_s} seconds, which is the limit", task.line, advice)


def _died(task: Task, status: int) -> Answer:
    if status == -signal.SIGALRM:
        return _too_slow(task)
    how = f"by {signal.Signals(-status).name}" if status < 0 else f"with status {status}"
    advice = (
        f"A package that it uses may have failed, or needed more than {task.memory / _GB:g} GB of memory "
        "(python_memory_gb in lagoa.toml)."
    )
    return Answer(f"its process ended {how} before it returned rows", task.line, advice)


def _check_columns(model: Model, contract: Contract, names: list[str]) -> None:
    wanted = selected_columns(contract)
    line = model.function.line if model.function else None
    for name in names:
        if name not in wanted:
            message = f"{model.table} failed: it returns the column {name!r}, which is not in the contract."
            advice = f"Remove it, or add it to {contract.file}.{did_you_mean(name, wanted)}"
            raise ModelError(model.file, line, message, advice)
    missing = [name for name in wanted if name not in names]
    if missing:
        message = f"{model.table} failed: it does not return {', '.join(missing)}, which the contract requires."
        raise ModelError(model.file, line, message, f"Add it, or remove it from {contract.file}.")
