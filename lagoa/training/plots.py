"""Pictures of a run: how well it ranks, whether its probabilities are true, what matters, what has shifted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lagoa.domain.optional import extra
from lagoa.training.fitted import NEEDS
from lagoa.training.metrics import Probabilities

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np

    from lagoa.domain.training import TrainingRun
    from lagoa.training.definition import Model
    from lagoa.training.evaluation import Evaluation

_SHOWN = 12
_LETTER = 0.09
"""Inches that a letter of a name beside a bar takes at most, on average."""


def draw(folder: Path, model: Model, run: TrainingRun, found: Evaluation) -> None:
    """Write the pictures of a run as SVG files.

    Args:
        folder: where to; made if it is not there.
        model: the model.
        run: the run.
        found: what its test found.
    """
    with extra("ml", NEEDS):
        from matplotlib import rc_context
        from matplotlib.figure import Figure  # not pyplot, which keeps figures and looks for a screen

    folder.mkdir(parents=True, exist_ok=True)

    def saved(name: str, paint: Any, width: float = 5) -> None:
        figure = Figure(figsize=(width, 4))  # without a layout that is found by drawing: that takes as long again
        paint(figure)
        with rc_context({"svg.fonttype": "none"}):  # text stays text
            figure.savefig(folder / f"{name}.svg")

    if model.definition.kind == "probability":
        scores = Probabilities(found.label, found.predictions[:, 0])
        saved("ranking", lambda figure: _ranking(figure, scores), 9)
        saved("calibration", lambda figure: _calibration(figure, scores))
    else:
        saved("quantiles", lambda figure: _quantiles(figure, model, found.label, found.predictions))
    lost = f"{model.definition.metric} lost when shuffled"
    names = 0.3 + _LETTER * max((len(name) for name in [*run.importances, *run.drift]), default=0)
    saved("importances", lambda figure: _bars(figure, run.importances, lost, names), 4 + names)
    shifted = "population stability index, learned from against tested"
    saved("drift", lambda figure: _bars(figure, run.drift, shifted, names), 4 + names)


def _ranking(figure: Any, scores: Probabilities) -> None:
    found, wrong, precision = scores.roc()
    left, right = figure.subplots(1, 2)
    left.plot(wrong, found)
    left.plot([0, 1], [0, 1], linestyle=":")
    left.set(title="ROC", xlabel="share of the others", ylabel="share found")
    right.plot(found, precision)
    right.set(title="Precision and recall", xlabel="share found", ylabel="precision", ylim=(0, None))


def _calibration(figure: Any, scores: Probabilities) -> None:
    curve = scores.curve()
    axes = figure.subplots()
    axes.plot([each[0] for each in curve], [each[1] for each in curve], marker="o")
    most = max(max(each[:2]) for each in curve)
    axes.plot([0, most], [0, most], linestyle=":")
    axes.set(title="Calibration", xlabel="predicted", ylabel="came true")


def _quantiles(figure: Any, model: Model, label: np.ndarray, predicted: np.ndarray) -> None:
    axes = figure.subplots()
    shares = [float((label <= predicted[:, number]).mean()) for number in range(predicted.shape[1])]
    axes.plot(model.definition.quantiles, shares, marker="o")
    axes.plot([0, 1], [0, 1], linestyle=":")
    axes.set(title="Calibration", xlabel="quantile", ylabel="share at or below it")


def _bars(figure: Any, values: Mapping[str, float], title: str, names: float) -> None:
    shown = list(values.items())[:_SHOWN][::-1]
    axes = figure.subplots()
    figure.subplots_adjust(left=names / figure.get_figwidth(), right=0.97)
    axes.barh([name for name, _ in shown], [value for _, value in shown])
    axes.set(title=title)
    axes.title.set_fontsize("small")
