"""The records of trained models in a PostgreSQL database, for lakes that several machines share.

`lagoa.adapters.postgres.tables` makes the tables, and says who may do what: nobody changes or deletes a record.
"""

# ruff: noqa: S608 - the name of the schema is fixed, values are bound

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from lagoa.adapters.postgres.lazy import LazySession, Login
from lagoa.domain.training import Promotion, TrainingRun
from lagoa.errors import CatalogBusy, PromotionLost, TrainingUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lagoa.adapters.postgres.session import Connection

FORMAT = 1
TRAINING = "lagoa_training"
"""The schema."""

_T = TypeVar("_T")


class PostgresTrainingRuns:
    """See `lagoa.domain.ports.training.TrainingRuns`; connected at its first use.

    Args:
        login: of the role, and where.
    """

    def __init__(self, login: Login) -> None:
        self._lazy = LazySession(login, TRAINING, FORMAT, 'training = "postgres"')

    def add(self, run: TrainingRun) -> None:
        """Keep a run."""
        sql = f"insert into {TRAINING}.runs (id, model, document) values (%s, %s, %s) on conflict (id) do nothing"
        document = run.to_json()

        def keep(db: Connection) -> bool:
            db.execute(sql, (run.id, run.model, document))
            # By what is there then, as the connection may have broken after the first try.
            there = db.execute(f"select document from {TRAINING}.runs where id = %s", (run.id,)).fetchone()
            return there == (document,)

        if not self._run(keep):
            raise TrainingUnavailable(self._lazy.get().place, f"it has another run {run.id}")

    def runs(self, model: str | None = None) -> list[TrainingRun]:
        """Return the runs, of one model or all, newest first."""
        sql = f"select document from {TRAINING}.runs where %s::text is null or model = %s order by number desc"
        return [TrainingRun.from_json(document) for (document,) in self._rows(sql, (model, model))]

    def promotions(self, model: str) -> list[Promotion]:
        """Return the promotions of a model, newest first."""
        sql = f"select document from {TRAINING}.promotions where model = %s order by number desc"
        return [Promotion.from_json(document) for (document,) in self._rows(sql, (model,))]

    def promote(self, promotion: Promotion) -> None:
        """Keep a promotion, if its number is the next one of its model."""
        table = f"{TRAINING}.promotions"
        # Two at once have the same number: the second one waits for the first, and then has nothing to insert.
        sql = f"""
            insert into {table} (model, number, document) select %(model)s, %(number)s, %(document)s
            where %(number)s = (select coalesce(max(number), 0) + 1 from {table} where model = %(model)s)
            on conflict (model, number) do nothing
        """
        ours = f"select document from {table} where model = %(model)s and number = %(number)s"
        row = {"model": promotion.model, "number": promotion.number, "document": promotion.to_json()}

        def keep(db: Connection) -> bool:
            db.execute(sql, row)
            return db.execute(ours, row).fetchone() == (row["document"],)

        if not self._run(keep):
            raise PromotionLost(promotion.model, promotion.number)

    def close(self) -> None:
        """Close the connection."""
        self._lazy.close()

    def _rows(self, sql: Any, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        return self._run(lambda db: db.execute(sql, parameters).fetchall())

    def _run(self, work: Callable[[Connection], _T]) -> _T:
        session = self._lazy.get()
        try:
            return session.run(work)
        except CatalogBusy as error:
            reason = error.message.removeprefix(session.place).strip(" .")
            raise TrainingUnavailable(session.place, f"it {reason}") from error
