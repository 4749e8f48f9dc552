"""Makes the columns of a stream from JSON records: scalars as text, nested values in their type."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Any

from lagoa.domain.suggestions import did_you_mean
from lagoa.errors import SourceError
from lagoa.formats.shared.json_values import Unreadable, read_object, texts_for
from lagoa.formats.shared.nested_values import NestedValues, nested_of, texts_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from lagoa.contracts.contract import Contract
    from lagoa.formats.json.options import JsonSource
    from lagoa.formats.shared.refused import Fault


class JsonValues(NestedValues):
    """JSON records whose columns are known.

    Attributes:
        header: None, since each record names its fields itself.
        encoding: of the records.
    """

    header: tuple[str, ...] | None = None

    def __init__(self, contract: Contract, source: JsonSource, file: str) -> None:
        """Read the contract.

        Raises:
            SourceError: an encoding that Lagoa does not support.
        """
        super().__init__(contract, source)
        self._contract = contract
        self.encoding = _encoding(source, file)
        self._renamed = [column for column in contract.columns if column.other_headers]
        self._known = {name for column in contract.columns for name in column.source_names}

    def read(self, records: Sequence[bytes]) -> tuple[pa.Table, dict[int, Fault]]:
        """Return the values of the readable records in the schema's order, and why the others are unreadable."""
        import pyarrow as pa

        found, bad = [], {}
        for number, record in enumerate(records):
            try:
                found.append(self._object(record))
            except Unreadable as error:
                bad[number] = error.fault
        arrays: list[pa.Array] = []
        for column, kind in self.kinds:
            values = [_value(each, column.source_names) for each in found]
            if kind.parts:
                arrays += nested_of(values, kind)
            else:
                arrays.append(texts_of(texts_for(values, kind), column))
        return pa.Table.from_arrays(arrays, names=self.schema.names[5:]), bad

    def _object(self, record: bytes) -> dict[str, Any]:
        found = read_object(record, self.encoding)
        if found.keys() <= self._known:
            for column in self._renamed:
                if len(names := [name for name in column.source_names if name in found]) > 1:
                    raise Unreadable("keys", f"the keys {' and '.join(map(repr, names))} are both {column.name}")
            return found
        key = next(key for key in found if key not in self._known)
        reason = f"the key {key!r} is not in the contract of {self._contract.table}.{did_you_mean(key, self._known)}"
        raise Unreadable("keys", reason)


def _value(record: dict[str, Any], names: Sequence[str]) -> Any:
    """Return the value of the one name that a record has; None if it has none."""
    return next((record[name] for name in names if name in record), None)


def _encoding(source: JsonSource, file: str) -> str:
    encoding = codecs.lookup(source.encoding).name
    if encoding not in {"utf-8", "iso8859-1", "cp1252"}:
        raise SourceError(
            file,
            f"Lagoa does not read JSON in the encoding {source.encoding!r}.",
            f"JSON is UTF-8: convert it with `iconv -f {source.encoding} -t utf-8`, and write utf-8 in the contract.",
        )
    return encoding
