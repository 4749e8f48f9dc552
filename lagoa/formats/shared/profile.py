"""Describes the columns of a file in one pass: which forms their values have, how often, with an example of each.

A form is a value with its digits as 9, so that the numbers and dates of millions of records are a few dozen forms. What
a column is (type, decimal mark, form of dates, words for null) follows from its forms alone. Memory depends on
the number of forms, not of records; work is linear in values, however many columns they are in.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lagoa.contracts.formats import FORMATS
from lagoa.domain.sql_names import text_in_sql
from lagoa.formats.shared.null_words import NULL_WORDS
from lagoa.formats.shared.number_forms import BEFORE, BEHIND
from lagoa.formats.shared.values import from_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

TEXT, TRUTH, WORD = "text", "truth", "!"
"""The form of texts, and of true and false; what the form of a word for null begins with, the word follows."""

KNOWN = 10
"""Up to so many different values of a form are known one by one."""

_CELLS = 200_000
_FEW = (
    "SELECT c, s, v, n, r FROM seen SEMI JOIN (SELECT c, s FROM seen GROUP BY c, s "  # noqa: S608
    f"HAVING count(*) <= {KNOWN}) USING (c, s) ORDER BY r"
)
_FORMS = 500
_LONGEST = 40
_MEMORY = "60MB"
_HASHES = 1_000_000
_DATE = "^(9999[-/]99[-/]99|99[-/.]99[-/.]9999|[9z]9999999$)"
_NUMERIC = (
    f"[0-9 .,:/+()TZeEUS%R$€£\u00a0\u202f-]*[0-9][0-9 .,:/+()TZeEUS%R$€£\u00a0\u202f-]*(({BEHIND})[ \u00a0\u202f]*)?"
)
_ZEROS = (
    rf"^ *({BEFORE})? *[+-]?({BEFORE})? *"
    rf"0([0-9]+([.,][0-9]+)?|[0-9]{{1,2}}([.,][0-9]{{3}})+([.,][0-9]+)?) *({BEHIND})? *$"
)
_PLAUSIBLE = "BETWEEN '1850' AND '2100'"


@dataclass(slots=True)
class Dates:
    """How the values of a form fit one order of day, month and year.

    Attributes:
        local: how many are a moment without an offset.
        zoned: how many are one with or without an offset.
        plausible: how many have a year from 1850 to 2100.
        least: the first moment, in ISO 8601.
        greatest: the last.
    """

    local: int
    zoned: int
    plausible: int
    least: str | None
    greatest: str | None

    def add(self, other: Dates) -> None:
        """Add the values of another part of the file."""
        self.local += other.local
        self.zoned += other.zoned
        self.plausible += other.plausible
        self.least = min(filter(None, (self.least, other.least)), default=None)
        self.greatest = max(filter(None, (self.greatest, other.greatest)), default=None)


@dataclass(slots=True)
class Form:
    """The values of a column that have one form.

    Attributes:
        count: how many.
        distinct: at least so many different ones.
        first: the first.
        offset: where the record of the first begins, in bytes.
        least: the first in the order of texts, which for numbers of one form is that of their digits.
        greatest: the last in that order.
        shortest: characters of the shortest value.
        longest: of the longest.
        values: how many records have each value, and the offset of the first; None if they are more than `KNOWN`.
        dates: by the order of their parts (`dmy`, `mdy`, `ymd`).
    """

    count: int
    distinct: int
    first: str
    offset: int
    least: str
    greatest: str
    shortest: int
    longest: int
    values: dict[str, tuple[int, int]] | None
    dates: dict[str, Dates] = field(default_factory=dict)

    def add(self, other: Form) -> None:
        """Add the values of another part of the file, which comes later."""
        self.count += other.count
        self.distinct = max(self.distinct, other.distinct)
        self.least, self.greatest = min(self.least, other.least), max(self.greatest, other.greatest)
        self.shortest, self.longest = min(self.shortest, other.shortest), max(self.longest, other.longest)
        if self.values is not None and other.values is not None:
            for value, (count, offset) in other.values.items():
                seen, at = self.values.get(value, (0, offset))
                self.values[value] = seen + count, at
        if self.values is None or other.values is None or len(self.values) > KNOWN:
            self.values = None
        for order, dates in other.dates.items():
            if order in self.dates:
                self.dates[order].add(dates)
            else:
                self.dates[order] = dates


@dataclass(slots=True)
class Column:
    """The values of a column.

    Attributes:
        forms: by the form's text.
        records: of the file.
        present: how many have a value.
        formats: the formats of contracts that all values have, of those that were looked for.
        twins: two values that are different texts and the same number, such as `1.10` and `1.1`.
        unique: whether the first values all differ.
        examined: how many that are.
    """

    forms: dict[str, Form] = field(default_factory=dict)
    records: int = 0
    present: int = 0
    formats: set[str] = field(default_factory=set)
    twins: tuple[str, str] | None = None
    unique: bool = False
    examined: int = 0

    @property
    def longest(self) -> int:
        """Characters of the longest value."""
        return max((form.longest for form in self.forms.values()), default=0)

    @property
    def shortest(self) -> int:
        """Characters of the shortest value."""
        return min((form.shortest for form in self.forms.values()), default=0)

    @property
    def values(self) -> dict[str, tuple[int, int]] | None:
        """All different values, if they are few."""
        found: dict[str, tuple[int, int]] = {}
        for form in self.forms.values():
            if form.values is None:
                return None
            found |= form.values
        return found


class Profile:
    """The columns of a file whose values are text, in the order of the file.

    Attributes:
        columns: what was seen of each.
    """

    def __init__(self, formats: Sequence[Mapping[str, tuple[int, int]]]) -> None:
        """Prepare for columns; for each, the formats to look for with the shortest and longest value of each."""
        import duckdb

        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": _MEMORY, "threads": 2, "temp_directory": tempfile.gettempdir(),
        }  # fmt: skip
        self.columns = [Column(formats=set(each)) for each in formats]
        self._lengths = formats
        self._hashes: dict[int, list[npt.NDArray[np.uint64]]] = {place: [] for place in range(len(formats))}
        self._repeating: set[int] = set()
        self._kept = 0
        self._connection = duckdb.connect(config=config)

    def see(self, values: pa.Table, offsets: pa.ChunkedArray) -> None:
        """Add records: their values by column, and where each begins."""
        rows = max(1, _CELLS // max(len(self.columns), 1))
        for start in range(0, values.num_rows, rows):
            self._see(values.slice(start, rows), offsets.slice(start, rows))

    def finish(self) -> None:
        """Count the different values, put the forms in the order of the file, and release the memory."""
        import numpy as np

        for column in self.columns:
            column.forms = dict(sorted(column.forms.items(), key=lambda item: item[1].offset))
        for place, hashes in self._hashes.items():
            column = self.columns[place]
            column.examined = sum(map(len, hashes))
            column.unique = bool(hashes) and len(np.unique(np.concatenate(hashes))) == column.examined
        self._hashes = {}
        self._connection.close()

    def _see(self, values: pa.Table, offsets: pa.ChunkedArray) -> None:
        import numpy as np
        import pyarrow as pa

        count, rows = len(self.columns), values.num_rows
        chunks = [chunk for column in values.columns for chunk in column.chunks]
        cells = pa.table(
            {
                "c": np.repeat(np.arange(count, dtype=np.int32), rows),
                "v": pa.concat_arrays(chunks) if chunks else pa.array([], pa.string()),
                "r": np.tile(offsets.to_numpy(), count),
            }
        )
        for place, column in enumerate(self.columns):
            column.records += rows
            column.present += rows - values.column(place).null_count
        self._connection.register("cells", cells)
        self._connection.execute(
            f"CREATE OR REPLACE TEMP TABLE seen AS SELECT *, {_form_sql()} AS s FROM (SELECT c, v, "  # noqa: S608
            "count(*)::BIGINT AS n, min(r) AS r FROM cells WHERE v IS NOT NULL GROUP BY c, v)"
        )
        self._add_forms()
        self._add_formats()
        self._add_twins()
        self._add_hashes()
        self._connection.unregister("cells")

    def _add_forms(self) -> None:
        dates: dict[tuple[int, str], dict[str, Dates]] = defaultdict(dict)
        for c, s, order, *found in self._connection.execute(_dates_sql()).fetchall():
            dates[c, s][order] = Dates(*found)
        values: dict[tuple[int, str], dict[str, tuple[int, int]]] = defaultdict(dict)
        for c, s, v, n, r in self._connection.execute(_FEW).fetchall():
            values[c, s][v] = n, r
        query = (
            "SELECT c, s, sum(n)::BIGINT, count(*), min_by(v, r), min(r), min(v), max(v), min(length(v)), "
            "max(length(v)) FROM seen GROUP BY c, s"
        )
        for c, s, *figures in self._connection.execute(query).fetchall():
            count, distinct, first, offset, least, greatest, shortest, longest = figures
            if count > distinct:
                self._repeating.add(c)
            known = values.get((c, s))
            form = Form(
                count, distinct, first, offset, least, greatest, shortest, longest, known, dates.get((c, s), {})
            )
            forms = self.columns[c].forms
            name = s if s in forms or len(forms) < _FORMS else TEXT
            if name in forms:
                forms[name].add(form)
            else:
                forms[name] = form

    def _add_formats(self) -> None:
        """Drop the formats that some value does not have; lengths are compared first."""
        open_ = defaultdict(list)
        for place, column in enumerate(self.columns):
            for name in list(column.formats):
                least, most = self._lengths[place][name]
                if column.forms and not (least <= column.shortest and column.longest <= most):
                    column.formats.discard(name)
                elif column.forms:
                    open_[name].append(place)
        for name, places in open_.items():
            query = f"SELECT DISTINCT c FROM seen WHERE c IN ({_numbers(places)}) AND NOT {FORMATS[name].holds('v')}"  # noqa: S608
            for (place,) in self._connection.execute(query).fetchall():
                self.columns[place].formats.discard(name)

    def _add_twins(self) -> None:
        places = [place for place, column in enumerate(self.columns) if column.twins is None]
        query = (
            "SELECT a.c, min_by(a.v, a.r), min_by(b.v, a.r) FROM seen a JOIN seen b ON a.c = b.c "  # noqa: S608
            "AND b.v = rtrim(a.v, '0') WHERE regexp_full_match(a.v, '[0-9]{1,6}[.,][0-9]*[1-9]0+') "
            f"AND a.c IN ({_numbers(places)}) GROUP BY a.c"
        )
        for place, value, other in self._connection.execute(query).fetchall() if places else ():
            self.columns[place].twins = value, other

    def _add_hashes(self) -> None:
        """Keep the values' hashes of columns without a repeated value so far, up to a limit for all of them."""
        import numpy as np

        for place in self._repeating.intersection(self._hashes):
            self._kept -= sum(map(len, self._hashes.pop(place)))
        if not self._hashes or self._kept > _HASHES:
            return
        query = f"SELECT c, hash(v) AS h FROM seen WHERE c IN ({_numbers(self._hashes)}) ORDER BY c"  # noqa: S608
        found = self._connection.execute(query).fetchnumpy()
        edges = np.searchsorted(found["c"], [*sorted(self._hashes), len(self.columns)])
        for place, start, stop in zip(sorted(self._hashes), edges, edges[1:], strict=False):
            self._hashes[place].append(np.asarray(found["h"][start:stop]))
        self._kept += len(found["c"])


def misfit(name: str, kind: str) -> str:
    """Return the condition under which ingest could not make a value of a type from a text; dates are in ISO 8601."""
    made = from_text(name, "NULL", kind).sql
    return " OR ".join(f"({bad})" for bad in from_text(name, f"({made})", kind).bad)


def _numbers(places: Iterable[int]) -> str:
    return ", ".join(map(str, places))


def _form_sql() -> str:
    """Return the form of a value `v`; what is no number or date by its characters is found out first, being cheap."""
    digits = "translate(v, '012345678', '999999999')"
    words = ", ".join(text_in_sql(word) for word in sorted(NULL_WORDS))
    zeros = f"regexp_matches(v, '{_ZEROS}')"
    return (
        f"CASE WHEN v IN ({words}) THEN '{WORD}' || v "
        f"WHEN length(v) <= {_LONGEST} AND regexp_full_match(v, '{_NUMERIC}') "
        f"THEN CASE WHEN {zeros} THEN regexp_replace({digits}, '9', 'z') ELSE {digits} END "
        f"WHEN lower(v) IN ('true', 'false') THEN '{TRUTH}' ELSE '{TEXT}' END"
    )


def _dates_sql() -> str:
    """Return the query for how values that look like dates fit the orders of their parts."""
    marked = "s[3] IN ('/', '-', '.')"
    parts = {
        "dmy": f"WHEN s[1:4] = '9999' AND s[5] <> '9' THEN NULL WHEN {marked} "
        "THEN v[7:10] || '-' || v[4:5] || '-' || v[1:2] || v[11:] ELSE v[5:8] || '-' || v[3:4] || '-' || v[1:2]",
        "mdy": f"WHEN s[1:4] = '9999' AND s[5] <> '9' THEN NULL WHEN {marked} "
        "THEN v[7:10] || '-' || v[1:2] || '-' || v[4:5] || v[11:] ELSE v[5:8] || '-' || v[1:2] || '-' || v[3:4]",
        "ymd": f"WHEN {marked} THEN NULL WHEN s[5] IN ('/', '-') "
        "THEN v[1:4] || '-' || v[6:7] || '-' || v[9:] ELSE v[1:4] || '-' || v[5:6] || '-' || v[7:8]",
    }
    branches = " UNION ALL ".join(
        f"SELECT c, s, '{order}' AS o, n, CASE {iso} END AS x FROM dated"  # noqa: S608
        for order, iso in parts.items()
    )
    misfits = [misfit("x", kind) for kind in ("timestamp", "timestamptz")]
    local, zoned = (f"coalesce(sum(n) FILTER (NOT ({each})), 0)::BIGINT" for each in misfits)
    plausible = f"coalesce(sum(n) FILTER (x[1:4] {_PLAUSIBLE}), 0)::BIGINT"
    least, greatest = (f"CAST({each}(TRY_CAST(x AS TIMESTAMP)) AS VARCHAR)" for each in ("min", "max"))  # in UTC
    return (
        f"WITH dated AS MATERIALIZED (SELECT c, s, v, n FROM seen WHERE regexp_matches(s, '{_DATE}')) "  # noqa: S608
        f"SELECT c, s, o, {local}, {zoned}, {plausible}, {least}, {greatest} "
        f"FROM ({branches}) WHERE x IS NOT NULL GROUP BY c, s, o"
    )
