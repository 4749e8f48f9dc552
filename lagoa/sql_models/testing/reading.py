"""Reads the tests of models, `transformations/tests/<layer>/<table>.yaml`, as strictly as contracts are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field

from lagoa.contracts.iceberg_types import parse_type
from lagoa.contracts.yaml_file import YamlFile
from lagoa.domain.suggestions import did_you_mean
from lagoa.domain.tables import TableName
from lagoa.errors import InvalidName, ModelTestError
from lagoa.sql_models.testing.values import NotAValue, read_value, yaml_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import yaml

    from lagoa.contracts import Contract, Contracts
    from lagoa.contracts.findings import Location
    from lagoa.sql_models import Model, Models

FOLDER = "tests"
"""The folder of the tests, in the folder of the models."""

_FORM = f"A test file is transformations/{FOLDER}/<layer>/<table>.yaml."

Row = Mapping[str, Any]
"""Values by column, each as Python holds it for the column's type."""


@dataclass(frozen=True, slots=True)
class ModelTest:
    """One test of one model: the rows of its inputs, and the rows that it must make from them.

    Attributes:
        table: the model's.
        name: what is tested, in words; unique within the file.
        file: the test's file.
        line: the line on which it begins.
        given: the rows of each input; an input that is not named has none.
        where: a SQL condition on the rows that the model returns: only those for which it is true are compared.
        columns: the columns that are compared; empty if no rows are expected.
        expected: the rows that the model must return, in any order.
    """

    table: TableName
    name: str
    file: Path
    line: int
    given: Mapping[TableName, Sequence[Row]]
    where: str | None
    columns: tuple[str, ...]
    expected: Sequence[Row]


class _Test(BaseModel):
    name: Annotated[str, Field(min_length=1)]
    description: str | None = None
    given: dict[str, list[Any]] = {}
    where: Annotated[str, Field(min_length=1)] | None = None
    expect: list[Any]


class _Tests(BaseModel):
    defaults: dict[str, dict[str, Any]] = {}
    tests: Annotated[list[_Test], Field(min_length=1)]


class _TestFile(YamlFile):
    noun = "test file"
    advice = "Write a key `tests:` with a list of tests; docs/models.md shows one."
    failure = ModelTestError
    _root: yaml.Node | None = None

    def _compose(self) -> yaml.Node | None:
        """Return the parsed text; it is kept, since the line of each test is looked up in it."""
        self._root = self._root or super()._compose()
        return self._root


def read_tests(folder: Path, models: Models, contracts: Contracts) -> list[ModelTest]:
    """Read every test file under the folder of the models.

    Returns:
        The tests by table, those of a table in the order of its file.

    Raises:
        ModelTestError: with file and line: a file that would not be read, a table without a model, an unknown key,
            table or column, a value that its column cannot hold.
    """
    found = sorted((table_of_tests(path, folder), path) for path in test_files(folder))
    return [test for _, path in found for test in read_test_file(path, folder, models, contracts)]


def read_test_file(
    path: Path, folder: Path, models: Mapping[TableName, Model], contracts: Contracts
) -> list[ModelTest]:
    """Return the tests of one file under the folder of the models; raises as `read_tests` does."""
    table = table_of_tests(path, folder)
    if table not in models:
        advice = did_you_mean(str(table), map(str, models)).strip() or "Remove the file, or write the model."
        raise ModelTestError(path, None, f"no model makes {table}.", advice)
    return _Reader(_TestFile(path), models[table], contracts).tests()


def test_files(folder: Path) -> list[Path]:
    """Return the test files under the folder of the models, whether or not they can be used."""
    tests = folder / FOLDER
    return [
        path
        for path in sorted(tests.rglob("*") if tests.is_dir() else ())
        if path.is_file()
        and path.name != "README.md"
        and not any(part.startswith(".") for part in path.relative_to(tests).parts)
    ]


def table_of_tests(path: Path, folder: Path) -> TableName:
    """Return the table that a test file is about, from its path under the folder of the models.

    Raises:
        ModelTestError: it is not where test files must be.
    """
    parts = path.relative_to(folder / FOLDER).parts
    if len(parts) != 2 or path.suffix != ".yaml":  # noqa: PLR2004 - layer and file
        raise ModelTestError(path, None, "this file would not be read.", f"{_FORM} Rename or move it.")
    try:
        return TableName.parse(f"{parts[0]}.{path.stem}")
    except InvalidName as error:
        raise ModelTestError(path, None, error.message, f"{error.advice} {_FORM}") from error


class _Reader:
    """Reads the tests of one file."""

    def __init__(self, file: YamlFile, model: Model, contracts: Contracts) -> None:
        self.file = file
        self.model = model
        self.contracts = contracts
        self.parsed = file.validate(_Tests, file.data)
        self.defaults: dict[TableName, Row] = {}
        for name, values in self.parsed.defaults.items():
            table = self._input(name, ("defaults", name))
            places = {key: ("defaults", name, key) for key in values}
            self.defaults[table] = self._row(values, contracts[table], places)

    def tests(self) -> list[ModelTest]:
        tests: list[ModelTest] = []
        for number, test in enumerate(self.parsed.tests):
            place = ("tests", number)
            if test.name in {other.name for other in tests}:
                raise self.file.error((*place, "name"), f"the name {test.name!r} occurs twice.", "Choose another.")
            tests.append(self._test(test, place))
        return tests

    def _test(self, test: _Test, place: Location) -> ModelTest:
        given = {}
        for name, rows in test.given.items():
            where = (*place, "given", name)
            table = self._input(name, where)
            default = self.defaults.get(table, {})
            given[table] = [{**default, **row} for row in self._rows(rows, self.contracts[table], where)]
        where = (*place, "expect")
        expected = self._rows(test.expect, self.contracts[self.model.table], where)
        columns = tuple(expected[0]) if expected else ()
        for at, row in enumerate(expected):
            if row.keys() != set(columns):
                message = "this row has different columns from the first one."
                raise self.file.error((*where, at), message, f"Name the same in each: {', '.join(columns)}.")
        line = self.file.line(place)
        return ModelTest(self.model.table, test.name, self.file.path, line, given, test.where, columns, expected)

    def _input(self, name: str, place: Location) -> TableName:
        table = next((table for table in self.model.inputs if str(table) == name), None)
        if table is None:
            inputs = [str(table) for table in self.model.inputs]
            message = f"the model does not read {name}.{did_you_mean(name, inputs)}"
            raise self.file.error(place, message, f"It reads {', '.join(inputs) or 'no table'}.")
        return table

    def _rows(self, rows: list[Any], contract: Contract, place: Location) -> list[Row]:
        """Return rows given as keys and values, or as lists of values after a list of the columns' names."""
        if rows and isinstance(rows[0], list):
            return [self._row(row, contract, places) for row, places in self._listed(rows, place)]
        found = []
        for at, row in enumerate(rows):
            if not isinstance(row, dict) or not row:
                message = f"a row must be keys and values here; it is {yaml_text(row)}."
                raise self.file.error((*place, at), message, "Write {column: value, …}, or begin with a list of names.")
            found.append(self._row(row, contract, {key: (*place, at, key) for key in row}))
        return found

    def _listed(self, rows: list[Any], place: Location) -> Iterator[tuple[dict[str, Any], dict[str, Location]]]:
        names = rows[0]
        if not names:
            raise self.file.error((*place, 0), "the first list names no column.", "Name the columns in it.")
        for at, name in enumerate(names):
            if not isinstance(name, str) or name in names[:at]:
                message = f"the first list must name the columns, each once; {yaml_text(name)} does not."
                raise self.file.error((*place, 0, at), message, "Name each column once.")
        for at, row in enumerate(rows[1:], 1):
            if not isinstance(row, list) or len(row) != len(names):
                message = f"this row must be a list of {len(names)} values, as the first list names columns."
                raise self.file.error((*place, at), message, "Give each a value, or null if there is none.")
            places = {name: (*place, at, column) for column, name in enumerate(names)}
            yield dict(zip(names, row, strict=True)), places

    def _row(self, row: Mapping[str, Any], contract: Contract, places: Mapping[str, Location]) -> Row:
        values = {}
        for name, value in row.items():
            column = contract.column(name)
            if column is None:
                known = [each.name for each in contract.all_columns]
                message = f"{contract.table} has no column {name!r}.{did_you_mean(name, known)}"
                raise self.file.error(places[name], message, f"It has {', '.join(known)}.")
            try:
                values[name] = read_value(value, parse_type(column.type))
            except NotAValue as error:
                raise self.file.error(places[name], f"{contract.table}.{name}: {error}") from error
        return values
