"""The refused records of a table that match a selection, as text, in a session."""

# ruff: noqa: S608 - names are quoted, values bound; a condition has been through the engine's parser
from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lagoa.contracts.quarantine import RECORD_KEY, with_fates
from lagoa.domain.sql_names import name_in_sql, table_in_sql
from lagoa.errors import ContractError, QueryError, SourceError
from lagoa.formats.resend import nested_columns, split_records
from lagoa.formats.shared.refused import Fault, Kept, Split
from lagoa.formats.shared.row_sql import STREAM
from lagoa.formats.shared.stream import ROW, RULE, stream_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from lagoa.contracts import Contract, Source
    from lagoa.domain.ports.engine import SqlEngine, SqlSession
    from lagoa.domain.selection import Fate, Selection
    from lagoa.domain.tables import TableName
    from lagoa.formats.shared.refused import Texts

RECORDS = "@records"
"""Temporary table: the records, all columns of the quarantine, `n` from 1, and `received_fixed`."""

_TEXTS = name_in_sql(STREAM)
_CHUNK = 10_000
_KEY = ", ".join(RECORD_KEY)


@dataclass(frozen=True, slots=True)
class WaitingRecord:
    """A waiting record as text.

    Attributes:
        n: its number within the selection.
        key: batch, source and number in its file.
        rule, reason: why it is waiting.
        raw: its bytes.
        fixed: values that replace those received.
        values: its values by column; None if it cannot be split into columns.
    """

    n: int
    key: tuple[str, str, int]
    rule: str
    reason: str
    raw: bytes
    fixed: Texts
    values: Texts | None


def source_of(contract: Contract) -> Source:
    """Return the form of a table's files.

    Raises:
        ContractError: the contract does not say it.
    """
    if contract.source is None:
        message = f"the contract of {contract.table} does not say what its files look like."
        raise ContractError(contract.file, None, message, "Restore lagoa.source: it is needed to read refused records.")
    return contract.source


def _in_encoding(source: Source, encoding: str | None, contract: Contract) -> Source:
    """Return the form of the files with another encoding, if one is given; raises `SourceError` if they have none."""
    if encoding is None:
        return source
    if "encoding" not in type(source).model_fields:
        message = f"{source.format} files have no encoding, and {encoding!r} is given."
        raise SourceError(str(contract.table.quarantine), message, "Leave it out.")
    return source.model_copy(update={"encoding": encoding})


def check_condition(engine: SqlEngine, where: str | None) -> None:
    """Make sure that a condition reads nothing but the record.

    Raises:
        QueryError: it is not a condition, or reads a table.
    """
    if where is not None and engine.tables_read(f"SELECT ({where}\n)"):
        raise QueryError("The condition reads a table.", "It may name the record's own columns only, which are text.")


def selection_sql(selection: Selection, fate: Fate | None) -> tuple[str, list[str]]:
    """Return the condition, and its parameters, for rule, batch and fate; the selection's own condition is not in it.

    Args:
        selection: which records.
        fate: only those with this fate; any if None.
    """
    wanted = {"rule": selection.rule, "_batch_id": selection.batch, "coalesce(fate, 'waiting')": fate}
    given = {column: value for column, value in wanted.items() if value is not None}
    return " AND ".join(f"{column} = ?" for column in given) or "true", list(given.values())


class Waiting:
    """The records of a selection in a session that can read the table's quarantine.

    The session has them as text in the table that `RowSql` reads, and as the quarantine keeps them in `RECORDS`.

    Attributes:
        unsplit: how many cannot be split into columns, before the condition selected some.
        left_out: how many of these the condition did not select.
    """

    def __init__(
        self, session: SqlSession, contract: Contract, selection: Selection, fate: Fate | None = "waiting"
    ) -> None:
        """Read the records and split them; `fate` may also be another one, or any, to show them.

        Raises:
            ContractError: the contract does not say what the table's files look like.
            SourceError: the records cannot be read in the encoding of the selection.
            QueryError: the condition fails.
        """
        self._session = session
        self._contract = contract
        self._source = _in_encoding(source_of(contract), selection.encoding, contract)
        self._names = [column.name for column in contract.columns]
        self._select(contract.table.quarantine, selection, fate)
        self._split(alone=selection.alone)
        self.unsplit = self._count_unsplit()
        if selection.where is not None:
            self._keep(f"SELECT n FROM ({self._view()}) WHERE ({selection.where}\n)")
        self.left_out = self.unsplit - self._count_unsplit()

    @property
    def count(self) -> int:
        """How many records there are."""
        return int(self._session.query(f"SELECT count(*) FROM {_TEXTS}").fetchall()[0][0])

    def __iter__(self) -> Iterator[WaitingRecord]:
        """Yield the records by batch, source and number."""
        texts = "".join(f", t.{name_in_sql(stream_name(name))}" for name in self._names)
        for rows in self._chunks(
            f"SELECT n, {_KEY}, rule, reason, raw, fixed, t.{name_in_sql(RULE)} IS NULL{texts} "
            f"FROM {name_in_sql(RECORDS)} JOIN {_TEXTS} AS t ON t.{name_in_sql(ROW)} = n"
        ):
            for n, batch, source, record, rule, reason, raw, fixed, whole, *values in rows:
                split = dict(zip(self._names, values, strict=True)) if whole else None
                yield WaitingRecord(n, (batch, source, record), rule, reason, raw, _loaded(fixed), split)

    @property
    def sql(self) -> str:
        """The query for the records with all columns of the quarantine."""
        kept = f"SELECT {name_in_sql(ROW)} FROM {_TEXTS}"
        return f"SELECT * EXCLUDE (n, received_fixed) FROM {name_in_sql(RECORDS)} WHERE n IN ({kept})"

    def replace(self, records: Iterable[tuple[WaitingRecord, Texts]]) -> None:
        """Replace values that were received, and keep only these records.

        Args:
            records: each with the values that change, by column; all columns if it cannot be split.
        """
        fixed = [(each.n, each.fixed | given, {**(each.values or {}), **given}) for each, given in records]
        self._session.query(f"CREATE OR REPLACE TEMP TABLE {_TEXTS} AS SELECT * FROM {_TEXTS} WHERE false").fetchall()
        for start in range(0, len(fixed), _CHUNK):
            part = fixed[start : start + _CHUNK]
            self._insert([n for n, _, _ in part], [Split(values) for _, _, values in part])
            self._session.register("@fixed", _fixes(part))
            self._session.query(
                f"UPDATE {name_in_sql(RECORDS)} SET fixed = f.fixed "
                f'FROM "@fixed" AS f WHERE f.n = {name_in_sql(RECORDS)}.n'
            ).fetchall()

    def _select(self, table: TableName, selection: Selection, fate: Fate | None) -> None:
        condition, values = selection_sql(selection, fate)
        self._session.query(
            f"CREATE OR REPLACE TEMP TABLE {name_in_sql(RECORDS)} AS "
            f"SELECT row_number() OVER (ORDER BY {_KEY}) AS n, *, fixed AS received_fixed "
            f"FROM ({with_fates(table_in_sql(table))}) WHERE {condition}",
            values,
        ).fetchall()

    def _split(self, *, alone: bool) -> None:
        self._session.register("@chunk", self._table([], []))
        self._session.query(f'CREATE OR REPLACE TEMP TABLE {_TEXTS} AS SELECT * FROM "@chunk"').fetchall()
        for rows in self._chunks(f"SELECT n, raw, header, fixed, rule, reason FROM {name_in_sql(RECORDS)}"):
            kept = [_kept(*row[1:]) for row in rows]
            split = split_records(self._contract, self._source, kept, alone=alone)
            self._insert([row[0] for row in rows], split)

    def _count_unsplit(self) -> int:
        broken = f"SELECT count(*) FROM {_TEXTS} WHERE {name_in_sql(RULE)} IS NOT NULL"
        return int(self._session.query(broken).fetchall()[0][0])

    def _insert(self, numbers: Sequence[int], records: Sequence[Split]) -> None:
        self._session.register("@chunk", self._table(numbers, records))
        self._session.query(f'INSERT INTO {_TEXTS} SELECT * FROM "@chunk"').fetchall()

    def _table(self, numbers: Sequence[int], records: Sequence[Split]) -> Any:
        import pyarrow as pa

        from lagoa.formats.shared.stream import stream_schema

        faults = [each.fault for each in records]
        columns: list[Sequence[Any]] = [
            numbers,
            [None] * len(numbers),
            [None] * len(numbers),
            [fault.rule if fault else None for fault in faults],
            [fault.reason if fault else None for fault in faults],
            *([(each.values or {}).get(name) for each in records] for name in self._names),
        ]
        schema = stream_schema(dict.fromkeys(self._names, pa.string()))
        arrays = [pa.array(each, field.type) for each, field in zip(columns, schema, strict=True)]
        nested = nested_columns(self._contract, [each.values for each in records])
        return pa.table([*arrays, *nested.values()], [*schema.names, *nested])

    def _view(self) -> str:
        """Return the query with the columns that a condition can name."""
        own = {"_batch_id": "_batch_id", "_source": "source", "_row": "record", "_rule": "rule", "_reason": "reason"}
        names = [f"{column} AS {name}" for name, column in own.items() if name not in self._names]
        texts = [f"t.{name_in_sql(stream_name(name))} AS {name_in_sql(name)}" for name in self._names]
        return (
            f"SELECT n, {', '.join([*texts, *names])} "
            f"FROM {name_in_sql(RECORDS)} JOIN {_TEXTS} AS t ON t.{name_in_sql(ROW)} = n"
        )

    def _keep(self, numbers: str) -> None:
        self._session.query(
            f"CREATE OR REPLACE TEMP TABLE {_TEXTS} AS SELECT * FROM {_TEXTS} WHERE {name_in_sql(ROW)} IN ({numbers})"
        ).fetchall()

    def _chunks(self, sql: str) -> Iterator[list[tuple[Any, ...]]]:
        last = int(self._session.query(f"SELECT coalesce(max(n), 0) FROM {name_in_sql(RECORDS)}").fetchall()[0][0])
        for first in range(1, last + 1, _CHUNK):
            rows = self._session.query(f"{sql} WHERE n BETWEEN ? AND ? ORDER BY n", [first, first + _CHUNK - 1])
            yield rows.fetchall()


def _kept(raw: bytes | None, header: str | None, fixed: str | None, rule: str, reason: str) -> Kept:
    names = None if header is None else tuple(json.loads(header))
    return Kept(raw or b"", names, _loaded(fixed), Fault(rule, reason))


def _loaded(fixed: str | None) -> Texts:
    return json.loads(fixed) if fixed else {}


def _fixes(records: Sequence[tuple[int, Texts, Texts]]) -> Any:
    import pyarrow as pa

    texts = [json.dumps(fixed, ensure_ascii=False, sort_keys=True) for _, fixed, _ in records]
    return pa.table({"n": pa.array([n for n, _, _ in records], pa.int64()), "fixed": pa.array(texts, pa.string())})
