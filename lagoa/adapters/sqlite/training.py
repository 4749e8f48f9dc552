"""The records of trained models in one SQLite file: a row a run, a row a promotion."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from lagoa.adapters.sqlite.wal import open_prepared
from lagoa.domain.training import Promotion, TrainingRun
from lagoa.errors import PromotionLost, TrainingUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FORMAT = 1
_TABLES = """
create table if not exists runs (
    number integer primary key, id text not null unique, model text not null, document text not null
);
create index if not exists runs_of on runs (model, number);
create table if not exists promotions (
    model text not null, number integer not null, document text not null, primary key (model, number)
) without rowid;
"""


class SqliteTrainingRuns:
    """See `lagoa.domain.ports.training.TrainingRuns`; several threads and processes may use one file.

    Args:
        path: the file; made at the first write.
        busy_s: how long to wait for another writer.
    """

    def __init__(self, path: Path, busy_s: float = 60.0) -> None:
        self._path = path
        self._busy_s = busy_s

    def add(self, run: TrainingRun) -> None:
        """Keep a run."""
        row = (run.id, run.model, run.to_json())
        with self._writing() as db:
            db.execute("insert into runs (id, model, document) values (?, ?, ?) on conflict (id) do nothing", row)
            (there,) = db.execute("select document from runs where id = ?", row[:1]).fetchone()
            if there != row[2]:
                raise TrainingUnavailable(str(self._path), f"it has another run {run.id}")

    def runs(self, model: str | None = None) -> list[TrainingRun]:
        """Return the runs, of one model or all, newest first."""
        sql = "select document from runs where ?1 is null or model = ?1 order by number desc"
        return [TrainingRun.from_json(document) for (document,) in self._rows(sql, (model,))]

    def promotions(self, model: str) -> list[Promotion]:
        """Return the promotions of a model, newest first."""
        sql = "select document from promotions where model = ? order by number desc"
        return [Promotion.from_json(document) for (document,) in self._rows(sql, (model,))]

    def promote(self, promotion: Promotion) -> None:
        """Keep a promotion, if its number is the next one of its model."""
        with self._writing() as db:
            row = (promotion.model, promotion.number, promotion.to_json())
            db.execute(
                "insert into promotions select ?1, ?2, ?3 "
                "where ?2 = (select coalesce(max(number), 0) + 1 from promotions where model = ?1)",
                row,
            )
            ours = "select document from promotions where model = ? and number = ?"
            if db.execute(ours, row[:2]).fetchone() != row[2:]:
                raise PromotionLost(promotion.model, promotion.number)

    def close(self) -> None:
        """Do nothing: each call has a connection of its own."""

    def _rows(self, sql: str, parameters: tuple[str | None, ...]) -> list[tuple[str]]:
        if not self._path.is_file():
            return []
        with self._translated(), closing(self._open()) as db:
            return db.execute(sql, parameters).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._translated(), closing(self._open()) as db:
            db.execute("begin immediate")  # closing undoes it if anything fails
            yield db
            db.execute("commit")

    def _open(self) -> sqlite3.Connection:
        return open_prepared(self._path, self._busy_s, _FORMAT, _TABLES, synchronous="full")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise TrainingUnavailable(str(self._path), str(error)) from error
