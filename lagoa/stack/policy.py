"""Who sees what: `infra/policy.toml`, read strictly, of which the rules of Trino, Nessie and MinIO are made."""

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
    """Who sees what.

    Attributes:
        masked: classifications of columns whose values nobody sees over SQL.
        landing: layers that engineers write on branches of their own alone.
        layers: that each role reads over SQL; a role without any reads nothing.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    masked: tuple[str, ...]
    landing: tuple[Layer, ...] = ()
    layers: dict[SqlRole, tuple[Layer, ...]]

    def readers(self, layer: str) -> tuple[SqlRole, ...]:
        """Return the roles that read a layer."""
        return tuple(role for role, layers in self.layers.items() if layer in layers)

    @property
    def of_readers(self) -> tuple[str, ...]:
        """The layers that programs of the role `reader` read, and its users over SQL."""
        return self.layers.get("reader", ())

    @property
    def over_sql(self) -> tuple[str, ...]:
        """The layers that any role reads over SQL."""
        return tuple(sorted({layer for layers in self.layers.values() for layer in layers}))


def read_policy(root: Path) -> Policy:
    """Return the policy of a lake.

    Raises:
        SettingsError: there is no such file, or it is not of the form above.
    """
    path = root / PLACE
    try:
        return Policy.model_validate(tomllib.loads(path.read_text("utf-8")))
    except FileNotFoundError as error:
        raise SettingsError(f"There is no {path}.", "The stack is run from a lake that says who sees what.") from error
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError) as error:
        raise SettingsError(f"{path}: {error}", "Fix the file.") from error
