"""Whether a lake's files can be used and are consistent: contracts, models, their tests, checks and exposures.

Other commands stop at the first fault. Here all faults are reported at once, and none twice: a fault in a file is not
reported again for the files that need it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lagoa.audit.expected import contract_checks
from lagoa.audit.kinds.soda import tables_read
from lagoa.audit.rehearsal import place_of
from lagoa.contracts import read_contracts
from lagoa.contracts.yaml_file import YamlFile
from lagoa.domain.file_patterns import is_pattern, matches
from lagoa.domain.lists import counted, listed
from lagoa.domain.suggestions import did_you_mean
from lagoa.domain.tables import TableName
from lagoa.errors import CheckError, ContractError, FileError, InvalidName
from lagoa.formats import FORMATS
from lagoa.lineage.exposures import read_exposures
from lagoa.settings import SETTINGS_FILE
from lagoa.sources import read_sources
from lagoa.sql_models import SUFFIXES, Models, read_models
from lagoa.sql_models.dialects import engine_faults
from lagoa.sql_models.testing.reading import FOLDER as TESTS
from lagoa.sql_models.testing.reading import read_test_file, table_of_tests, test_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from lagoa.audit.rehearsal import CheckFilePlace
    from lagoa.context import LakeContext
    from lagoa.contracts import Contract, Reading
    from lagoa.domain.checks import CheckFile, FileCheck
    from lagoa.domain.engines import EngineName
    from lagoa.sql_models import Model

_PARTS = 2  # layer and file
_FORMS = {
    "contract": "<layer>/<table>.odcs.yaml",
    "model": "<layer>/<table>.sql or .py",
    "check file": "<layer>/<table>.yaml",
}


@dataclass(frozen=True, slots=True)
class Consistency:
    """What was found in a lake's files.

    Attributes:
        contracts: the tables whose contract can be used.
        models: the tables whose model can be used.
        checks: the ids of all checks that can be run, including those that follow from contracts.
        tests: how many tests of models can be run.
        faults: everything that is wrong, by file and line.
        check_files: where the check files in which nothing is wrong run, if an engine was given.
        trained: the models of `ml/` that can be trained.
        exposures: how many exposures can be used.
        sources: how many sources can be.
    """

    contracts: tuple[TableName, ...]
    models: tuple[TableName, ...]
    checks: tuple[str, ...]
    tests: int
    faults: tuple[FileError, ...]
    check_files: tuple[CheckFilePlace, ...] = ()
    trained: tuple[str, ...] = ()
    exposures: int = 0
    sources: int = 0

    def with_trained(self, trained: tuple[str, ...], faults: tuple[FileError, ...]) -> Consistency:
        """Return the same with what was found in `ml/`."""
        return replace(self, trained=trained, faults=tuple(sorted((*self.faults, *faults), key=_place)))

    def __repr__(self) -> str:
        found = {
            "contract": len(self.contracts),
            "model": len(self.models),
            "test": self.tests,
            "check": len(self.checks),
            "trained model": len(self.trained),
            "exposure": self.exposures,
            "source": self.sources,
        }
        usable = ", ".join(counted(number, noun) for noun, number in found.items())
        return f"<Consistency: {usable}; {counted(len(self.faults), 'fault')}>"


def check_files(context: LakeContext, engine: EngineName | None = None) -> Consistency:
    """Read every file of a lake that defines its tables, and return everything that is wrong with them.

    Data is not read. Within one check, one column or one statement the first fault hides further ones.

    Args:
        context: the lake.
        engine: if given, each construct of a SELECT counts with which this engine would give other rows than DuckDB;
            and it is found out which check files it would run.
    """
    settings = context.settings
    reading = read_contracts(settings.contracts_folder, FORMATS)
    faults: list[FileError] = [*reading.faults, *_ids(reading), *_same_files(reading), *_undecided(reading)]
    models, errors = read_models(settings.models_folder, reading.contracts, settings.cache("models"))
    faults += [error for error in errors if not _follows(error, settings.models_folder, reading.broken)]
    try:
        Models(models)
    except FileError as error:
        faults.append(error)
    if engine is not None:
        selects = [model for model in models.values() if model.function is None]
        faults += [fault for model in selects for fault in engine_faults(model, engine, reading.contracts)]
    tests, errors_of_tests = _read_tests(settings.models_folder, models, reading)
    checks, files, errors_of_checks = _read_checks(context, reading)
    exposures, errors_of_exposures = read_exposures(settings.exposures_folder, reading.contracts)
    sources, errors_of_sources = read_sources(settings.sources_folder, reading.contracts)
    faults += [*errors_of_tests, *errors_of_checks, *_strays(context), *_teams(context, reading.contracts)]
    errors_of_tables = (*errors_of_exposures, *errors_of_sources)
    faults += [fault for fault in errors_of_tables if not _names_broken(fault, reading.broken)]
    return Consistency(
        contracts=reading.contracts.tables,
        models=tuple(sorted(models)),
        checks=tuple(sorted(checks)),
        tests=tests,
        faults=tuple(sorted(faults, key=_place)),
        check_files=tuple(place_of(context, file, engine, reading.contracts) for file in files) if engine else (),
        exposures=len(exposures),
        sources=len(sources),
    )


def _teams(context: LakeContext, contracts: Iterable[Contract]) -> Iterator[FileError]:
    """Yield the owners of tables for whom lagoa.toml names nobody who can approve, where it asks for that."""
    rules = context.settings.approval
    owned: dict[str, list[str]] = defaultdict(list)
    for contract in contracts if rules.owners else ():
        if contract.owner and not rules.teams.get(contract.owner):
            owned[contract.owner].append(str(contract.table))
    for owner, tables in sorted(owned.items()):
        message = f"[approval.teams] names nobody in {owner!r}, who owns {listed(sorted(tables), 5)}."
        advice = f"No change of these tables can be published: name people.{did_you_mean(owner, rules.teams)}"
        yield FileError(context.settings.root / SETTINGS_FILE, None, message, advice)


def _names_broken(error: FileError, broken: Iterable[TableName]) -> bool:
    """Return whether an exposure's error is that a table has no contract, and it has one that cannot be used."""
    return any(f"there is no contract for a table {table}." in error.message for table in broken)


def _place(fault: FileError) -> tuple[str, int]:
    return fault.file, fault.line or 0


def _ids(reading: Reading) -> Iterator[ContractError]:
    """Yield an error for each contract with the id of another, such as a copy."""
    ids = {table: str(file.data.get("id")) for table, file in reading.files.items() if table not in reading.broken}
    for table, found in ids.items():
        others = [other for other in ids if other != table and found in (ids[other], str(other))]
        if found != str(table) and others:
            file = reading.files[table]
            message = f"id is {found!r}, which belongs to {others[0]}."
            yield ContractError(file.path, file.line(("id",)), message, f"Write {table}.")


def _same_files(reading: Reading) -> Iterator[ContractError]:
    """Yield an error for each contract whose `file` another names for sure: no folder with such a file is loaded.

    Contracts that read different members of a zip file do not compete.
    """
    named = [(each.table, each.source.file, each.source.member) for each in reading.contracts if each.source]
    files = [(table, file, member) for table, file, member in named if file]
    patterns = [each for each in files if is_pattern(each[1])]
    before: dict[str, list[tuple[TableName, str, str | None]]] = defaultdict(list)
    for table, file, member in files:
        matching = [] if is_pattern(file) else [each for each in patterns if matches(each[1], file)]
        rivals = (each for each in (*before[file], *matching) if None in {member, each[2]} or member == each[2])
        rival = next(rivals, None)
        before[file].append((table, file, member))
        if rival:
            message = f"file in lagoa.source is {file!r}; the contract of {rival[0]} has {rival[1]!r}."
            advice = "Change one of them: in a folder each file goes into one table."
            yield _source_error(reading, table, (), message, advice)


def _undecided(reading: Reading) -> Iterator[ContractError]:
    """Yield an error for each option of a source that nobody has decided yet: no file can be loaded."""
    for contract in reading.contracts:
        for option, message, advice in contract.source.undecided() if contract.source else ():
            yield _source_error(reading, contract.table, ("value", option), message, advice)


def _source_error(
    reading: Reading, table: TableName, place: tuple[str, ...], message: str, advice: str
) -> ContractError:
    """Return an error at a place in a contract's `lagoa.source`."""
    file = reading.files[table]
    own = [each["property"] for each in file.data["schema"][0]["customProperties"]]
    line = file.line(("schema", 0, "customProperties", own.index("lagoa.source"), *place))
    return ContractError(file.path, line, message, advice)


def _follows(error: FileError, folder: Path, broken: Iterable[TableName]) -> bool:
    """Return whether a model's error is caused by a contract that cannot be used."""
    path = folder / error.file
    if path.suffix not in SUFFIXES:
        return False
    named = path.read_bytes().decode("utf-8", "replace")
    own = f"{path.parent.name}.{path.stem}"
    return any(
        str(table) == own or re.search(rf"\b{table.layer}\W+{table.name}\b", named, re.IGNORECASE) for table in broken
    )


def _read_tests(folder: Path, models: Mapping[TableName, Model], reading: Reading) -> tuple[int, list[FileError]]:
    count, faults = 0, []
    for path in test_files(folder):
        try:
            table = table_of_tests(path, folder)
            if table in models or not any(
                (folder / table.layer / f"{table.name}{each}").is_file() for each in SUFFIXES
            ):
                count += len(read_test_file(path, folder, models, reading.contracts))
        except FileError as error:
            faults.append(error)
    return count, faults


def _read_checks(context: LakeContext, reading: Reading) -> tuple[list[str], list[CheckFile], list[FileError]]:
    """Return the ids of all checks, the check files in which nothing is wrong, and what is wrong in others."""
    present = frozenset(reading.contracts.tables)
    ids = [check.id for contract in reading.contracts for check in contract_checks(contract, present)]
    files: list[CheckFile] = []
    faults: list[FileError] = []
    folder = context.settings.checks_folder
    for path in sorted(folder.glob("*/*.yaml")):
        before = len(faults)
        try:
            table = _table_of_checks(path, reading)
            faulty: list[CheckError] = []
            found = context.auditor.read(table, path, faulty)
            faults += faulty
            if table in reading.broken:
                continue
            faults += _unknown_columns(path, reading.contracts[table])
        except FileError as error:
            faults.append(error)
            continue
        for check in found.checks:
            try:
                _refuse_unreadable(check, tables_read(found, check, context.engine), path, reading)
                ids.append(check.id)
            except FileError as error:
                faults.append(error)
        if len(faults) == before:
            files.append(found)
    return ids, files, faults


def _refuse_unreadable(check: FileCheck, reads: Iterable[TableName], path: Path, reading: Reading) -> None:
    """Raise `CheckError` when a check of a file reads a table that has no contract."""
    for table in sorted(reads):
        if table not in reading.contracts and table not in reading.broken:
            hint = did_you_mean(str(table), map(str, reading.contracts.tables))
            message = f"{check.id.rpartition('/')[2]}: it reads {table}, which has no contract.{hint}"
            raise CheckError(path, None, message, "Fix the name, or write that table's contract.")


def _table_of_checks(path: Path, reading: Reading) -> TableName:
    try:
        table = TableName.parse(f"{path.parent.name}.{path.stem}")
    except InvalidName as error:
        raise CheckError(path, None, error.message, error.advice) from error
    if table not in reading.contracts and table not in reading.broken:
        message = (
            f"there is no contract for a table {table}.{did_you_mean(str(table), map(str, reading.contracts.tables))}"
        )
        raise CheckError(path, None, message, "Rename the file, write the contract, or remove the file.")
    return table


class _CheckYaml(YamlFile):
    noun = "check file"
    advice = "Start from a check file that works."
    failure = CheckError


def _unknown_columns(path: Path, contract: Contract) -> Iterator[FileError]:
    file = _CheckYaml(path)
    known = [column.name for column in contract.all_columns]
    for number, column in enumerate(file.data.get("columns") or []):
        if column["name"] not in known:
            message = f"{contract.table} has no column {column['name']!r}.{did_you_mean(str(column['name']), known)}"
            yield file.error(("columns", number), message, f"It has {', '.join(known)}.")


def _strays(context: LakeContext) -> Iterator[FileError]:
    """Yield an error for each file that nothing reads: it was probably written to be used."""
    settings = context.settings
    places = {
        "contract": settings.contracts_folder,
        "model": settings.models_folder,
        "check file": settings.checks_folder,
    }
    for kind, folder in places.items():
        suffixes = SUFFIXES if kind == "model" else (".yaml",)
        for path in sorted(folder.rglob("*") if folder.is_dir() else ()):
            parts = path.relative_to(folder).parts
            hidden = any(part.startswith((".", "__")) for part in parts)
            if not path.is_file() or hidden or path.suffix == ".md" or (kind == "model" and parts[0] == TESTS):
                continue
            read = (
                path.suffix in {".yaml", ".yml"}
                if kind == "contract"
                else len(parts) == _PARTS and path.suffix in suffixes
            )
            if not read:
                advice = f"A {kind} is {folder.name}/{_FORMS[kind]}. Rename, move or remove it."
                yield FileError(path, None, "nothing reads this file.", advice)
