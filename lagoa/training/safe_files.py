"""The files that models of a library are kept in: LightGBM's text, and skops. Reading one runs no code of the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import skops.io
from lightgbm import Booster
from sklearn.base import BaseEstimator

from lagoa.domain.lists import counted
from lagoa.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_LIGHTGBM, _SKOPS = "lightgbm", "skops"
SUFFIX = {_LIGHTGBM: "lgb", _SKOPS: "skops"}
"""How files of each format end."""


def format_of(part: Any, name: str = "") -> str:
    """Return the format that a part of the model of a name is kept in; raises `TrainingError` if it has none here."""
    if isinstance(part, Booster):
        return _LIGHTGBM
    if isinstance(part, BaseEstimator) and not type(part).__module__.startswith("lightgbm"):
        return _SKOPS
    returned = "None" if part is None else f"a {type(part).__module__}.{type(part).__qualname__}"
    advice = "Return an estimator of scikit-learn or a Booster of LightGBM (`lightgbm.train`, or `.booster_`)."
    raise TrainingError(f"The function of the model {name}".rstrip(), f"it returned {returned}", advice)


def written(part: Any, form: str, trusted: Sequence[str], name: str = "") -> bytes:
    """Return a part of the model of a name as a file; raises `TrainingError` if it has types that are not trusted."""
    if form == _LIGHTGBM:
        return str(part.model_to_string(num_iteration=-1)).encode()
    data: bytes = skops.io.dumps(part)
    _check_types(data, trusted, name)
    return data


def read(file: Path, form: str, trusted: Sequence[str]) -> Any:
    """Return the model in a file; raises as `written` does, and whatever a library says of a file of something else."""
    data = file.read_bytes()
    if form == _LIGHTGBM:
        return Booster(model_str=data.decode())
    if form != _SKOPS:
        raise ValueError(form)
    _check_types(data, trusted)
    return skops.io.loads(data, trusted=list(trusted))


def _check_types(data: bytes, trusted: Sequence[str], name: str = "") -> None:
    unknown = sorted(set(skops.io.get_untrusted_types(data=data)) - set(trusted))
    if unknown:
        reason = f"it has {counted(len(unknown), 'type')} that skops does not trust: {', '.join(unknown)}"
        line = f"trusted: [{', '.join(sorted({*trusted, *unknown}))}]"
        advice = f"Read their code; if loading them cannot do harm, write `{line}` in the definition."
        raise TrainingError(f"The model {name}".rstrip(), reason, advice)
