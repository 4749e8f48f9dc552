"""Proof against leaks: what a row says of its moment must be what an earlier state of the lake said of it, too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lagoa.errors import TrainingError
from lagoa.features.offline import TablesAt
from lagoa.training.definition import read_model
from lagoa.training.evaluation import moment_at
from lagoa.training.training_set import KNOWN, MOMENT, Selections, training_set, views_of

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa

    from lagoa.context import LakeContext
    from lagoa.training.definition import Model


@dataclass(frozen=True, slots=True)
class Leak:
    """A column that says something else of the same rows when later rows are there.

    Attributes:
        column: its name.
        rows: rows in which it differs.
        example: the key of one of them.
        before: its value there in the earlier state.
        now: its value there in the later one.
    """

    column: str
    rows: int
    example: str
    before: object
    now: object


@dataclass(frozen=True, slots=True)
class LeakCheck:
    """The rows of a model at two commits, compared.

    Attributes:
        model: its name.
        commit: the later commit.
        earlier: the earlier one.
        until: the latest moment that the earlier one knows (UTC); later rows are not compared.
        rows: rows that were compared.
        leaks: columns that differ, the one with the most rows first.
    """

    model: str
    commit: str
    earlier: str
    until: datetime
    rows: int
    leaks: tuple[Leak, ...]


def check_leaks(context: LakeContext, name: str, ref: str, earlier: str) -> LeakCheck:
    """Build the rows of a model at a ref and at an earlier one, and compare what both say of the same moments.

    A feature must be the same in both: whatever differs was not known at the moment of the row, or was corrected since.
    A label must be the same where it was known by then, and only there.

    Args:
        context: the lake's.
        name: of the model.
        ref: the later state.
        earlier: a state with fewer rows, such as `main~1`.

    Raises:
        TrainingError: there is no such model, or the earlier state has no row of it.
    """
    model = read_model(context.settings.ml_folder, name)
    views = views_of(context, model.definition)
    now, then = (TablesAt(context, each) for each in (ref, earlier))
    new, old = (training_set(model, Selections(context, each), views).table for each in (now, then))
    if not old.num_rows:
        raise TrainingError(f"The state {earlier}", f"it has no row of {name}", "Name one with rows.")
    horizon = _horizon(old, model.definition.label)
    both, found = _compared(context, model, old, new, horizon)
    return LeakCheck(name, now.commit, then.commit, moment_at(horizon), both, found)


def _horizon(rows: pa.Table, label: str) -> int:
    """Return the latest moment of a row or of a label that is there."""
    import pyarrow.compute as pc

    found = [pc.max(each).as_py() for each in (rows[MOMENT], rows.filter(pc.is_valid(rows[label]))[KNOWN])]
    return max(int(each) for each in found if each is not None)


def _compared(
    context: LakeContext, model: Model, old: pa.Table, new: pa.Table, horizon: int
) -> tuple[int, tuple[Leak, ...]]:
    """Return how many rows both have, and the columns that differ."""
    from lagoa.domain.sql_names import name_in_sql

    definition = model.definition
    key = [name_in_sql(each) for each in definition.key]
    features = [each for each in new.column_names if each not in {*definition.key, definition.label, KNOWN}]
    keys = ", ".join(key)
    shown = f"concat_ws(', ', {', '.join(f'a.{each}' for each in key)})"
    label = name_in_sql(definition.label)
    conditions = {each: f"a.{name_in_sql(each)} IS DISTINCT FROM b.{name_in_sql(each)}" for each in features}
    # a label that the later state says was known by then must have been there, as the same
    conditions[definition.label] = (
        f"a.{label} IS DISTINCT FROM b.{label} AND (a.{label} IS NOT NULL OR b.{KNOWN} <= {horizon})"
    )
    with context.engine.session({}) as session:
        session.register("_lagoa_old", old)
        session.register("_lagoa_new", new)
        joined = f"_lagoa_old AS a JOIN _lagoa_new AS b USING ({keys})"
        counts = ", ".join(f"count(*) FILTER ({each})" for each in conditions.values())
        ((rows, *differing),) = session.query(f"SELECT count(*), {counts} FROM {joined}").fetchall()  # noqa: S608
        found = []
        for (name, condition), count in zip(conditions.items(), differing, strict=True):
            if count:
                column = name_in_sql(name)
                query = f"SELECT {shown}, a.{column}, b.{column} FROM {joined} WHERE {condition} ORDER BY 1 LIMIT 1"  # noqa: S608
                ((example, before, after),) = session.query(query).fetchall()
                found.append(Leak(name, count, example, before, after))
    return rows, tuple(sorted(found, key=lambda each: -each.rows))
