"""Tables: their names, and the columns that ingest adds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from lagoa.errors import InvalidName

if TYPE_CHECKING:
    from lagoa.domain.ports.catalog import Pointers

QUARANTINE_LAYER = "quarantine"
"""The namespace of the quarantine tables, which contain the records that other tables refused."""

ENGINE_LAYERS = frozenset({"information_schema", "pg_catalog", "main", "temp", "system", "memory"})
"""Names that the SQL engine has for schemas of its own: no table can be in a layer of such a name."""

OWN_PREFIX = "_lagoa_"
"""Prefix of the columns that Lagoa adds to rows while it reads and writes them."""

ENGINE_COLUMNS = frozenset({"file_row_number"})
"""Columns that the SQL engine adds to the rows that it reads: no table can have one of such a name."""

LINEAGE_COLUMNS = ("_batch_id", "_ingested_at", "_source", "_row")
"""The columns that ingest adds to each row: its batch, the time, the file's name, the record's number from 1."""

IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]{0,126}")
"""The names that layers, tables and columns may have."""


@dataclass(frozen=True, slots=True, order=True)
class TableName:
    """A table's namespace and name, such as `silver.orders`."""

    namespace: tuple[str, ...]
    name: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse `layer.table`: lower-case letters, digits and underscores.

        Raises:
            InvalidName: any other form.
        """
        namespace, _, name = text.partition(".")
        if not (IDENTIFIER.fullmatch(namespace) and IDENTIFIER.fullmatch(name)):
            raise InvalidName("table", text, "the form layer.table, of lower-case letters, digits and underscores")
        return cls((namespace,), name)

    @classmethod
    def of_text(cls, text: str) -> Self:
        """Return the table whose name this is as text, which another program may have chosen: any parts with dots."""
        *namespace, name = text.split(".")
        return cls(tuple(namespace), name)

    @property
    def layer(self) -> str:
        """The namespace as text, such as `silver`."""
        return ".".join(self.namespace)

    @property
    def quarantine(self) -> TableName:
        """The quarantine of this table, with the records that it refused: `quarantine.bronze__orders`."""
        return TableName((QUARANTINE_LAYER,), f"{self.layer}__{self.name}")

    @property
    def is_quarantine(self) -> bool:
        """Whether this is the quarantine of a table."""
        return self.namespace == (QUARANTINE_LAYER,)

    def __repr__(self) -> str:
        return f"<TableName {self}>"

    def __str__(self) -> str:
        return ".".join((*self.namespace, self.name))


def tables_differing(left: Pointers, right: Pointers) -> dict[TableName, tuple[str | None, str | None]]:
    """Return each table whose pointer differs, as (left, right), by name."""
    differing = {name for name, _ in left.items() ^ right.items()}
    return {name: (left.get(name), right.get(name)) for name in sorted(differing)}
