"""Refused records as text again: split into the contract's columns from their bytes, as far as they can be."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lagoa.contracts import Column
from lagoa.contracts.iceberg_types import parse_type
from lagoa.domain.sql_names import name_in_sql
from lagoa.domain.suggestions import near
from lagoa.errors import SourceError
from lagoa.formats.csv.reader import CsvReader, dialect_of
from lagoa.formats.json.texts import is_made, is_shown, made_name, misfit_name, object_of, text_of
from lagoa.formats.json.values import Unreadable
from lagoa.formats.shared.files import SourceFile
from lagoa.formats.shared.records import Fault, split
from lagoa.formats.shared.stream import RAW, ROW, stream_name
from lagoa.formats.shared.values import Value, from_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lagoa.contracts import Contract, Source
    from lagoa.formats.shared.records import Dialect

Texts = dict[str, str | None]
"""A record's values as text, by the contract's columns; None is null."""

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Kept:
    """A refused record as the quarantine keeps it.

    Attributes:
        raw: its bytes.
        header: names of its fields in their order; None where the record names them itself.
        fixed: values put in the place of those received.
        fault: what was wrong with it when it was last judged.
    """

    raw: bytes
    header: tuple[str, ...] | None
    fixed: Texts
    fault: Fault


@dataclass(frozen=True, slots=True)
class Split:
    """What became of it: its values, all columns of the contract; or why it cannot be split into them."""

    values: Texts | None
    fault: Fault | None = None


def split_records(contract: Contract, source: Source, records: Sequence[Kept], *, alone: bool) -> list[Split]:
    """Return the values of each record by the contract's dialect of today, with what was fixed in their place.

    A record that cannot be split counts as split when every column of it was fixed.

    Args:
        contract: of the table that refused the records.
        source: the form of its files.
        records: the records.
        alone: whether lines that broken quoting spoilt are records by themselves. They may as well be text from
            within a field, so this is for a person to say.
    """
    found: dict[int, Split] = {}
    by_header: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for place, record in enumerate(records):
        if (record.header is None) == (source.format == "csv"):  # of files of another form than they have now
            found[place] = Split(None, record.fault)
        elif record.header is None:
            found[place] = _from_json(contract, source, record)
        else:
            by_header[record.header].append(place)
    for header, places in by_header.items():
        kept = [records[place] for place in places]
        found.update(zip(places, _from_csv(contract, source, header, kept, alone=alone), strict=True))
    return [_fixed(contract, found[place], record.fixed) for place, record in enumerate(records)]


def _fixed(contract: Contract, found: Split, fixed: Texts) -> Split:
    if not fixed:
        return found
    names = {column.name for column in contract.columns}
    known = {name: value for name, value in fixed.items() if name in names}
    if found.values is not None:
        return Split({**found.values, **known})
    return Split(known) if names == known.keys() else found


def _from_csv(
    contract: Contract, source: Source, header: tuple[str, ...], records: Sequence[Kept], *, alone: bool
) -> list[Split]:
    """Return the values of records that have the fields `header`, each read by itself."""
    columns, fault = _columns(contract, header)
    if fault is not None:
        return [Split(None, fault)] * len(records)
    dialect = dialect_of(source, len(header), str(contract.file))
    alone = alone or dialect.quote is None
    faults = [_fault(record, dialect, alone=alone) for record in records]
    sound = [record.raw for record, bad in zip(records, faults, strict=True) if not bad]
    rows = iter(_sound(contract, source, len(header), sound))
    return [
        Split(None, bad) if bad else Split({**_nothing(contract), **dict(zip(columns, next(rows), strict=True))})
        for bad in faults
    ]


def _fault(record: Kept, dialect: Dialect, *, alone: bool) -> Fault | None:
    if record.fault.rule == "quoting" and not alone:
        return record.fault
    pieces = split(record.raw, dialect, final=True)
    if len(pieces.starts) != 1:
        return Fault("fields", f"{len(pieces.starts)} records, 1 expected")
    return pieces.bad.get(0)


def _sound(contract: Contract, source: Source, fields: int, raws: Sequence[bytes]) -> Iterable[Sequence[str | None]]:
    """Return the fields of records of which each is sound by itself, by the reader of whole files."""
    if not raws:
        return []
    form = source.model_copy(update={"header": False})
    reading = replace(contract, columns=tuple(Column(f"c{place}", "string") for place in range(fields)))
    # A file begins with one, which is no part of its first record; a line that ends in CR would meet the next one's LF.
    content = _BOM if dialect_of(source, fields, str(contract.file)).encoding == "utf-8" else b""
    content += b"".join(raw if raw.endswith(b"\n") else raw + b"\n" for raw in raws)
    with tempfile.TemporaryDirectory(prefix="lagoa-") as folder:
        path = Path(folder) / "records.csv"
        path.write_bytes(content)
        table = CsvReader(reading, form, SourceFile(path)).stream().reader().read_all().sort_by(ROW)
    if table.num_rows != len(raws):
        raise SourceError(
            str(contract.table.quarantine),
            f"of {len(raws)} records {table.num_rows} were read again; nothing was written.",
            "This is an error in Lagoa: report it with the contract and the records.",
        )
    values = [table.column(stream_name(column.name)).to_pylist() for column in reading.columns]
    return zip(*values, strict=True)


def _columns(contract: Contract, names: Iterable[str]) -> tuple[list[str], Fault | None]:
    """Return the contract's column of each name in a file: its name there, its own, or a former one."""
    known = {name: column.name for column in contract.columns for name in column.former_names}
    known.update({column.name: column.name for column in contract.columns})
    known.update({column.source_name: column.name for column in contract.columns})
    found: list[str] = []
    for name in names:
        if name not in known:
            return [], Fault("keys", f"the key {name!r} is not in the contract of {contract.table}.{near(name, known)}")
        if known[name] in found:
            return [], Fault("keys", f"{known[name]!r} is there twice")
        found.append(known[name])
    return found, None


def _from_json(contract: Contract, source: Source, record: Kept) -> Split:
    """Return the values of a record that is a JSON object: numbers as they are written, what is nested as JSON."""
    try:
        found = object_of(record.raw, source, record.fault)
    except Unreadable as error:
        return Split(None, error.fault)
    names, fault = _columns(contract, found)
    if fault is not None:
        return Split(None, fault)
    types = {column.name: column.type for column in contract.columns}
    if source.format not in {"json", "jsonl"} and any(
        is_shown(value, parse_type(types[name])) for name, value in zip(names, found.values(), strict=True)
    ):
        return Split(None, record.fault)
    values = {name: text_of(value, types[name]) for name, value in zip(names, found.values(), strict=True)}
    return Split({**_nothing(contract), **values})


def _nothing(contract: Contract) -> Texts:
    return {column.name: None for column in contract.columns}


class TextRecords:
    """Records whose values are text under the contract's columns, all of them: what `RowSql` judges.

    Attributes:
        columns: the contract's columns.
        raw: a record's bytes, as SQL over the stream.
    """

    raw = name_in_sql(RAW)

    def __init__(self, contract: Contract, source: Source) -> None:
        self.columns = tuple(column.name for column in contract.columns)
        self._decimal = source.decimal if source.format == "csv" else "."
        self._date = source.date

    def value(self, column: Column) -> Value:
        """Return the SQL of a column's value over the stream; raises `ValueError` when no text has such values."""
        text, made = name_in_sql(stream_name(column.name)), name_in_sql(column.name)
        kind = parse_type(column.type)
        if kind.parts and not is_made(kind):
            return Value("NULL", (f"{text} IS NOT NULL",))
        if kind.parts:
            return Value(name_in_sql(made_name(column.name)), (name_in_sql(misfit_name(column.name)),))
        if kind.name in {"binary", "fixed"}:
            return Value(f"TRY_CAST({text} AS BLOB)", (f"{text} IS NOT NULL AND {made} IS NULL",))
        return from_text(text, made, column.type, self._decimal, self._date)
