"""The files of a model: `ml/<model>.yaml` says what it learns, `ml/<model>.py` how, an SQL file from which rows."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import BaseModel, Field

from lagoa.contracts.yaml_file import YamlFile
from lagoa.domain.suggestions import did_you_mean
from lagoa.domain.tables import TableName
from lagoa.errors import FileError, InvalidName, TrainingError
from lagoa.features.moments import check_zone

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
"""Names of models: those of Python functions, files, refs and MLflow's registry at once."""

Kind = Literal["probability", "quantiles"]

METRICS: dict[Kind, tuple[str, ...]] = {
    "probability": ("auc", "average_precision", "log_loss", "brier", "calibration_error"),
    "quantiles": ("pinball", "mae", "coverage", "kept", "longest"),
}
"""The figures of each kind of model; by the first, versions are compared unless the definition says otherwise."""


class DefinitionError(FileError):
    """The definition of a model (file and line)."""


class Limit(BaseModel):
    """What a metric must be."""

    minimum: Annotated[float, Field(allow_inf_nan=False)] | None = None
    maximum: Annotated[float, Field(allow_inf_nan=False)] | None = None


class Gate(BaseModel):
    """How a version is compared with the champion.

    Attributes:
        metric: by which.
        margin: by how much it may be worse, at the end of the interval that is worse for it.
    """

    metric: str = ""
    margin: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0


class Definition(BaseModel):
    """What a model learns; the keys of `ml/<model>.yaml`, as docs/ml.md explains them."""

    description: str = ""
    owner: str = ""
    kind: Kind
    rows: str
    key: Annotated[list[str], Field(min_length=1)]
    moment: str
    known: str
    zone: str = "UTC"
    label: str
    columns: list[str] = []
    features: list[str] = []
    entities: dict[str, str] = {}
    quantiles: list[Annotated[float, Field(gt=0, lt=1)]] = [0.1, 0.5, 0.9]
    test: Annotated[float, Field(gt=0, lt=1)] = 0.2
    baseline: str = ""
    segments: list[str] = []
    elasticities: list[str] = []
    backtest: Annotated[int, Field(ge=0, le=100)] = 0
    parameters: dict[str, int | float | str | bool] = {}
    search: dict[str, Annotated[list[int | float | str | bool], Field(min_length=1)]] = {}
    limits: dict[str, Limit] = {}
    gap: Annotated[float, Field(gt=0)] | None = None
    gate: Gate = Gate()
    scores: str = ""
    trusted: list[str] = []
    fallback: dict[str, int | float | str | bool] = {}

    @property
    def metric(self) -> str:
        """The metric by which versions are compared."""
        return self.gate.metric or METRICS[self.kind][0]

    @property
    def parts(self) -> tuple[float | None, ...]:
        """What the function is called for: each quantile, or once."""
        return tuple(self.quantiles) if self.kind == "quantiles" else (None,)


class _DefinitionFile(YamlFile):
    noun: ClassVar[str] = "definition of a model"
    advice: ClassVar[str] = "Look at docs/ml.md for one."
    failure: ClassVar[type[FileError]] = DefinitionError


@dataclass(frozen=True, slots=True)
class Model:
    """A model as its files say.

    Attributes:
        name: its name.
        definition: what it learns.
        sql: the SELECT of its rows.
        code: the text of its function.
        folder: where the files are.
        files: the text of each file, by its name.
    """

    name: str
    definition: Definition
    sql: str
    code: str
    folder: Path
    files: dict[str, str]


def model_names(folder: Path) -> list[str]:
    """Return the names of the models that a folder defines."""
    return sorted(each.stem for each in folder.glob("*.yaml")) if folder.is_dir() else []


def read_model(folder: Path, name: str) -> Model:
    """Read the files of a model.

    Args:
        folder: where they are.
        name: of the model.

    Raises:
        TrainingError: there is no such model, or a file of it is missing.
        DefinitionError: its definition cannot be used.
    """
    if name not in model_names(folder):
        known = model_names(folder)
        reason = f"{folder} has no {name}.yaml.{did_you_mean(name, known)}".rstrip(".")
        raise TrainingError(f"The model {name[:100]!r}", reason, f"There are: {', '.join(known) or 'none'}.")
    place = folder / f"{name}.yaml"
    if not NAME.fullmatch(name):
        advice = "Use lower-case letters, digits and _, a letter first; at most 100 characters."
        raise TrainingError(f"The file {place}", "it is not named as a model can be", advice)
    file = _DefinitionFile(place)
    definition = file.validate(Definition, file.data)
    _check(file, definition)
    files = {place.name: place.read_text("utf-8-sig")}
    for each, said in ((f"{name}.py", "the function"), (definition.rows, "the SELECT of the rows")):
        try:
            files[each] = (folder / each).read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise TrainingError(
                f"The file {folder / each}", f"it cannot be read ({error})", f"It must have {said}."
            ) from error
    return Model(name, definition, files[definition.rows], files[f"{name}.py"], folder, files)


@contextmanager
def unpacked(name: str, files: dict[str, str]) -> Iterator[Model]:
    """Yield a model of files that were kept; raises as `read_model` does."""
    with TemporaryDirectory(prefix="lagoa-ml-") as folder:
        for each, text in files.items():
            (Path(folder) / Path(each).name).write_text(text, "utf-8")
        yield read_model(Path(folder), name)


def _check(file: YamlFile, found: Definition) -> None:
    if Path(found.rows).name != found.rows or not found.rows.endswith(".sql"):
        raise file.error(("rows",), "it must be the name of an SQL file in the same folder.", "Write `rows: NAME.sql`.")
    check_zone(found.zone, str(file.path))
    _check_quantiles(file, found)
    _check_metrics(file, found)
    _check_scores(file, found)
    if not found.columns and not found.features:
        raise file.error((), "it names nothing to learn from.", "Name `columns` of the SELECT, or `features`.")
    for name in (found.label, found.known):
        if name in found.columns:
            message = f"{name!r} is known only later, and cannot be learned from."
            raise file.error(("columns", found.columns.index(name)), message, "Remove it.")
    _check_names(file, found)
    twice = sorted({each for each in found.columns if found.columns.count(each) > 1})
    if twice:
        raise file.error(("columns",), f"{', '.join(twice)} occurs twice.", "Remove one of them.")


def _check_quantiles(file: YamlFile, found: Definition) -> None:
    if found.quantiles != sorted(set(found.quantiles)) or not found.quantiles:
        raise file.error(("quantiles",), "they must rise.", "Write `quantiles: [0.1, 0.5, 0.9]`.")
    if found.kind != "quantiles" and "quantiles" in found.model_fields_set:
        raise file.error(("quantiles",), f"a {found.kind} has none.", "Remove them, or write `kind: quantiles`.")


def _check_names(file: YamlFile, found: Definition) -> None:
    for name in found.elasticities:
        if name not in found.columns:
            raise file.error(("elasticities",), f"{name!r} is none of the columns.", "Name a number of `columns`.")
    for name in found.search:
        if name not in found.parameters:
            message = f"{name!r} is none of the parameters."
            raise file.error(("search", name), message, "Name one, and its usual value under `parameters`.")


def _check_scores(file: YamlFile, found: Definition) -> None:
    if found.scores:
        try:
            TableName.parse(found.scores)
        except InvalidName as error:
            raise file.error(("scores",), "it is no name of a table.", "Write `scores: gold.NAME`.") from error


def _check_metrics(file: YamlFile, found: Definition) -> None:
    known = METRICS[found.kind]
    for name in found.limits:
        if name not in known:
            raise file.error(("limits", name), f"there is no metric {name!r}.", f"There are: {', '.join(known)}.")
        if found.limits[name].minimum is None and found.limits[name].maximum is None:
            raise file.error(("limits", name), "it limits nothing.", "Write `minimum` or `maximum`, and a number.")
    if found.gap is not None and not found.segments:
        raise file.error(("gap",), "it is of segments, and there are none.", "Name columns under `segments`.")
    if found.gate.metric and found.gate.metric not in known:
        raise file.error(("gate", "metric"), "there is no such metric.", f"There are: {', '.join(known)}.")
