"""A fitted model: how rows become what it takes, and how it is kept in files that no loading can run code from."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lagoa.domain.optional import extra
from lagoa.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import pandas as pd
    import pyarrow as pa

    from lagoa.training.definition import Kind

ABOUT = "model.json"
_WHOLE = 2**53
"""Up to this, doubles have every whole number."""
NEEDS = "`lagoa ml`"
"""What needs the extra `ml`, in its error."""


@dataclass(frozen=True, slots=True)
class FeatureType:
    """What a feature is to a model.

    Attributes:
        name: its name.
        categories: the texts that the model knows, sorted; None for a number.
    """

    name: str
    categories: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Typical:
    """What a feature was in the rows that a model learned from; what it adds to a score is told beside this.

    Attributes:
        nulls: the share of nulls.
        mean: of a number that is not null; NaN if there is none.
        shares: of a text, the share of each of its categories.
    """

    nulls: float
    mean: float = math.nan
    shares: tuple[float, ...] = ()


def typical_of(frame: pd.DataFrame) -> dict[str, Typical]:
    """Return what is typical of each feature of a frame of `frame_of`, by its name."""
    import numpy as np

    found = {}
    for name in frame.columns:
        column = frame[name]
        nulls = float(column.isna().mean())
        if hasattr(column, "cat"):
            codes = column.cat.codes.to_numpy()
            counts = np.bincount(codes[codes >= 0], minlength=len(column.cat.categories))
            found[str(name)] = Typical(nulls, shares=tuple((counts / len(codes)).tolist()))
        else:
            found[str(name)] = Typical(nulls, float(column.mean()))
    return found


def feature_types(table: pa.Table, names: Sequence[str]) -> tuple[FeatureType, ...]:
    """Return the types of features, with the texts that occur in a table.

    Raises:
        TrainingError: a feature is neither a number, true or false, nor a text.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    found = []
    for name in names:
        kind = table.schema.field(name).type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            texts = pc.unique(table[name].cast(pa.string())).drop_null().to_pylist()
            found.append(FeatureType(name, tuple(sorted(texts))))
        elif (
            any(test(kind) for test in (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal))
            or pa.types.is_boolean(kind)
            or pa.types.is_null(kind)
        ):
            found.append(FeatureType(name))
        else:
            advice = "Make a number or a text of it in the SELECT, such as by date_diff."
            raise TrainingError(f"The feature {name!r}", f"a {kind} cannot be learned from", advice)
    return tuple(found)


def doubles(column: pa.ChunkedArray) -> np.ndarray:
    """Return numbers as the nearest doubles, true as 1, null as NaN."""
    import numpy as np
    import pyarrow as pa

    column = column.cast(pa.uint8()) if pa.types.is_boolean(column.type) else column
    # By their text: what Arrow makes of decimals is not always the nearest double, as any client sends it.
    column = column.cast(pa.string()) if pa.types.is_decimal(column.type) else column
    found: np.ndarray = column.cast(pa.float64(), safe=False).to_numpy().astype(np.float64, copy=False)
    return found


def frame_of(table: pa.Table, types: Sequence[FeatureType]) -> pd.DataFrame:
    """Return features as a model takes them: numbers as doubles, null as NaN; texts as categories, others as null."""
    import pandas as pd
    import pyarrow as pa

    columns: dict[str, Any] = {}
    for each in types:
        column = table[each.name]
        if each.categories is None:
            columns[each.name] = doubles(column)
        else:
            texts = column.cast(pa.string()).to_pandas()
            columns[each.name] = pd.Categorical(texts, categories=list(each.categories))
    return pd.DataFrame(columns)


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model that predicts.

    Attributes:
        kind: what it predicts.
        types: of the features that it takes.
        parts: the models of a library, one for each quantile; or one, with None for its quantile.
        typical: what each feature was in training, by its name; empty for a model of an earlier version.
    """

    kind: Kind
    types: tuple[FeatureType, ...]
    parts: tuple[tuple[float | None, Any], ...]
    typical: Mapping[str, Typical] = field(default_factory=dict)

    def predict(self, table: pa.Table) -> np.ndarray:
        """Return predictions, a row a row: one probability, or the quantiles in their order."""
        return self.predict_frame(frame_of(table, self.types))

    def predict_frame(self, frame: pd.DataFrame) -> np.ndarray:
        """Return predictions for a frame of `frame_of`."""
        import numpy as np

        found = np.column_stack([_predictions(part, frame, self.kind) for _, part in self.parts])
        return np.sort(found, axis=1)  # quantiles that were learned apart may cross

    def save(self, folder: Path, trusted: Sequence[str], name: str = "") -> None:
        """Write the model to a folder.

        Args:
            folder: where to; made if it is not there.
            trusted: types of scikit-learn models that may be in it, beside those that skops knows.
            name: of the model, for errors.

        Raises:
            TrainingError: it is of a library that has no safe file format here, or has types that are not trusted.
        """
        with extra("ml", NEEDS):
            from lagoa.training import safe_files

        folder.mkdir(parents=True, exist_ok=True)
        files = []
        for number, (quantile, part) in enumerate(self.parts):
            form = safe_files.format_of(part, name)
            file = f"part-{number}.{safe_files.SUFFIX[form]}"
            (folder / file).write_bytes(safe_files.written(part, form, trusted, name))
            files.append({"quantile": quantile, "format": form, "file": file})
        types = [{"name": each.name, "categories": each.categories} for each in self.types]
        typical = {feature: asdict(each) for feature, each in self.typical.items()}
        about = {"kind": self.kind, "types": types, "parts": files, "trusted": list(trusted), "typical": typical}
        (folder / ABOUT).write_text(json.dumps(about, indent=1, ensure_ascii=False), "utf-8")


def load_fitted(folder: Path, trusted: Sequence[str]) -> Fitted:
    """Read what `save` wrote; nothing in it can run code.

    Args:
        folder: where it is.
        trusted: types of scikit-learn models that may be made, beside those that skops knows.

    Raises:
        TrainingError: it is no such folder, or has types that are not trusted.
    """
    with extra("ml", NEEDS):
        from lagoa.training import safe_files

    try:
        about = json.loads((folder / ABOUT).read_text("utf-8"))
        types = tuple(
            FeatureType(each["name"], None if each["categories"] is None else tuple(each["categories"]))
            for each in about["types"]
        )
        parts = tuple(
            (
                each["quantile"],
                safe_files.read(folder / Path(each["file"]).name, each["format"], trusted),
            )
            for each in about["parts"]
        )
        typical = {
            name: Typical(each["nulls"], each["mean"], tuple(each["shares"]))
            for name, each in about.get("typical", {}).items()
        }
    except TrainingError:
        raise
    except Exception as error:  # a file of something else, in whatever words its library has for that
        advice = "Only models that `lagoa ml train` saved are loaded; a pickle never is."
        raise TrainingError(f"The folder {folder}", f"it has no saved model ({error!r})", advice) from error
    return Fitted(about["kind"], types, parts, typical)


def trusted_in(folder: Path) -> list[str]:
    """Return the types that a saved model's definition trusted; for a model that comes from this lake's own store."""
    return list(json.loads((folder / ABOUT).read_text("utf-8"))["trusted"])


def _predictions(part: Any, frame: pd.DataFrame, kind: Kind) -> np.ndarray:
    import numpy as np

    if kind == "probability" and hasattr(part, "predict_proba"):
        classes = [float(each) for each in part.classes_]
        return np.asarray(part.predict_proba(frame), dtype=np.float64)[:, classes.index(1.0)]
    return np.asarray(part.predict(frame), dtype=np.float64).reshape(len(frame))


def middle_of(predicted: np.ndarray) -> np.ndarray:
    """Return of each row what is predicted; of the median, where there are several quantiles."""
    found: np.ndarray = predicted[:, predicted.shape[1] // 2]
    return found


def constant_features(frame: pd.DataFrame) -> list[str]:
    """Return the features that have one value, or none, in all rows."""
    return [str(name) for name in frame.columns if frame[name].nunique(dropna=False) <= 1]


def rounded_features(table: pa.Table, types: Sequence[FeatureType]) -> list[str]:
    """Return the features with whole numbers that no double is equal to, such as long identifiers."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = []
    for each in types:
        column = table[each.name]
        if pa.types.is_integer(column.type) or (pa.types.is_decimal(column.type) and column.type.scale == 0):
            ends = pc.min_max(column).as_py()
            if max(abs(end or 0) for end in ends.values()) > _WHOLE:
                found.append(each.name)
    return found


def parameters_of(given: Mapping[str, Any], quantile: float | None) -> dict[str, Any]:
    """Return what a function is called with, beside the rows."""
    return dict(given) if quantile is None else {**given, "quantile": quantile}
