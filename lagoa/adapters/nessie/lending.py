"""Tables lent to another engine: on a branch of this process's own, that the engine reads and writes by itself."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lagoa.adapters.nessie.contents import Contents, delta_operations
from lagoa.adapters.nessie.http import NotThere, at
from lagoa.adapters.shared.states import Delta
from lagoa.errors import CatalogBusy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from lagoa.adapters.nessie.http import NessieHttp
    from lagoa.adapters.nessie.scratch import Scratches
    from lagoa.domain.ports.catalog import Pointers
    from lagoa.domain.tables import TableName


@dataclass(frozen=True, slots=True)
class Lent:
    """A branch with lent tables.

    Attributes:
        branch: its name.
        http: the server.
    """

    branch: str
    http: NessieHttp

    def pointer(self, table: TableName) -> str:
        """Return where a table is now; raises `CatalogBusy` if somebody removed the branch or the table."""
        key = ".".join((*table.namespace, table.name))
        try:
            found = self.http.call("GET", f"{at(self.branch)}/contents/{key}")
        except NotThere as error:
            raise CatalogBusy(f"Nessie does not have {key} of {self.branch!r} any more.", "Try again.") from error
        return str(found["content"]["metadataLocation"])


@contextmanager
def lend(
    http: NessieHttp, scratches: Scratches, ids: Callable[[str], Mapping[str, int]], root: str, tables: Pointers
) -> Iterator[Lent]:
    """Yield a branch that has exactly these tables; afterwards it is removed, wherever it has moved.

    Args:
        http: the server.
        scratches: makes branches of this process's own.
        ids: reads the Iceberg ids of a pointer.
        root: the hash that means "no commit".
        tables: the pointer of each table.

    Raises:
        CatalogBusy, NotAllowed: the server does not answer in time, or refuses the role.
    """
    namespaces: dict[tuple[str, ...], dict[str, str]] = {table.namespace: {} for table in tables}
    operations = delta_operations(Contents(), Delta(dict(tables), dict(namespaces)), ids)
    meta: dict[str, Any] = {"message": "Tables lent to an engine"}
    with scratches.lent(root) as scratch:
        scratch.commit({"commitMeta": meta, "operations": operations})
        yield Lent(scratch.name, http)
