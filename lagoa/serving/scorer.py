"""What a champion says of rows that a caller gives, with features that are read online."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lagoa.domain.features import microseconds_of, moment_of
from lagoa.errors import RowRefused, TrainingError
from lagoa.features.moments import moment_in_utc
from lagoa.serving.online import OnlineReader, category_of, reader_of, wanted_views
from lagoa.serving.predictors import nullable_features, predictor_of
from lagoa.serving.rows import Fault, Moment, Number, Refused, RowReader, Text, Whole, key_type, rows_to_json
from lagoa.training.definition import unpacked
from lagoa.training.fitted import load_fitted
from lagoa.training.score import score_columns
from lagoa.training.training_set import Views, entity_columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lagoa.context import LakeContext
    from lagoa.domain.training import TrainingRun
    from lagoa.training.definition import Definition
    from lagoa.training.fitted import Fitted

NULL, UNKNOWN = "null", "unknown category"
"""Why something stands in for a value that is there: the model takes no null; it knows no such text."""
REASONS = 5


@dataclass(frozen=True, slots=True)
class Reason:
    """What a feature adds to a score.

    Attributes:
        feature: its name: a column, or `view:feature`.
        value: what the model was given.
        contribution: on the scale of the log-odds, of a model of quantiles on that of its label.
    """

    feature: str
    value: float | str | None
    contribution: float


@dataclass(frozen=True, slots=True)
class Fallback:
    """A value that stood in for one that was missing.

    Attributes:
        feature: its name: a column, or `view:feature`.
        cause: `no row`, `expired`, `not online`, `changed`, `null` or `unknown category`.
        used: what the model was given.
    """

    feature: str
    cause: str
    used: float | str | None


@dataclass(frozen=True, slots=True)
class ScoredRow:
    """A row with what a model says of it.

    Attributes:
        key: of the row, by column.
        predicted: the probability, or each quantile (`q50`).
        training_rank: the share of the scores in the model's test that are lower, as in a table of scores; None of a
            run that kept none.
        base: the score that the contributions are added to; None where nothing is explained.
        reasons: the greatest contributions, the greatest first.
        fallbacks: what stood in for what was missing.
        known: from when on the features of each view are known (ISO 8601, UTC); null where there are none.
    """

    key: dict[str, Any]
    predicted: dict[str, float]
    training_rank: float | None
    base: float | None
    reasons: tuple[Reason, ...]
    fallbacks: tuple[Fallback, ...]
    known: dict[str, str | None]


@dataclass(frozen=True, slots=True)
class ScoredRows:
    """An answer.

    Attributes:
        model: name of the model.
        version: of the model.
        model_commit: what the model learned from.
        features_commit: what the online features are of; None if there are none.
        rows: in the order in which they were given.
    """

    model: str
    version: int
    model_commit: str
    features_commit: str | None
    rows: tuple[ScoredRow, ...]


class Scorer:
    """A version of a model, ready to answer. Any number of threads may use it.

    Args:
        context: the lake's.
        run: whose model answers.

    Raises:
        TrainingError: its files cannot be used, or the definition says a fallback that does not fit.
        TrainingUnavailable: its files are gone.
        FeaturesUnavailable: the online store does not answer.
    """

    def __init__(self, context: LakeContext, run: TrainingRun) -> None:
        self.run = run
        with unpacked(run.model, run.files) as model:
            definition = model.definition
            self.outputs = score_columns(model)
            views = Views.from_json(run.rows.views)
            entities = entity_columns(model, views)
            fitted = load_fitted(context.tracking.files(run), definition.trusted)
        self._zone, self._types = definition.zone, fitted.types
        self.names = _shown(fitted, views)
        self._nullable = nullable_features(fitted)
        self._fallbacks = _fallbacks(run.model, definition, fitted, self.names)
        self._check_nulls()
        self._predictor = predictor_of(fitted, self._nullable)
        self.rows = RowReader(run.model, self._columns(definition, views, entities))
        columns = self.rows.columns
        self._key = [(name, columns.index(name)) for name in definition.key]
        self._moment = columns.index(definition.moment)
        places = {each.name: position for position, each in enumerate(fitted.types)}
        self._own = [
            (columns.index(name), places[name], reader_of(fitted.types[places[name]])) for name in definition.columns
        ]
        self._views = wanted_views(views, columns, entities, fitted.types)
        self.online = OnlineReader(context.online, self._views)

    @property
    def quick(self) -> bool:
        """Whether a row is answered in less time than it takes to begin a thread for it."""
        return self._predictor.quick

    def score(self, rows: Sequence[Mapping[str, Any]], reasons: int = REASONS) -> ScoredRows:
        """Return what the model says of rows.

        Args:
            rows: 1 to 1,000; each has the key, the moment, the join keys of the online features, and the columns of the
                model that are not online.
            reasons: how many contributions are told, the greatest ones.

        Raises:
            RowRefused: a field is missing, unknown, or of another type.
            FeaturesUnavailable: the online store does not answer.
        """
        try:
            plain = [{name: _plain(value) for name, value in row.items()} for row in rows]
            return self.answer(self.rows.read(rows_to_json(plain)), reasons)
        except Refused as error:
            raise RowRefused(self.run.model, [str(each) for each in error.faults]) from None

    def answer(self, rows: list[list[Any]], reasons: int) -> ScoredRows:
        """Return what the model says of rows that `rows` has read; raises `Refused`, `FeaturesUnavailable`."""
        moments = [microseconds_of(moment_in_utc(row[self._moment], self._zone) or row[self._moment]) for row in rows]
        commit, found = self.online.read(rows, moments)
        values: list[list[float]] = []
        fallbacks: list[list[Fallback]] = []
        for number, row in enumerate(rows):
            given = [math.nan] * len(self._types)
            replaced: list[Fallback] = []
            for column, place, read in self._own:
                self._put(given, replaced, place, read(row[column]), row[column])
            for view, of_rows in zip(self._views, found, strict=True):
                of_row = of_rows[number]
                if of_row.missing:
                    for place in view.places:
                        given[place] = self._stand_in(replaced, place, of_row.missing, self._fallbacks[place])
                    continue
                for place, read, value in zip(view.places, view.readers, of_row.values, strict=True):
                    self._put(given, replaced, place, read(value), value)
            values.append(given)
            fallbacks.append(replaced)
        predicted = self._predicted(values)
        explained = self._predictor.contributions(values) if reasons else None
        scored = []
        for number, row in enumerate(rows):
            contributions, base = (explained[0][number], explained[1][number]) if explained else ([], None)
            scored.append(
                ScoredRow(
                    key={name: row[position] for name, position in self._key},
                    predicted=dict(zip(self.outputs, predicted[number], strict=True)),
                    training_rank=self._rank(predicted[number]),
                    base=base,
                    reasons=self._reasons(contributions, values[number], reasons),
                    fallbacks=tuple(fallbacks[number]),
                    known={
                        view.view.name: moment.isoformat() if (moment := moment_of(of_rows[number].moment)) else None
                        for view, of_rows in zip(self._views, found, strict=True)
                    },
                )
            )
        return ScoredRows(self.run.model, self.run.version, self.run.commit, commit, tuple(scored))

    def _put(self, given: list[float], replaced: list[Fallback], place: int, value: float | None, said: Any) -> None:
        """Put a value in its place: null where the model takes null, else what stands in for it."""
        if value is not None:
            given[place] = value
        elif not isinstance(said, str):
            if not self._nullable[place]:
                given[place] = self._stand_in(replaced, place, NULL, self._fallbacks[place])
        else:
            instead = None if self._nullable[place] else self._fallbacks[place]
            if instead is None and not self._nullable[place]:
                raise Refused([Fault((self.names[place],), "The model does not know this text, and takes no null")])
            given[place] = self._stand_in(replaced, place, UNKNOWN, instead)

    def _stand_in(self, replaced: list[Fallback], place: int, cause: str, value: float | None) -> float:
        found = math.nan if value is None else value
        replaced.append(Fallback(self.names[place], cause, self._shown(place, found)))
        return found

    def _predicted(self, values: list[list[float]]) -> list[list[float]]:
        predicted: list[list[float]] = self._predictor.predict(values).tolist()
        for number, each in enumerate(predicted):
            if not all(map(math.isfinite, each)):
                raise Refused([Fault((number,), "The model predicts no finite number for these values")])
        return predicted

    def _rank(self, predicted: Sequence[float]) -> float | None:
        scores = self.run.scores
        return bisect_left(scores, predicted[len(predicted) // 2]) / len(scores) if scores else None

    def _reasons(self, contributions: Sequence[float], values: Sequence[float], most: int) -> tuple[Reason, ...]:
        order = sorted(range(len(contributions)), key=lambda place: -abs(contributions[place]))[:most]
        return tuple(
            Reason(self.names[place], self._shown(place, values[place]), contributions[place]) for place in order
        )

    def _shown(self, place: int, value: float) -> float | str | None:
        """Return a value as a person knows it."""
        if math.isnan(value):
            return None
        categories = self._types[place].categories
        return value if categories is None else categories[int(value)]

    def _check_nulls(self) -> None:
        for place, name in enumerate(self.names):
            if ":" in name and not self._nullable[place] and self._fallbacks[place] is None:
                reason = f"the model takes no null in {name}, which can be missing online"
                advice = f"Say what stands in: `fallback: {{{name}: …}}` in ml/{self.run.model}.yaml; train again."
                raise TrainingError(f"{self.run.model} {self.run.version}", reason, advice)

    def _columns(self, definition: Definition, views: Views, entities: Mapping[str, str]) -> dict[str, Any]:
        """Return the type of each column that a request must have."""
        found: dict[str, Any] = dict.fromkeys(definition.key, Text | Whole)
        found[definition.moment] = Moment
        places = {each.name: position for position, each in enumerate(self._types)}
        for name in definition.columns:
            place = places[name]
            kind = Number if self._types[place].categories is None else Text
            may_be_null = self._nullable[place] or self._fallbacks[place] is not None
            found[name] = kind | None if may_be_null else kind
        for view in views.definitions.views.values():
            for (key, _), stored in zip(view.keys, view.key_types, strict=True):
                found[entities[key]] = key_type(stored)
        return found


def _shown(fitted: Fitted, views: Views) -> list[str]:
    """Return the features' names as a person knows them: `view:feature` of those that are online."""
    online = {f"{view}__{each}": f"{view}:{each}" for view, features in views.wanted.items() for each in features}
    return [online.get(each.name, each.name) for each in fitted.types]


def _fallbacks(model: str, definition: Definition, fitted: Fitted, names: Sequence[str]) -> list[float | None]:
    """Return of each feature what stands in for it, as the model takes it; None where null does."""
    found: list[float | None] = [None] * len(names)
    for name, value in definition.fallback.items():
        place = names.index(name)
        kind = fitted.types[place]
        known = category_of(kind)(value) if kind.categories is not None else _number(value)
        if known is None:
            expected = "a number" if kind.categories is None else "one of the texts that the model learned from"
            advice = f"Correct it in ml/{model}.yaml, and train again."
            raise TrainingError(f"The fallback {name!r} of {model}", f"{value!r} is not {expected}", advice)
        found[place] = known
    return found


def _plain(value: Any) -> Any:
    """Return a value of a table's row as a request has it: true and false as the numbers that models take."""
    return float(value) if isinstance(value, bool) else value


def _number(value: Any) -> float | None:
    return None if isinstance(value, str) or not math.isfinite(value) else float(value)
