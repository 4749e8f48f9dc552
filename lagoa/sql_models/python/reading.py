"""Reads a Python model: the tables that it takes, found in its text; nothing of it runs."""

from __future__ import annotations

import ast
import hashlib
import io
import tokenize
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lagoa.errors import ModelError
from lagoa.sql_models.python.inputs import EXAMPLE, NAME, check_inputs, inputs_of, lines_of
from lagoa.sql_models.python.unstable import unstable_calls

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lagoa.contracts import Contracts
    from lagoa.domain.tables import TableName
    from lagoa.sql_models.python.inputs import Input

_IGNORED = frozenset(
    {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
)


@dataclass(frozen=True, slots=True)
class Function:
    """The function of a Python model.

    Attributes:
        name: its name, that of the table.
        line: the line on which it is defined.
        inputs: what each of its parameters receives.
    """

    name: str
    line: int
    inputs: Mapping[str, Input]


@dataclass(frozen=True, slots=True)
class ModelPython:
    """A Python model's text, parsed.

    Attributes:
        digest: hash of the text without comments and empty lines.
        inputs: the line on which each table it takes is named.
        function: what makes the rows.
    """

    digest: str
    inputs: Mapping[TableName, int]
    function: Function


def read_python(file: Path, text: str, contracts: Contracts) -> ModelPython:
    """Parse a Python model and check the tables that it takes.

    Args:
        file: the model's file, for errors; the function is named like it.
        text: the module: `INPUTS`, and one function with a parameter for each.
        contracts: of the tables that a model may read.

    Raises:
        ModelError: with the line of what cannot be used.
    """
    module = _parsed(file, text)
    inputs = inputs_of(file, module)
    check_inputs(file, inputs, contracts)
    function = _function(file, module)
    _check_parameters(file, function, inputs)
    for line, call in unstable_calls(module):
        raise ModelError(
            file,
            line,
            f"{call} gives different values each time it runs.",
            "A model must depend only on its inputs: take the time from the data, and give generators a seed.",
        )
    return ModelPython(_digest(text), lines_of(inputs), Function(function.name, function.lineno, inputs))


def tables_taken(file: Path, text: str) -> dict[TableName, int]:
    """Return the line on which each table that a model takes is first named; the tables need no contract.

    Raises:
        ModelError: it is not Python, or `INPUTS` cannot be read.
    """
    return lines_of(inputs_of(file, _parsed(file, text)))


def description_of(text: str) -> str:
    """Return the text at the beginning of a module that can be parsed."""
    return " ".join((ast.get_docstring(ast.parse(text)) or "").split())


def _parsed(file: Path, text: str) -> ast.Module:
    try:
        return ast.parse(text, str(file))
    except SyntaxError as error:
        raise ModelError(file, error.lineno, f"this is not Python: {error.msg}.", "Fix it.") from error
    except (ValueError, RecursionError, MemoryError) as error:  # null characters; too deeply nested
        raise ModelError(file, None, f"this is not Python: {error}.", "Fix it.") from error


def _function(file: Path, module: ast.Module) -> ast.FunctionDef:
    named = [
        each
        for each in module.body
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and each.name == file.stem
    ]
    advice = f"A Python model has one function named like its table, def {file.stem}(…), which returns its rows."
    if not named:
        raise ModelError(file, None, f"there is no function {file.stem}.", advice)
    if len(named) > 1:
        raise ModelError(file, named[1].lineno, f"{file.stem} is defined twice.", advice)
    function = named[0]
    if not isinstance(function, ast.FunctionDef):
        raise ModelError(file, function.lineno, f"{file.stem} is no plain function.", advice)
    return function


def _check_parameters(file: Path, function: ast.FunctionDef, inputs: Mapping[str, Input]) -> None:
    given = function.args
    if given.vararg or given.kwarg or given.posonlyargs or given.defaults or any(given.kw_defaults):
        message = f"{function.name} has parameters that are optional, only positional, or of any number."
        raise ModelError(file, function.lineno, message, "Write one plain parameter for each input.")
    names = [each.arg for each in (*given.args, *given.kwonlyargs)]
    _refuse(file, function, [f"{name} of {function.name}" for name in names if name not in inputs], f"not in {NAME}")
    extra = [f"{name} of {NAME}" for name in inputs if name not in names]
    _refuse(file, function, extra, f"no parameter of {function.name}")


def _refuse(file: Path, function: ast.FunctionDef, names: Sequence[str], fault: str) -> None:
    if names:
        raise ModelError(file, function.lineno, f"{', '.join(names)} is {fault}.", EXAMPLE)


def _digest(text: str) -> str:
    """Return a hash of the lines with code on them, without comments.

    Texts of tokens would differ between versions of Python, and the model be stale after an upgrade.
    """
    lines = text.split("\n")
    kept: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column].rstrip()
        if token.type not in _IGNORED:
            kept.update(range(token.start[0], token.end[0] + 1))
    code = "\n".join(line for number, line in enumerate(lines, 1) if number in kept)
    return hashlib.sha256(f"python\n{code}".encode()).hexdigest()
