"""Makes the columns of a stream from the trees of XML records, by the paths in the contract."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lagoa.contracts.iceberg_types import parse_type
from lagoa.domain.suggestions import did_you_mean
from lagoa.errors import SourceError
from lagoa.formats.shared.json_nested import Misfit
from lagoa.formats.shared.json_values import Unreadable
from lagoa.formats.shared.nested_values import NestedValues, nested_of, texts_of
from lagoa.formats.xml.parser import Many, Record
from lagoa.formats.xml.paths import TEXT, steps_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import pyarrow as pa

    from lagoa.contracts.contract import Column, Contract
    from lagoa.contracts.iceberg_types import IcebergType
    from lagoa.formats.shared.casts import Value
    from lagoa.formats.shared.refused import Fault
    from lagoa.formats.xml.options import XmlSource

_SPACE = " \t\r\n"


@dataclass(slots=True)
class _Spot:
    """A place in a record: the column that is there, if any, and the places inside it by name."""

    column: Column | None = None
    inside: dict[str, _Spot] = field(default_factory=dict)


class XmlColumns:
    """Where the columns of a contract are in its records."""

    def __init__(self, contract: Contract, source: XmlSource, names: Callable[[Column], Iterable[str]]) -> None:
        """Read the paths.

        Args:
            contract: of the table.
            source: the form of its files.
            names: returns the paths that a column has in files.

        Raises:
            ValueError: a name is no path.
        """
        self._table = contract.table
        self._spots: dict[str, _Spot] = {}
        last = steps_of(source.record, source.namespaces)[-1]
        own = last[: last.index("}") + 1] if last.startswith("{") else ""
        for column in contract.columns:
            for name in names(column):
                spots, spot = self._spots, None
                for step in steps_of(name, source.namespaces):
                    at, plain = ("@", step[1:]) if step.startswith("@") else ("", step)
                    key = at + (plain.removeprefix(own) if own else plain)
                    spot = spots.setdefault(key, _Spot())
                    spots = spot.inside
                if spot is not None:
                    spot.column = spot.column or column
        self._flat = {key: spot.column.name for key, spot in self._spots.items() if spot.column and not spot.inside}
        self._is_plain = len(set(self._flat.values())) == len(self._flat)

    def place(self, record: Record) -> dict[str, Any]:
        """Return what a record has in each column, by the column's name.

        Raises:
            Unreadable: it has something that no column is for, or one column twice.
        """
        if record.fault:
            raise Unreadable("nil", record.fault)
        if self._is_plain and record.fields.keys() <= self._flat.keys():
            return {self._flat[key]: value for key, value in record.fields.items()}
        found: dict[str, Any] = {}
        self._fill(found, record.fields, self._spots, "")
        return found

    def _fill(self, found: dict[str, Any], fields: dict[str, Any], spots: dict[str, _Spot], above: str) -> None:
        for key, value in fields.items():
            path = f"{above}{key}"
            spot = spots.get(key)
            if spot is None:
                raise self._unknown(path, spots)
            column = spot.column
            if not spot.inside and column is not None:
                self._take(found, column, value, path)
            elif isinstance(value, dict):
                inside = value
                if column is not None and TEXT in value:
                    self._take(found, column, value[TEXT], path)
                    inside = {name: each for name, each in value.items() if name != TEXT}
                self._fill(found, inside, spot.inside, f"{path}/")
            elif isinstance(value, Many):
                raise Unreadable("keys", f"{path!r} occurs {len(value)} times, and its columns are for one")
            elif column is not None:
                self._take(found, column, value, path)
            elif value is not None and value.strip(_SPACE):
                raise self._unknown(f"{path}/{TEXT}", spot.inside)

    @staticmethod
    def _take(found: dict[str, Any], column: Column, value: Any, path: str) -> None:
        if column.name in found:
            raise Unreadable("keys", f"{path!r} and another name in the record are both {column.name}")
        found[column.name] = value

    def _unknown(self, path: str, spots: dict[str, _Spot]) -> Unreadable:
        known = [path.rpartition("/")[0] + "/" * ("/" in path) + key for key in spots]
        return Unreadable("keys", f"{path!r} is not in the contract of {self._table}.{did_you_mean(path, known)}")


class XmlValues(NestedValues):
    """XML records whose columns are known.

    Attributes:
        header: the namespaces that are declared around the records; None for none. Each record names its fields.
    """

    header: tuple[str, ...] | None = None

    def __init__(self, contract: Contract, source: XmlSource, file: str) -> None:
        """Read the contract.

        Raises:
            SourceError: a name of a column in files is no path.
        """
        super().__init__(contract, source)
        try:
            self._places = XmlColumns(contract, source, lambda column: column.source_names)
        except ValueError as error:
            advice = f"Correct lagoa.header of the column in {contract.file}."
            raise SourceError(file, f"a column's name in files cannot be used: {error}.", advice) from error

    def value(self, column: Column) -> Value:
        """Return the SQL of a column's value; raises `ValueError` if XML cannot express the type."""
        refuse_maps(parse_type(column.type))
        return super().value(column)

    def read(self, records: Sequence[Record]) -> tuple[pa.Table, dict[int, Fault]]:
        """Return the values of the readable records in the schema's order, and why the others are unreadable."""
        import pyarrow as pa

        found: list[dict[str, Any]] = []
        bad: dict[int, Fault] = {}
        scalars = [(column.name, column.type) for column, kind in self.kinds if not kind.parts]
        for number, record in enumerate(records):
            try:
                values = self._places.place(record)
                for name, kind_name in scalars:
                    if type(value := values.get(name)) is not str and value is not None:
                        values[name] = text_of(value, name, kind_name)
                found.append(values)
            except Unreadable as error:
                bad[number] = error.fault
        arrays: list[pa.Array] = []
        for column, kind in self.kinds:
            values_of = [each.get(column.name) for each in found]
            if kind.parts:
                shapes = [_shape(column.name in each, each.get(column.name), kind) for each in found]
                arrays += nested_of(shapes, kind)
            else:
                arrays.append(texts_of(values_of, column))
        return pa.Table.from_arrays(arrays, names=self.schema.names[5:]), bad


def text_of(value: Any, name: str, kind: str) -> str | None:
    """Return what a column of scalars has as text.

    Raises:
        Unreadable: it is more than a text.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Many):
        raise Unreadable(f"type/{name}", f"{name} is no {kind}: the element occurs {len(value)} times")
    inner = next((key for key in value if key != TEXT), TEXT)
    if inner == TEXT:
        return text_of(value[TEXT], name, kind)
    what = f"the attribute {inner[1:]!r}" if inner.startswith("@") else f"the element {inner!r}"
    raise Unreadable("keys", f"{name} has {what} in it, which is not in the contract")


def _shape(is_there: bool, value: Any, kind: IcebergType) -> Any:
    try:
        return shaped(value, kind) if is_there else None
    except (Misfit, RecursionError):
        return "" if value is not None else None  # a text is no list and no struct


def shaped(value: Any, kind: IcebergType) -> Any:
    """Return what an element contains as JSON would have it for a type: one element may be a list of one.

    Raises:
        Misfit: it does not fit the type.
    """
    if kind.name == "list":
        parts = value if isinstance(value, Many) else [value]
        return [shaped(each, kind.parts[0][1]) for each in parts]
    if isinstance(value, Many):
        raise Misfit
    if value is None:
        return None
    if kind.name == "struct":
        fields = dict(kind.parts)
        own = value if isinstance(value, dict) else {TEXT: value} if value.strip(_SPACE) or TEXT in fields else {}
        if TEXT not in fields and not (own.get(TEXT) or "").strip(_SPACE):
            own = {name: each for name, each in own.items() if name != TEXT}
        if not own.keys() <= fields.keys():
            raise Misfit
        return {name: shaped(each, fields[name]) for name, each in own.items()}
    if isinstance(value, dict):
        if value.keys() != {TEXT}:
            raise Misfit
        return value[TEXT]
    return value


def refuse_maps(kind: IcebergType) -> None:
    """Raise `ValueError` for a type that XML has no form for."""
    if kind.name == "map":
        raise ValueError("XML cannot express a map; use a struct, or a list of structs")
    for _, part in kind.parts:
        refuse_maps(part)
