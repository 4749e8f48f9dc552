"""Waiting records as a file that a person can open, edit and return: CSV for spreadsheets, or JSON lines.

A spreadsheet runs a cell that begins with one of `=+-@` as a formula, and the content of a refused record came from
outside: such cells get an apostrophe in front, unless they are plain numbers. It is removed when the file is read.
"""

from __future__ import annotations

import csv
import json
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from lagoa.domain.selection import Selection
from lagoa.errors import SourceError
from lagoa.formats.shared.shown import shown
from lagoa.quarantine.records import quarantine_at
from lagoa.quarantine.waiting import Waiting, check_condition, source_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lagoa.context import LakeContext
    from lagoa.contracts import Contract, Source
    from lagoa.domain.tables import TableName
    from lagoa.quarantine.waiting import WaitingRecord

RECORD, RAW = "RECORD", "RAW"
FOR_READING = ("SOURCE", "RULE", "REASON", RAW)
"""Columns of the file in capitals, as no column of a table is: the record's id, and what is only for reading."""

JSON_LINES = frozenset({".jsonl", ".ndjson"})
_BEGINS_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")  # noqa: RUF001 - the wide ones also do
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What was exported.

    Attributes:
        table: the table that refused the records.
        file: the file that contains them.
        records: how many.
        raw: of these, how many could not be split into columns and are there only as their text.
    """

    table: TableName
    file: Path
    records: int
    raw: int


def export_quarantine(
    context: LakeContext, ref: str, table: TableName, file: Path, selection: Selection = Selection()
) -> ExportResult:
    """Write waiting records to a file: `.jsonl` as JSON lines, any other name as CSV.

    Raises:
        SourceError: the file exists, or it cannot be written.
        RefNotFound, TableNotFound: there is no such ref; the ref has neither the table nor records that it refused.
        ContractError: the contract does not say what the table's files look like.
        QueryError: a condition that cannot be used.
    """
    contract = context.contracts[table]
    source = source_of(contract)
    check_condition(context.engine, selection.where)
    pointers = quarantine_at(context, ref, table)
    records = raw = 0
    with _new_file(file) as stream:
        write = _JsonLines(stream, source) if file.suffix in JSON_LINES else _Csv(stream, contract, source)
        if pointers:
            with context.engine.session(pointers, confined=selection.where is not None) as session:
                for record in Waiting(session, contract, selection):
                    write.record(record)
                    records += 1
                    raw += record.values is None
    return ExportResult(table, file, records, raw)


def record_id(record: WaitingRecord) -> str:
    """Return a record's id in the file; no spreadsheet takes it for a number."""
    return f"{record.key[0]}#{record.key[2]}"


def guarded(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if _BEGINS_FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell


def unguarded(cell: str) -> str:
    """Return the original text of a guarded cell."""
    return cell[1:] if cell.startswith("'") and _BEGINS_FORMULA.match(cell) else cell


def cells(record: WaitingRecord, contract: Contract) -> list[str]:
    """Return a record's values as in the CSV file, by the contract's columns, not guarded."""
    if record.values is None:
        return ["" for _ in contract.columns]
    null = source_of(contract).null_texts[0]
    return [null if (value := record.values[column.name]) is None else value for column in contract.columns]


class _Csv:
    def __init__(self, stream: IO[str], contract: Contract, source: Source) -> None:
        stream.write("\ufeff")  # without it a spreadsheet does not take the text for UTF-8
        self._contract = contract
        self._encoding = source.encoding
        self._writer = csv.writer(stream)
        names = [column.name for column in contract.columns]
        self._writer.writerow([RECORD, *FOR_READING[:-1], *names, FOR_READING[-1]])

    def record(self, record: WaitingRecord) -> None:
        raw = _text(record, self._encoding) if record.values is None else ""
        about = [record_id(record), record.key[1], record.rule, record.reason]
        self._writer.writerow([guarded(cell) for cell in (*about, *cells(record, self._contract), raw)])


class _JsonLines:
    def __init__(self, stream: IO[str], source: Source) -> None:
        self._stream = stream
        self._encoding = source.encoding

    def record(self, record: WaitingRecord) -> None:
        line = {
            "record": record_id(record),
            "source": record.key[1],
            "rule": record.rule,
            "reason": record.reason,
            "values": record.values,
            **({"raw": _text(record, self._encoding)} if record.values is None else {}),
        }
        self._stream.write(json.dumps(line, ensure_ascii=False) + "\n")


def _text(record: WaitingRecord, encoding: str) -> str:
    return shown(record.raw, encoding).rstrip("\r\n")


@contextmanager
def _new_file(file: Path) -> Iterator[IO[str]]:
    """Create a file; it is deleted again if it is not finished."""
    try:
        with file.open("x", encoding="utf-8", newline="") as stream:
            yield stream
    except FileExistsError as error:
        raise SourceError(str(file), "it exists already and may contain edits.", "Choose another name.") from error
    except OSError as error:
        raise SourceError(str(file), f"it cannot be written: {error.strerror}.", "Check the path.") from error
    except BaseException:
        file.unlink(missing_ok=True)
        raise
