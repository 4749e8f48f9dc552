"""Whether the files of `ml/` can be used: definitions, SELECTs and functions, without data and without libraries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.errors import ContractError, FileError, TrainingError
from lagoa.sql_models.sql import read_model as read_sql
from lagoa.training.definition import model_names, read_model

if TYPE_CHECKING:
    from pathlib import Path

    from lagoa.context import LakeContext


def check_trained(context: LakeContext) -> tuple[tuple[str, ...], tuple[FileError, ...]]:
    """Return the models of `ml/` that can be trained as far as files tell, and what is wrong with the others.

    SELECTs are read only if all contracts can be: tables without a contract of their own are faults of the contracts.
    """
    folder = context.settings.ml_folder
    names, faults = [], []
    for name in model_names(folder):
        try:
            _check(context, folder, name)
        except ContractError:
            names.append(name)  # said of the contract
        except FileError as error:
            faults.append(error)
        except TrainingError as error:
            faults.append(FileError(folder / f"{name}.yaml", None, f"{error.what}: {error.reason}.", error.advice))
        else:
            names.append(name)
    return tuple(names), tuple(faults)


def _check(context: LakeContext, folder: Path, name: str) -> None:
    model = read_model(folder, name)
    file = folder / f"{name}.py"
    try:
        compile(model.code, str(file), "exec", dont_inherit=True)
    except SyntaxError as error:
        raise FileError(file, error.lineno, f"this is not valid Python: {error.msg}.", "Fix the text there.") from error
    read_sql(folder / model.definition.rows, model.sql, context.contracts)
