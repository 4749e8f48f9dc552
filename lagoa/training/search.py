"""A bounded, seeded search over a function's parameters, by rows that the test does not see."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lagoa.domain.training import HIGHER_IS_BETTER, Trial
from lagoa.errors import TrainingError
from lagoa.training.evaluation import fit, label_of, predict, split
from lagoa.training.metrics import scored

if TYPE_CHECKING:
    from lagoa.training.definition import Definition, Model
    from lagoa.training.evaluation import Split
    from lagoa.training.training_set import TrainingSet

_SEED = 20_26


def search(model: Model, rows: TrainingSet, parts: Split, count: int) -> tuple[Trial, ...]:
    """Try parameters, the definition's own first; return the trials, the best one first.

    The rows for learning are divided once more, by the same rules: earlier ones to learn from, later ones to compare.

    Args:
        model: the model; its definition says under `search` which values there are.
        rows: its rows.
        parts: how they are divided.
        count: how many combinations are tried at most; which, is the same each time.

    Raises:
        TrainingError: the definition names no values, or the function fails.
    """
    import numpy as np

    definition = model.definition
    if not definition.search:
        advice = f"Write `search: {{parameter: [value, …]}}` in {model.name}.yaml."
        raise TrainingError(f"The model {model.name}", "its definition names nothing to search", advice)
    inner = split(model, replace(rows, table=parts.train))
    label = label_of(inner.test, definition)
    ones = np.ones(len(label))
    found = []
    for parameters in _combinations(definition, count):
        fitted = fit(model, rows, inner, parameters)
        predicted = predict(model, fitted, inner.test)
        figures = scored(definition.kind, label, predicted, definition.quantiles).figures(ones)
        found.append(Trial(parameters, figures[definition.metric]))
    sign = -1 if definition.metric in HIGHER_IS_BETTER else 1
    return tuple(sorted(found, key=lambda each: np.inf if np.isnan(each.value) else sign * each.value))


def _combinations(definition: Definition, count: int) -> list[dict[str, Any]]:
    """Return the definition's own parameters, and as many others as fit."""
    own = dict(definition.parameters)
    names = sorted(definition.search)
    every = [
        own | dict(zip(names, values, strict=True))
        for values in itertools.product(*(definition.search[name] for name in names))
    ]
    others = [each for each in every if each != own]
    chosen = random.Random(_SEED).sample(others, min(count - 1, len(others)))  # noqa: S311 - no secret
    return [own, *chosen]
