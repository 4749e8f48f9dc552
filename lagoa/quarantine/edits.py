"""Values that a person gives to replace those received: single columns of all records, or an edited export."""

from __future__ import annotations

import csv
import json
import re
from typing import TYPE_CHECKING, Protocol

from lagoa.domain.suggestions import did_you_mean
from lagoa.errors import SourceError, WriteError
from lagoa.quarantine.export import FOR_READING, JSON_LINES, RECORD, cells, record_id, unguarded

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from lagoa.contracts import Contract
    from lagoa.formats.shared.refused import Texts
    from lagoa.quarantine.waiting import WaitingRecord

_DELIMITERS = (",", ";", "\t")
_LONGEST_CELL = 64 * 1024 * 1024
_TEXTLESS = re.compile("[\0\ud800-\udfff]")  # NUL, and halves of characters


class Edits(Protocol):
    """Values that replace those received."""

    @property
    def records(self) -> Collection[tuple[str, int]]:
        """Batch and number of each record that it names; empty if it applies to all."""

    def changes(self, record: WaitingRecord) -> Texts:
        """Return the changed values of a record, by column; all of its columns if it could not be split."""


class SetColumns:
    """The same values for all records; records that cannot be split into columns are left as they are."""

    records: Collection[tuple[str, int]] = ()

    def __init__(self, contract: Contract, values: Mapping[str, str | None]) -> None:
        """Take the values, by column; a text that means null in the table's files is null here.

        Raises:
            WriteError: a column that the contract does not have, or a value that is not text.
        """
        _check(contract, values)
        nulls = _null_texts(contract)
        self._values = {name: None if value in nulls[name] else value for name, value in values.items()}

    def changes(self, record: WaitingRecord) -> Texts:
        """Return the values that differ from those of the record."""
        if record.values is None:
            return {}
        return {name: value for name, value in self._values.items() if record.values[name] != value}


class EditedFile:
    """An export that was edited: only cells that differ from the export count."""

    def __init__(self, contract: Contract, file: Path) -> None:
        """Read the file: `.jsonl` as JSON lines, any other as CSV, separated by commas, semicolons or tabs.

        Raises:
            SourceError: it cannot be read, is not an export, or names a record twice.
            WriteError: a column that the contract does not have, or a value that is not text.
        """
        self._contract = contract
        self._file = file
        self._nulls = _null_texts(contract)
        self._is_json = file.suffix in JSON_LINES
        self._given: dict[str, Texts] = {}
        for name, values in self._read():
            if name in self._given:
                raise self._error(f"the record {name!r} occurs twice.", "Remove one of the two.")
            _check(contract, values)
            self._given[name] = values

    @property
    def records(self) -> Collection[tuple[str, int]]:
        """Batch and number of each record in the file."""
        found = []
        for name in self._given:
            batch, _, number = name.rpartition("#")
            if not (batch and number.isascii() and number.isdigit()):
                raise self._error(f"{name!r} names no record.", "It must be BATCH#NUMBER, as exported: restore it.")
            found.append((batch, int(number)))
        return found

    def changes(self, record: WaitingRecord) -> Texts:
        """Return the values that were edited; for a record that could not be split, all of them if any is given."""
        given = self._given.get(record_id(record))
        if given is None:
            return {}
        if record.values is None:
            return self._whole(record, given)
        if self._is_json:
            return {name: value for name, value in given.items() if record.values[name] != value}
        names = (column.name for column in self._contract.columns)
        exported = dict(zip(names, cells(record, self._contract), strict=True))
        edited = {name: value for name, value in given.items() if exported[name] != value}
        return {name: None if value in self._nulls[name] else value for name, value in edited.items()}

    def _whole(self, record: WaitingRecord, given: Texts) -> Texts:
        values = {
            name: None if value in {"", *self._nulls[name]} and not self._is_json else value
            for name, value in given.items()
        }
        if not any(value is not None for value in values.values()):
            return {}
        missing = [column.name for column in self._contract.columns if column.name not in values]
        if missing:
            raise self._error(
                f"{record_id(record)} could not be split into columns, and {', '.join(missing)} is not given.",
                "Give all columns of such a record; an empty cell is null.",
            )
        return values

    def _read(self) -> Iterator[tuple[str, Texts]]:
        try:
            with self._file.open(encoding="utf-8-sig", newline="") as stream:
                yield from self._json_lines(stream) if self._is_json else self._csv(stream)
        except UnicodeDecodeError as error:
            raise self._error("it is not UTF-8.", "Save it as `CSV UTF-8`.") from error
        except csv.Error as error:
            raise self._error(f"it is not CSV: {error}.", "Fix it.") from error
        except OSError as error:
            raise self._error(f"it cannot be read: {error.strerror}.", "Check the path.") from error

    def _csv(self, stream: Iterable[str]) -> Iterator[tuple[str, Texts]]:
        lines = iter(stream)
        first = next(lines, "")
        found = (next(csv.reader([first], delimiter=each), []) for each in _DELIMITERS)
        named = {len(names): (names, each) for names, each in zip(found, _DELIMITERS, strict=True) if RECORD in names}
        if not named:
            raise self._error(f"its first line has no column {RECORD}.", "Edit a file of `lagoa quarantine export`.")
        names, delimiter = named[max(named)]
        limit = csv.field_size_limit(_LONGEST_CELL)
        try:
            for cells_ in csv.reader(lines, delimiter=delimiter):
                if not any(cells_):
                    continue
                if len(cells_) != len(names):
                    message = f"a line has {len(cells_)} cells, {len(names)} expected: {cells_[:3]}."
                    raise self._error(message, "Fix it.")
                row = {name: unguarded(cell) for name, cell in zip(names, cells_, strict=True)}
                yield row.pop(RECORD), {name: cell for name, cell in row.items() if name not in FOR_READING}
        finally:
            csv.field_size_limit(limit)

    def _json_lines(self, stream: Iterable[str]) -> Iterator[tuple[str, Texts]]:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            try:
                found = json.loads(line, parse_float=str, parse_int=str)
                values = {name: _plain(value) for name, value in (found["values"] or {}).items()}
                yield str(found["record"]), values
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                advice = 'It must be {"record": …, "values": {column: text or null}}, as exported.'
                raise self._error(f"line {number} is not a record.", advice) from error

    def _error(self, message: str, advice: str) -> SourceError:
        return SourceError(str(self._file), message, advice)


def _plain(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _null_texts(contract: Contract) -> dict[str, tuple[str, ...]]:
    """Return the texts that mean null, by column."""
    return {column.name: column.null_texts(contract.source) for column in contract.columns}


def _check(contract: Contract, values: Mapping[str, str | None]) -> None:
    known = [column.name for column in contract.columns]
    for name, value in values.items():
        if name not in known:
            message = f"there is no column {name!r}.{did_you_mean(name, known)}"
            raise WriteError(contract.table, message, f"There are {', '.join(known)}.")
        if value is not None and _TEXTLESS.search(value):
            message = f"the value for {name!r} has a character that text cannot contain."
            raise WriteError(contract.table, message, "Fix it.")
