"""How MLflow loads a model that `lagoa ml train` saved, as in `mlflow.pyfunc.load_model("models:/NAME@champion")`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from lagoa.training.fitted import Fitted


class LoadedModel:
    """A saved model as MLflow calls it.

    Args:
        fitted: the model.
    """

    def __init__(self, fitted: Fitted) -> None:
        self._fitted = fitted

    def predict(self, frame: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Return a probability a row, or a column a quantile.

        Args:
            frame: the features by name: numbers, and texts; others are left out.
            params: none are known.
        """
        import pandas as pd

        del params
        columns: dict[str, Any] = {}
        for each in self._fitted.types:
            values = frame[each.name]
            columns[each.name] = (
                values.astype("float64") if each.categories is None else pd.Categorical(values, each.categories)
            )
        predicted = self._fitted.predict_frame(pd.DataFrame(columns, index=frame.index))
        names = ["probability" if quantile is None else f"quantile_{quantile:g}" for quantile, _ in self._fitted.parts]
        return pd.DataFrame(predicted, columns=names, index=frame.index)


def _load_pyfunc(path: str) -> LoadedModel:
    """Load a saved model; MLflow calls it by this name."""
    from lagoa.training.fitted import load_fitted, trusted_in

    return LoadedModel(load_fitted(Path(path), trusted_in(Path(path))))
