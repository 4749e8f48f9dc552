"""What `lagoa.source` may say of key-value files."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from lagoa.formats.shared.options import TextSource


class KvSource(TextSource):
    """The form of key-value files.

    Attributes:
        format: `kv`.
        between: the character between two fields.
    """

    files: ClassVar[str] = "key-value"

    format: Literal["kv"]
    between: Annotated[str, Field(min_length=1, max_length=1)] = ";"
