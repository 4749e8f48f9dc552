"""The lake's models: read, checked and put in order before anything runs."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from lagoa.contracts.scd2 import HISTORY_COLUMNS, selected_columns
from lagoa.domain.cache_file import CacheFile, code_version
from lagoa.domain.lists import listed
from lagoa.domain.suggestions import did_you_mean_name
from lagoa.domain.tables import TableName
from lagoa.errors import InvalidName, ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from lagoa.contracts import Contract, Contracts
    from lagoa.errors import LagoaError
    from lagoa.sql_models.python.reading import Function

SQL, PYTHON = SUFFIXES = (".sql", ".py")
"""How the names of models' files end."""

_LINE = re.compile(r"^LINE (\d+):", re.MULTILINE)
_NONE = "the table of a model, and the lake has no models; one is transformations/<layer>/<table>.sql"

_READ_BY = ("lagoa.contracts", "lagoa.sql_models"), ("sqlglot",)


@dataclass(frozen=True, slots=True)
class Model:
    """One SELECT, or one function of Arrow tables, that makes one table.

    Attributes:
        table: the table it makes.
        file: its file.
        text: the statement, in DuckDB's SQL, without a closing semicolon; of a Python model the module. Its lines are
            the file's.
        hash: of the statement's tokens, without comments and space; of the module without comments.
        inputs: the line on which each table it reads is first named.
        names: every name in the statement, including those that stars expand to; it reads no other column of an input.
            None if that is not certain, or not known.
        function: the function of a Python model; None for SQL.
    """

    table: TableName
    file: Path
    text: str
    hash: str
    inputs: Mapping[TableName, int]
    names: frozenset[str] | None = None
    function: Function | None = None


class Models(Mapping[TableName, Model]):
    """All models of a lake, ordered so that each comes after the models it reads."""

    def __init__(self, models: Mapping[TableName, Model]) -> None:
        """Order the models; raises `ModelError` with the whole path if they read each other in a circle."""
        needs = {table: sorted(set(model.inputs) & set(models)) for table, model in sorted(models.items())}
        try:
            self._models = {table: models[table] for table in TopologicalSorter(needs).static_order()}
        except CycleError as error:
            path = list(reversed(error.args[1]))  # from the model that reads to the one that is read
            model = models[path[0]]
            raise ModelError(
                model.file,
                model.inputs[path[1]],
                f"models read each other in a circle: {' <- '.join(map(str, path))}.",
                "Remove one of these tables from the model that reads it.",
            ) from None

    def __getitem__(self, table: TableName) -> Model:
        return self._models[table]

    def __iter__(self) -> Iterator[TableName]:
        return iter(self._models)

    def __len__(self) -> int:
        return len(self._models)

    def before(self, table: TableName) -> list[TableName]:
        """Return the models whose tables a model reads."""
        return [name for name in self._models[table].inputs if name in self._models]

    def select(self, names: Iterable[str]) -> list[TableName]:
        """Return the models of these tables or layers and all models that they need, in order.

        Raises:
            InvalidName: a name that is neither that of a model nor that of a layer with models.
        """
        wanted: set[TableName] = set()
        for name in names:
            found = [table for table in self if name in (str(table), table.layer)]
            if not found:
                raise unknown_model(name, self)
            wanted.update(found)
        for table in reversed(list(self)):
            if table in wanted:
                wanted.update(self.before(table))
        return [table for table in self if table in wanted]


def unknown_model(name: str, tables: Collection[TableName]) -> InvalidName:
    """Return the error for a name that is neither that of one of these models nor that of a layer with some."""
    known = f"a table or layer that has models: {listed(list(map(str, tables)))}" if tables else _NONE
    similar = did_you_mean_name(name, [*tables, *{table.layer for table in tables}])
    return InvalidName("model", name, known, similar, "is neither a model nor a layer with models")


def load_models(folder: Path, contracts: Contracts, cache: Path | None = None) -> Models:
    """Read every model under `folder` (`<layer>/<table>.sql` or `.py`) and check it against the contracts.

    Args:
        folder: the lake's models.
        contracts: the lake's data contracts.
        cache: a file that keeps what was found, so that a model that is as it was is not parsed again.

    Raises:
        ModelError: with file and line: anything but one SELECT, or one function, over tables that have a contract, an
            unknown or ambiguous column, columns that are not the contract's, a model without a contract or vice versa,
            two models of one table, models that read each other in a circle.
    """
    models, faults = read_models(folder, contracts, cache)
    if faults:
        raise faults[0]
    return Models(models)


def read_models(
    folder: Path, contracts: Contracts, cache: Path | None = None
) -> tuple[dict[TableName, Model], list[ModelError]]:
    """Read every model as `load_models` does; return those that can be used, and what is wrong with the others."""
    known = _Cache(cache)
    models: dict[TableName, Model] = {}
    faults: list[ModelError] = []
    files = model_files(folder)
    for file in files:
        try:
            contract, text = _contract_of(file, contracts), text_of(file)
            if file.suffix == PYTHON:
                models[contract.table] = _check_python(contract, file, text, contracts)
                continue
            models[contract.table] = known.get(contract, file, text, contracts) or known.put(
                _check(contract, file, text, contracts), text, contracts
            )
        except ModelError as error:
            faults.append(error)
    for contract in contracts.of_models():
        place = folder / contract.table.layer / f"{contract.table.name}.sql"
        if not {place, place.with_suffix(PYTHON)} & set(files):
            message = f"{contract.table} is to be built by a model and has none."
            advice = f"Write {place}, or remove lagoa.materialization from the contract."
            faults.append(ModelError(contract.file, None, message, advice))
    known.save()
    return models, faults


def model_files(folder: Path) -> list[Path]:
    """Return the files of the models under a folder, whether or not they can be used."""
    return sorted(file for suffix in SUFFIXES for file in folder.glob(f"*/*{suffix}"))


def text_of(file: Path) -> str:
    """Return the text of a model's file; raises `ModelError` if it is not UTF-8."""
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise ModelError(file, None, f"the file is not UTF-8 ({error}).", "Save it as UTF-8.") from error


def error_line(error: LagoaError) -> int | None:
    """Return the line of a model's statement that the message of DuckDB names; None if it names none."""
    found = _LINE.search(error.message)
    return int(found[1]) if found else None


def _contract_of(file: Path, contracts: Contracts) -> Contract:
    try:
        table = TableName.parse(f"{file.parent.name}.{file.stem}")
    except InvalidName as error:
        raise ModelError(file, None, error.message, error.advice) from error
    contract = contracts.get(table)
    if contract is None:
        advice = f"Let `lagoa contract infer --model {table}` draft it, or remove the model."
        raise ModelError(file, None, f"{table} has no data contract.", advice)
    if contract.materialization is None:
        advice = f"Set lagoa.materialization, such as to full, in {contract.file}, or remove the model."
        raise ModelError(file, None, f"the contract of {table} does not say that a model builds it.", advice)
    if file.suffix == PYTHON and file.with_suffix(SQL).exists():
        message = f"{file.with_suffix(SQL).name} makes {table}, too."
        raise ModelError(file, None, message, "Remove one of the two.")
    return contract


def _check(contract: Contract, file: Path, text: str, contracts: Contracts) -> Model:
    from lagoa.sql_models.increments import check_increments
    from lagoa.sql_models.marks import names_in
    from lagoa.sql_models.sql import read_model

    found = read_model(file, text, contracts)
    wanted = selected_columns(contract)
    for name, line in found.columns.items():
        if name not in wanted:
            advice = f"Let `lagoa contract update {contract.table}` add it, or remove it from the SELECT."
            if contract.scd2 is not None and name in HISTORY_COLUMNS:
                message = f"{name} is not observed: it follows from the observations that the SELECT returns."
                raise ModelError(file, line, message, "Remove it from the SELECT: Lagoa writes it.")
            raise ModelError(file, line, f"the column {name} is not in the contract of {contract.table}.", advice)
    missing = [name for name in wanted if name not in found.columns]
    if missing:
        message = f"the SELECT lacks columns that the contract of {contract.table} requires: {', '.join(missing)}."
        raise ModelError(file, None, message, f"Add them, or remove them from {contract.file}.")
    names = None
    if contract.incremental is not None:
        check_increments(file, found.resolved, contract)
        names = names_in(found.resolved)
    digest = hashlib.sha256(found.digest.encode()).hexdigest()
    return Model(contract.table, file, found.sql, digest, found.inputs, names)


def _check_python(contract: Contract, file: Path, text: str, contracts: Contracts) -> Model:
    from lagoa.sql_models.python.reading import read_python

    found = read_python(file, text, contracts)
    if contract.incremental is not None:
        message = "a Python model is not built by increments: they are derived from a SELECT."
        raise ModelError(file, None, message, f"Set lagoa.materialization to full or merge in {contract.file}.")
    return Model(contract.table, file, text, found.digest, found.inputs, function=found.function)


class _Cache:
    """What is known of models that were checked before."""

    def __init__(self, file: Path | None) -> None:
        self._file = CacheFile(file, code_version(*_READ_BY))
        self._known = self._file.read()
        self._found: dict[str, str] = {}

    def get(self, contract: Contract, file: Path, text: str, contracts: Contracts) -> Model | None:
        """Return the model if neither its text nor a contract that it was checked against has changed."""
        known = self._known.get(str(contract.table))
        if known is None:
            return None
        entry = json.loads(known)
        inputs = {TableName.parse(name): int(line) for name, line in entry["inputs"].items()}
        names = None if entry["names"] is None else frozenset(entry["names"])
        model = Model(contract.table, file, text[: entry["end"]], entry["hash"], inputs, names)
        if any(table not in contracts for table in inputs) or entry["of"] != _state(model, text, contracts):
            return None
        self._found[str(contract.table)] = known
        return model

    def put(self, model: Model, text: str, contracts: Contracts) -> Model:
        """Keep a model that was checked."""
        entry = {
            "of": _state(model, text, contracts),
            "end": len(model.text),
            "hash": model.hash,
            "inputs": {str(table): line for table, line in model.inputs.items()},
            "names": None if model.names is None else sorted(model.names),
        }
        self._found[str(model.table)] = json.dumps(entry)
        return model

    def save(self) -> None:
        """Write the file if anything is new in it."""
        if self._found != self._known:
            self._file.write(self._found)


def _state(model: Model, text: str, contracts: Contracts) -> str:
    """Return a hash of all that the check of a model rests on."""
    used = [(str(table), contracts[table].hash) for table in sorted({model.table, *model.inputs})]
    return hashlib.sha256(json.dumps([text, used]).encode()).hexdigest()
