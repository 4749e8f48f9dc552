"""Columns of pandas as Arrow arrays, without a guess from their first values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lagoa.domain.lists import cut, repeated
from lagoa.formats.shared.arrow_types import passed_on
from lagoa.formats.shared.json_nested import Misfit

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from lagoa.contracts.iceberg_types import IcebergType

_QUICK = {
    ("string", "string"), ("integer", "int"), ("integer", "long"), ("floating", "double"), ("decimal", "decimal"),
    ("boolean", "boolean"),
}  # fmt: skip
"""Columns of objects that are all of one kind, and the types into which Arrow itself converts them exactly."""

_SHOWN = 100


def frame_of(source: Any) -> pd.DataFrame:
    """Return a DataFrame with one text as the name of each column; levels of its index that have a name are columns.

    Raises:
        ValueError: it is not one.
    """
    if getattr(source, "ndim", 0) != 2:  # noqa: PLR2004 - rows and columns
        raise ValueError(f"rows cannot come from a {type(source).__name__}, which has no named columns")
    levels = [name for name in source.index.names if name is not None]
    names = [*levels, *source.columns]
    odd = [name for name in names if not isinstance(name, str)]
    if odd:
        raise ValueError(f"the rows have a column with the name {odd[0]!r}, which is no text")
    twice = repeated(names)
    if twice is not None:
        where = ", once as its index" if twice in levels else ""
        raise ValueError(f"the rows have the column {twice!r} twice{where}")
    frame: pd.DataFrame = source.reset_index(level=levels) if levels else source
    return frame


def array_of(column: pd.Series[Any], kind: IcebergType | None) -> tuple[pa.Array, bool]:
    """Return a column as an Arrow array, and whether its values were made as values of `kind`.

    Raises:
        LookupError: a value cannot be converted; its arguments are the value's index and its text.
    """
    import pyarrow as pa

    missing = kind is not None and kind.name not in {"float", "double"} and bool(column.isna().all())
    if (column.dtype != object and not missing) or kind is None:
        try:
            # NaN stays NaN: in a column of numbers it is a result as well as a missing value.
            array = _whole(pa.array(column, from_pandas=column.dtype == object))
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            array = None
        own = array is None or str(array.type).startswith("extension<pandas")  # periods and intervals as their numbers
        if not own:
            return array, False
        if kind is None:
            raise LookupError(0, f"a column of {column.dtype}")
    return _made(column, kind), True


def _whole(array: pa.Array | pa.ChunkedArray) -> pa.Array:
    import pyarrow as pa

    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _made(column: pd.Series[Any], kind: IcebergType) -> pa.Array:
    import pandas as pd
    import pyarrow as pa

    from lagoa.write.objects import value_from

    wanted = passed_on(kind)
    if (pd.api.types.infer_dtype(column, skipna=True), kind.name) in _QUICK:
        try:
            return _whole(pa.array(column, wanted, from_pandas=kind.name != "double"))  # NaN of a double is no null
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            pass  # one of them does not fit: which one is found below
    values = []
    for index, given in enumerate(column):
        try:
            values.append(value_from(given, kind))
        except Misfit:
            raise LookupError(index, _shown(given)) from None
    return pa.array(values, wanted)


def _shown(value: Any) -> str:
    return cut(repr(value) if isinstance(value, str | bytes | list | dict | tuple) else str(value), _SHOWN)
