"""Who sees what of the published data over SQL: `infra/policy.toml`, read strictly."""

from __future__ import annotations

import tomllib
from pathlib import Path  # noqa: TC003 - pydantic reads the annotations
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lagoa.domain.roles import SqlRole  # noqa: TC001 - likewise
from lagoa.errors import SettingsError

PLACE = "infra/policy.toml"

Layer = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class Policy(BaseModel):
    """Who sees what over SQL.

    Attributes:
        masked: classifications of columns whose values nobody sees.
        layers: that each role reads; a role without any reads nothing.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    masked: tuple[str, ...]
    layers: dict[SqlRole, tuple[Layer, ...]]

    def readers(self, layer: str) -> tuple[SqlRole, ...]:
        """Return the roles that read a layer."""
        return tuple(role for role, layers in self.layers.items() if layer in layers)


def read_policy(root: Path) -> Policy:
    """Return the policy of a lake.

    Raises:
        SettingsError: there is no such file, or it is not of the form above.
    """
    path = root / PLACE
    try:
        return Policy.model_validate(tomllib.loads(path.read_text("utf-8")))
    except FileNotFoundError as error:
        raise SettingsError(f"There is no {path}.", "Trino is run from a lake that says who sees what.") from error
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError) as error:
        raise SettingsError(f"{path}: {error}", "Fix the file.") from error
