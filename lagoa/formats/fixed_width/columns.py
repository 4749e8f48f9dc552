"""Makes the columns of a stream from lines of fixed widths, by the fields in the contract."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from lagoa.contracts.iceberg_types import NUMBERS, parse_type
from lagoa.domain.sql_names import name_in_sql
from lagoa.errors import SourceError
from lagoa.formats.shared.columns import match_columns, without
from lagoa.formats.shared.refused import Fault
from lagoa.formats.shared.stream import RAW, stream_name, stream_schema
from lagoa.formats.shared.values import from_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from lagoa.contracts.contract import Column, Contract
    from lagoa.formats.fixed_width.options import FixedField, FixedSource
    from lagoa.formats.shared.casts import Value

_DIGITS = r"^([+-]?)([0-9]*)([0-9]{%d})$"
_ZEROS = r"^([+-]?)0+([0-9])"
_SPACE = " "


class FixedValues:
    """Lines of fixed widths whose columns are known.

    Attributes:
        columns: the contract's columns that are fields, in the order of the fields.
        header: None, since the contract has the fields.
        raw: a record's bytes, as SQL over the stream.
    """

    raw = name_in_sql(RAW)
    header: tuple[str, ...] | None = None

    def __init__(self, contract: Contract, source: FixedSource, file: str) -> None:
        """Match fields and columns.

        Raises:
            SourceError: a field has no column, a required column no field, or the encoding has no fixed widths.
        """
        self.columns = match_columns(contract, tuple(source.columns), file)
        name = codecs.lookup(source.encoding).name
        if name.startswith(("utf-16", "utf-32")):
            advice = f"Convert it by `iconv -f {source.encoding} -t utf-8`."
            raise SourceError(file, f"Lagoa does not read fixed widths in {source.encoding!r}.", advice)
        own = {column.name: column for column in contract.columns}
        fields = zip(self.columns, source.columns.values(), strict=True)
        self._fields: list[tuple[Column, FixedField]] = [(own[column], field) for column, field in fields]
        self._encoding = name
        self._source = source

    @property
    def schema(self) -> pa.Schema:
        """The stream's schema: all values are text."""
        import pyarrow as pa

        return stream_schema({column.name: pa.string() for column, _ in self._fields})

    def value(self, column: Column) -> Value:
        """Return the SQL of a column's value over the stream; raises `ValueError` if text cannot express the type."""
        text, made = name_in_sql(stream_name(column.name)), name_in_sql(column.name)
        return from_text(text, made, column.type, column.spelling(self._source.spelling))

    def read(self, records: Sequence[bytes]) -> tuple[pa.Table, dict[int, Fault]]:
        """Return the values of the readable records in the schema's order, and why the others are unreadable."""
        import pyarrow as pa

        bad: dict[int, Fault] = {}
        lines: list[str] = []
        numbers: list[int] = []
        for number, record in enumerate(records):
            found = self._line(record)
            if isinstance(found, Fault):
                bad[number] = found
            else:
                lines.append(found)
                numbers.append(number)
        whole = pa.array(lines, pa.string())
        arrays = []
        source = self._source
        for column, field in self._fields:
            mark = column.spelling(source.spelling).decimal
            array, misfits = _values(whole, parse_type(column.type).name, field, mark)
            arrays.append(without(array, column.nulls or ()))
            reason = f"{column.name} is no number of digits with {field.places} places that are not marked"
            for index in misfits:
                bad.setdefault(numbers[index], Fault(f"type/{column.name}", reason))
        good = pa.array([index for index, number in enumerate(numbers) if number not in bad], pa.int64())
        table = pa.Table.from_arrays(arrays, names=self.schema.names[5:])
        return table.take(good) if len(good) < len(numbers) else table, bad

    def _line(self, record: bytes) -> str | Fault:
        """Return a record as text without its end, or why it cannot be read."""
        try:
            line = record.removesuffix(b"\n").removesuffix(b"\r").decode(self._encoding)
        except UnicodeDecodeError as error:
            return Fault("encoding", f"byte {error.start + 1} is not {self._source.encoding}")
        if "\0" in line:
            return Fault("nul", "a NUL byte")
        if len(line) != self._source.width:
            return Fault("fields", f"a line of {len(line):,} characters, not {self._source.width:,}")
        prefix = self._source.prefix
        if prefix is not None and not line.startswith(prefix):
            return Fault("fields", f"it begins with {line[: len(prefix)]!r}, and records with {prefix!r}")
        return line


def _values(lines: pa.Array, kind: str, field: FixedField, mark: str) -> tuple[pa.Array, list[int]]:
    """Return the texts of a field, and the indexes of those that are no digits though their decimal mark is implied.

    Blank fields are null. Space around numbers and dates is padding, and behind text; so are zeros before numbers.
    """
    import pyarrow as pa
    from pyarrow import compute

    texts = compute.utf8_slice_codeunits(lines, field.start - 1, field.stop)
    trim = compute.utf8_rtrim if kind == "string" else compute.utf8_trim
    texts = trim(texts, _SPACE)
    texts = compute.if_else(compute.equal(texts, ""), pa.scalar(None, pa.string()), texts)
    misfits: list[int] = []
    if field.places:
        pattern = _DIGITS % field.places
        fits = compute.fill_null(compute.match_substring_regex(texts, pattern), True).to_numpy(zero_copy_only=False)
        misfits = (~fits).nonzero()[0].tolist()
        texts = compute.replace_substring_regex(texts, pattern, rf"\10\2{mark}\3")
    if kind in NUMBERS:
        texts = compute.replace_substring_regex(texts, _ZEROS, r"\1\2")
    return texts, misfits
