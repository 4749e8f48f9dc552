"""What `sources/<name>.yaml` says, whatever the kind of the source; each kind adds what only it has."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - pydantic evaluates it
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from lagoa.domain.commits import LoadMode  # noqa: TC001 - pydantic evaluates it
from lagoa.domain.credentials import SECRET_NAME

Text = Annotated[str, StringConstraints(min_length=1, max_length=2000)]


class SecretName(BaseModel):
    """A password or key, by the name under which the lake's secrets have it: a declaration never has the value.

    Attributes:
        secret: the name, such as `crm-password`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    secret: Annotated[str, StringConstraints(pattern=SECRET_NAME.pattern)]


class SourceTable(BaseModel):
    """What is loaded into one table.

    Attributes:
        mode: how it gets into the table.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: LoadMode = "append"


class Declaration(BaseModel):
    """What is known of every source.

    Attributes:
        kind: its kind.
        owner: who answers for it.
        description: what it is.
        raw: whether all that it gives is kept byte for byte in the raw layer.
        tables: the tables that are loaded from it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    owner: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    description: Annotated[str, StringConstraints(max_length=10_000)] = ""
    raw: bool = False
    tables: Annotated[Mapping[str, SourceTable], Field(min_length=1)]
