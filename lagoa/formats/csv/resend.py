"""Splits refused CSV records into fields again, each alone, by the rules for whole files."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lagoa.contracts.contract import Column
from lagoa.errors import SourceError
from lagoa.formats.csv.dialect import dialect_of
from lagoa.formats.csv.reader import CsvReader
from lagoa.formats.csv.records import split
from lagoa.formats.shared.files import BOM, SourceFile
from lagoa.formats.shared.refused import Fault, Split, all_columns, find_columns
from lagoa.formats.shared.stream import REASON, ROW, RULE, stream_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lagoa.contracts.contract import Contract
    from lagoa.formats.csv.dialect import Dialect
    from lagoa.formats.csv.options import CsvSource
    from lagoa.formats.shared.refused import Kept


def split_csv(contract: Contract, source: CsvSource, records: Sequence[Kept], *, alone: bool) -> list[Split]:
    """Return the values of each record by the contract's current dialect; see `Format.split`."""
    found: dict[int, Split] = {}
    by_header: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for place, record in enumerate(records):
        if record.header is None:  # it names its fields itself: the table had files of another format
            found[place] = Split(None, record.fault)
        else:
            by_header[record.header].append(place)
    for header, places in by_header.items():
        kept = [records[place] for place in places]
        found.update(zip(places, _split(contract, source, header, kept, alone=alone), strict=True))
    return [found[place] for place in range(len(records))]


def _split(
    contract: Contract, source: CsvSource, header: tuple[str, ...], records: Sequence[Kept], *, alone: bool
) -> list[Split]:
    """Return the values of records that have the fields `header`, each read alone."""
    known = {name for column in contract.columns for name in column.source_names}
    named = list(header)
    while len(named) > 1 and not named[-1].strip() and named[-1] not in known:
        named.pop()  # last fields without a name
    columns, fault = find_columns(contract, named)
    if fault is not None:
        return [Split(None, fault)] * len(records)
    dialect = dialect_of(source, len(header), str(contract.file))
    alone = alone or dialect.quote is None
    faults = [_fault(record, dialect, alone=alone) for record in records]
    sound = [record.raw for record, bad in zip(records, faults, strict=True) if not bad]
    found = iter(_sound(contract, source, header, columns, sound))
    return [Split(None, bad) if bad else next(found) for bad in faults]


def _fault(record: Kept, dialect: Dialect, *, alone: bool) -> Fault | None:
    if record.fault.rule == "quoting" and not alone:
        return record.fault
    pieces = split(record.raw, dialect, final=True)
    if len(pieces.starts) != 1:
        return Fault("fields", f"{len(pieces.starts)} records, 1 expected")
    return pieces.bad.get(0)


def _sound(
    contract: Contract, source: CsvSource, header: Sequence[str], columns: Sequence[Column], raws: Sequence[bytes]
) -> list[Split]:
    """Return the values of records that are each readable alone, using the reader of whole files."""
    if not raws:
        return []
    encoding = dialect_of(source, len(header), str(contract.file)).encoding
    form = source.model_copy(update={"header": list(header), "skip": 0, "footer": 0, "encoding": encoding})
    each_alone = (
        Column(f"c{place}", "string", header=name, nulls=column.nulls)
        for place, (name, column) in enumerate(zip(header, columns, strict=False))
    )
    reading = replace(contract, columns=tuple(each_alone))
    # The reader drops one BOM, so a record that begins with one keeps its own. A final CR would combine with an LF.
    content = BOM if encoding == "utf-8" else b""
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
    names = [column.name for column in columns]
    values = zip(*(table.column(stream_name(column.name)).to_pylist() for column in reading.columns), strict=True)
    faults = zip(table.column(RULE).to_pylist(), table.column(REASON).to_pylist(), strict=True)
    return [
        Split(None, Fault(rule, reason)) if rule else Split(all_columns(contract, dict(zip(names, texts, strict=True))))
        for (rule, reason), texts in zip(faults, values, strict=True)
    ]
